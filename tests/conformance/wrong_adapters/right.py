"""A right adapter, and how one is checked."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, ClassVar

import pytest
from openai.types import Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from veneer_protocol import (
    ChatCompletionRequest,
    ModelNotFoundError,
    ProviderAdapter,
    Reply,
    RequestContext,
    usage,
)
from veneer_protocol.conformance import AdapterConformance


class Right(ProviderAdapter):
    """Says the question back, word by word, and waits a moment before each."""

    name = "right"

    async def list_models(self, context: RequestContext) -> Sequence[Model]:
        return [Model(id="right/one", object="model", created=0, owned_by="right")]

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        self.check(request)
        await self.wait()
        words, reason = self.words(request)
        return self.reply(request).completion(
            "".join(words), finish_reason=reason, usage=self.count(words)
        )

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        self.check(request)
        await self.wait()
        reply = self.reply(request)
        words, reason = self.words(request)
        for word in words:
            yield reply.chunk(word)
            await self.wait()
        yield reply.last_chunk(finish_reason=reason, usage=self.count(words))

    def check(self, request: ChatCompletionRequest) -> None:
        if request.model_name != "one":
            raise ModelNotFoundError(request.model)

    def reply(self, request: ChatCompletionRequest) -> Reply:
        return Reply(model=request.model)

    async def wait(self) -> None:
        await asyncio.sleep(0)

    def words(self, request: ChatCompletionRequest) -> tuple[list[str], Any]:
        text = f"You said: {request.last_user_text or 'nothing'} So I have heard."
        for stop in self.stops(request):
            text = text.partition(stop)[0]
        words = [f"{word} " for word in text.split(" ")]
        words[-1] = words[-1][:-1]
        limit = self.limit(request)
        return (words, "stop") if limit is None else (words[:limit], "length")

    def stops(self, request: ChatCompletionRequest) -> Sequence[str]:
        return request.stop_sequences

    def limit(self, request: ChatCompletionRequest) -> int | None:
        return request.token_limit

    def count(self, words: list[str]) -> Any:
        return usage(3, len(words))


class Check(AdapterConformance):
    breaks: ClassVar[str]
    wrong: ClassVar[type[ProviderAdapter]]
    honours_stop = True
    honours_token_limit = True
    timeout_seconds = 1

    @pytest.fixture
    def adapter(self) -> ProviderAdapter:
        return self.wrong()


class TestRight(Check):
    wrong = Right
    breaks = ""
