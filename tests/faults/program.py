"""A gateway as a process of its own, with adapters that tests need.

It is `python -m tests.faults.program`, and is set by the environment as `veneer serve` is.
"""

import asyncio
import gc
import os
import random
from collections.abc import AsyncIterator, Sequence

from openai.types import Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.adapters import PatientAdapter, PlainAdapter, TirelessAdapter
from veneer_gateway import Registry, Settings, configure_logging, serve
from veneer_protocol import (
    ChatCompletionRequest,
    ProviderAdapter,
    Reply,
    RequestContext,
    TextAdapter,
)

WORDS = 20


class BusyAdapter(PlainAdapter):
    """Answers in its own time, and counts who works for it."""

    def __init__(self) -> None:
        super().__init__("busy")
        self.at_work = 0

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        self.at_work += 1
        try:
            await asyncio.sleep(random.uniform(0, 0.03))
            return Reply(model=request.model).completion("word " * WORDS)
        finally:
            self.at_work -= 1

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        reply = Reply(model=request.model)
        self.at_work += 1
        try:
            for _ in range(WORDS):
                await asyncio.sleep(random.uniform(0, 0.003))
                yield reply.chunk("word ")
            yield reply.last_chunk()
        finally:
            self.at_work -= 1


class CensusAdapter(TextAdapter):
    """Says what there is in its process."""

    name = "census"
    models = ("one",)

    def __init__(self, busy: BusyAdapter) -> None:
        self.busy = busy

    async def generate(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[str]:
        gc.collect()
        yield f"{len(asyncio.all_tasks())} {self.busy.at_work}"


class EndlessAdapter(ProviderAdapter):
    """Says the same for ever without a pause, also where the answer is wanted as a whole."""

    name = "endless"

    async def list_models(self, context: RequestContext) -> Sequence[Model]:
        return [Model(id="endless/one", object="model", created=0, owned_by="endless")]

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        reply = Reply(model=request.model)
        while True:
            yield reply.chunk("word ")


class MuteAdapter(TextAdapter):
    """Says nothing for ever, without a pause."""

    name = "mute"
    models = ("one",)

    async def generate(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[str]:
        while True:
            yield ""


def main() -> None:
    settings = Settings.from_environment(os.environ)
    configure_logging(settings.log_level)
    registry = Registry()
    busy = BusyAdapter()
    for adapter in (
        busy,
        CensusAdapter(busy),
        EndlessAdapter(),
        MuteAdapter(),
        PatientAdapter(chunks_before=1),
        PlainAdapter(),
        TirelessAdapter(),
    ):
        registry.register(adapter)
    serve(settings, registry)


if __name__ == "__main__":
    main()
