"""Wrong when the client leaves, or in what is left behind."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.conformance.wrong_adapters.right import Check, Right
from veneer_protocol import (
    ChatCompletionRequest,
    ProviderAdapter,
    RequestContext,
    UpstreamError,
)


class SwallowsInPlainRequests(Right):
    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        with suppress(asyncio.CancelledError):
            await self.wait()
        return await super().create_chat_completion(request, context)


class TestSwallowsInPlainRequests(Check):
    wrong = SwallowsInPlainRequests
    breaks = "test_a_cancelled_plain_request_ends"


class TurnsItIntoAnError(Right):
    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        try:
            return await super().create_chat_completion(request, context)
        except asyncio.CancelledError as error:
            raise UpstreamError("The upstream has hung up.") from error


class TestTurnsItIntoAnError(Check):
    wrong = TurnsItIntoAnError
    breaks = "test_a_cancelled_plain_request_ends"


class TakesItsTime(Right):
    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        try:
            return await super().create_chat_completion(request, context)
        except asyncio.CancelledError:
            await asyncio.sleep(60)
            raise


class TestTakesItsTime(Check):
    wrong = TakesItsTime
    breaks = "test_a_cancelled_plain_request_ends"


class SwallowsBeforeTheFirstChunk(Right):
    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        with suppress(asyncio.CancelledError):
            await self.wait()
        async for chunk in super().stream_chat_completion(request, context):
            yield chunk


class TestSwallowsBeforeTheFirstChunk(Check):
    wrong = SwallowsBeforeTheFirstChunk
    breaks = "test_a_stream_cancelled_before_its_first_chunk_ends"


class SwallowsInMidStream(Right):
    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        async for chunk in super().stream_chat_completion(request, context):
            yield chunk
            with suppress(asyncio.CancelledError):
                await self.wait()


class TestSwallowsInMidStream(Check):
    wrong = SwallowsInMidStream
    breaks = "test_a_stream_cancelled_after_its_first_chunk_ends"


class SpeaksWhenClosed(Right):
    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        async for chunk in super().stream_chat_completion(request, context):
            try:
                yield chunk
            except GeneratorExit:
                yield chunk


class TestSpeaksWhenClosed(Check):
    wrong = SpeaksWhenClosed
    breaks = "test_a_stream_closed_between_two_chunks_ends"


class IgnoresTheClient(Right):
    """Is cancelled at once when it is asked for directly, and never where others are served."""

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        if "content-length" in context.headers and "user-agent" not in context.headers:
            until = asyncio.get_running_loop().time() + 4
            while (left := until - asyncio.get_running_loop().time()) > 0:
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(left)
        return await super().create_chat_completion(request, context)


class TestIgnoresTheClient(Check):
    wrong = IgnoresTheClient
    breaks = "test_the_work_ends_when_the_client_leaves"


class LeavesATask(Right):
    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[Any]] = []

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        self.tasks.append(asyncio.create_task(asyncio.sleep(60)))
        return await super().create_chat_completion(request, context)

    async def shutdown(self) -> None:
        for task in self.tasks:
            task.cancel()


class TestLeavesATask(Check):
    wrong = LeavesATask
    breaks = "test_a_request_leaves_nothing_behind"


class LeavesATaskWhereItRefuses(LeavesATask):
    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        if request.model_name == "one":
            return await Right.create_chat_completion(self, request, context)
        return await super().create_chat_completion(request, context)


class TestLeavesATaskWhereItRefuses(Check):
    wrong = LeavesATaskWhereItRefuses
    breaks = "test_a_request_leaves_nothing_behind"


class LeavesAGenerator(Right):
    def __init__(self) -> None:
        self.generators: list[AsyncIterator[Any]] = []

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        chunks = super().stream_chat_completion(request, context)
        self.generators.append(chunks)
        async for chunk in chunks:
            yield chunk


class TestLeavesAGenerator(Check):
    wrong = LeavesAGenerator
    breaks = "test_a_request_leaves_nothing_behind"


class NeverRests(Right):
    async def startup(self) -> None:
        self.heart = asyncio.create_task(asyncio.sleep(3600))


class TestNeverRests(Check):
    wrong = NeverRests
    breaks = "test_the_adapter_leaves_nothing_behind"


class NeverHangsUp(Right):
    async def startup(self) -> None:
        self.line = socket.socketpair()


class TestNeverHangsUp(Check):
    wrong = NeverHangsUp
    breaks = "test_the_adapter_leaves_nothing_behind"

    @pytest.fixture
    def adapter(self) -> Iterator[ProviderAdapter]:
        adapter = NeverHangsUp()
        yield adapter
        for end in adapter.line:
            end.close()
