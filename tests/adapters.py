"""Small real adapters, each with one habit."""

import asyncio
import gc
import sys
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress

from openai.types import Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from veneer_protocol import (
    ChatCompletionRequest,
    FinishReason,
    ProviderAdapter,
    Reply,
    RequestContext,
    usage,
)
from veneer_protocol.answers.derivation import assemble

Step = ChatCompletionChunk | BaseException | Callable[[], object] | object
"""What a scripted adapter does next: yield it, raise it, or call it and yield nothing."""


class PlainAdapter(ProviderAdapter):
    """Answers `hello`, and remembers what it was asked."""

    def __init__(self, name: str = "plain") -> None:
        self.name = name
        self.requests: list[ChatCompletionRequest] = []
        self.contexts: list[RequestContext] = []

    async def list_models(self, context: RequestContext) -> Sequence[Model]:
        self.contexts.append(context)
        return [Model(id=f"{self.name}/one", object="model", created=0, owned_by=self.name)]

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        self._remember(request, context)
        return Reply(model=request.model).completion("hello")

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        self._remember(request, context)
        reply = Reply(model=request.model)
        yield reply.chunk("hel")
        yield reply.chunk("lo")
        yield reply.last_chunk()

    def _remember(self, request: ChatCompletionRequest, context: RequestContext) -> None:
        self.requests.append(request)
        self.contexts.append(context)


class ScriptedAdapter(PlainAdapter):
    """Does what its script says; in a plain request, only the first step of it."""

    def __init__(self, *script: Step, name: str = "scripted") -> None:
        super().__init__(name)
        self.script = script
        self.closed = threading.Event()

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        step = self.script[0]
        if isinstance(step, BaseException):
            raise step
        return step  # type: ignore[return-value]  # A script may hold rubbish.

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        try:
            for step in self.script:
                if isinstance(step, BaseException):
                    raise step
                yield step  # type: ignore[misc]
        finally:
            self.closed.set()


class SayingAdapter(PlainAdapter):
    """Says the next of its texts each time, in small pieces, and counts its usage."""

    def __init__(self, *texts: str, finish_reason: FinishReason = "stop") -> None:
        super().__init__("saying")
        self.texts = list(texts)
        self.finish_reason = finish_reason

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        return await assemble(self.stream_chat_completion(request, context))

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        self._remember(request, context)
        reply, text = Reply(model=request.model), self.texts.pop(0)
        for at in range(0, len(text), 5):
            yield reply.chunk(text[at : at + 5])
        yield reply.last_chunk(finish_reason=self.finish_reason, usage=usage(3, 4))


class PatientAdapter(PlainAdapter):
    """Waits for ever, after so many chunks, and tells when it was let go."""

    def __init__(self, chunks_before: int = 0) -> None:
        super().__init__("patient")
        self.chunks_before = chunks_before
        self.is_waiting = threading.Event()
        self.was_cancelled = threading.Event()

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        await self._wait()
        raise AssertionError("nobody waits that long")

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        reply = Reply(model=request.model)
        for _ in range(self.chunks_before):
            yield reply.chunk("word ")
        await self._wait()

    async def _wait(self) -> None:
        self.is_waiting.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.was_cancelled.set()


class StubbornAdapter(PlainAdapter):
    """Swallows every cancellation and goes on."""

    def __init__(self) -> None:
        super().__init__("stubborn")

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        while True:
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()


class LeavingAdapter(PlainAdapter):
    """Starts a task that ends the process as if all were well."""

    def __init__(self) -> None:
        super().__init__("leaving")

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        async def leave() -> None:
            sys.exit(0)

        await asyncio.create_task(leave())
        raise AssertionError("the process is gone")


class TirelessAdapter(PlainAdapter):
    """Has always one more chunk ready and never waits for anything."""

    def __init__(self) -> None:
        super().__init__("tireless")
        self.was_closed = threading.Event()

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        reply = Reply(model=request.model)
        try:
            while True:
                yield reply.chunk("word " * 200)
        finally:
            self.was_closed.set()


class KeepingAdapter(PlainAdapter):
    """Keeps what it makes at its start, and says whether that is looked through for garbage."""

    def __init__(self) -> None:
        super().__init__("keeping")
        self.kept: list[object] = []

    async def startup(self) -> None:
        self.kept = [self]

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        is_looked_through = any(one is self.kept for one in gc.get_objects())
        said = "looked through" if is_looked_through else "left alone"
        return Reply(model=request.model).completion(said)


class BrokenAdapter(PlainAdapter):
    """Raises the same thing wherever it is asked."""

    def __init__(self, error: BaseException, name: str = "broken") -> None:
        super().__init__(name)
        self.error = error

    async def list_models(self, context: RequestContext) -> Sequence[Model]:
        raise self.error

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        raise self.error

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        raise self.error
        yield  # Makes it a generator.
