"""Wrong where requests run at the same time."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import suppress

from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.conformance.wrong_adapters.right import Check, Right
from veneer_protocol import (
    ChatCompletionRequest,
    ModelNotFoundError,
    RequestContext,
    UpstreamError,
)


class MixesRequestsUp(Right):
    request: ChatCompletionRequest

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        self.check(request)
        self.request = request
        await asyncio.sleep(0.05)
        return await super().create_chat_completion(self.request, context)


class TestMixesRequestsUp(Check):
    wrong = MixesRequestsUp
    breaks = "test_requests_at_the_same_time_do_not_mix"


class DropsWhatIsNotRead(Right):
    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        queue: asyncio.Queue[ChatCompletionChunk | BaseException | None] = asyncio.Queue(2)

        async def produce() -> None:
            try:
                async for chunk in super_stream:
                    last = chunk.choices[0].finish_reason is not None
                    if last:
                        await queue.put(chunk)
                    else:
                        with suppress(asyncio.QueueFull):
                            queue.put_nowait(chunk)
                    await asyncio.sleep(0)
                await queue.put(None)
            except ModelNotFoundError as error:
                await queue.put(error)

        super_stream = super().stream_chat_completion(request, context)
        producer = asyncio.create_task(produce())
        try:
            while (item := await queue.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            producer.cancel()
            with suppress(asyncio.CancelledError):
                await producer


class TestDropsWhatIsNotRead(Check):
    wrong = DropsWhatIsNotRead
    breaks = "test_a_slow_reader_misses_nothing"


class Blocks(Right):
    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        time.sleep(0.001)  # noqa: ASYNC251
        return await super().create_chat_completion(request, context)


class TestBlocks(Check):
    wrong = Blocks
    breaks = "test_the_event_loop_is_never_blocked"


class BlocksWhereItRefuses(Right):
    def check(self, request: ChatCompletionRequest) -> None:
        if request.model_name != "one":
            time.sleep(0.001)
        super().check(request)


class TestBlocksWhereItRefuses(Check):
    wrong = BlocksWhereItRefuses
    breaks = "test_the_event_loop_is_never_blocked"


class BlocksOnASocket(Right):
    """Asks its upstream as if there were no event loop, and makes an error of any failure."""

    def ask(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as line:
            try:
                line.connect(server.getsockname())
            except Exception as error:
                raise UpstreamError("The upstream cannot be reached.") from error

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        self.ask()
        async for chunk in super().stream_chat_completion(request, context):
            yield chunk


class TestBlocksOnASocket(Check):
    wrong = BlocksOnASocket
    breaks = "test_the_event_loop_is_never_blocked"
