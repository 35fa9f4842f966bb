"""The adapter: one upstream behind its prefix."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

from openai.types import Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from veneer_protocol import (
    ChatCompletionRequest,
    Headers,
    ModelNotFoundError,
    ProviderAdapter,
    RequestContext,
    UpstreamError,
    UpstreamTimeoutError,
)
from veneer_providers_openai.answers import AnswerReader
from veneer_providers_openai.client import Client
from veneer_providers_openai.failures import Call
from veneer_providers_openai.forwarding import caller_headers, trace_headers
from veneer_providers_openai.models import ModelCache, Models, model, read_models
from veneer_providers_openai.settings import Upstream


class OpenAIAdapter(ProviderAdapter):
    """Serves the models of one upstream that speaks the OpenAI API."""

    def __init__(self, upstream: Upstream) -> None:
        self.name = upstream.name
        self.upstream = upstream
        self.features = upstream.features

    async def startup(self) -> None:
        """Make the client; no connection is opened before the first request."""
        self._client = Client(self.upstream)
        self._models = ModelCache(self._fetch_models, self.upstream.models_cache_seconds)

    async def shutdown(self) -> None:
        """Close all connections."""
        await self._models.close()
        await self._client.close()

    def upstream_headers(self, context: RequestContext) -> Headers:
        """Give the headers that a request goes on with, beside those about its body.

        Without a key of our own they are the caller's. With one, they are that key and what a
        trace needs: the caller's secrets are no affair of whoever the key is for. Override it to
        pass on more, a tenant header, say. Callers whose headers agree share a list of models.
        """
        if self.upstream.api_key is None:
            return caller_headers(context.headers)
        authorization = f"Bearer {self.upstream.api_key.get_secret_value()}"
        return Headers([("authorization", authorization), *trace_headers(context.headers).raw])

    async def list_models(self, context: RequestContext) -> Sequence[Model]:
        """Give the models that are configured, else those that the upstream lists to this caller.

        Raises:
            ApiError: the upstream failed, or took longer than `models_timeout_seconds`.
        """
        if self.upstream.models is not None:
            return [model(self.model_prefix, name) for name in self.upstream.models]
        return await self._models.get(self.upstream_headers(context))

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        """Answer with what the upstream answers."""
        call, reader = self._begin(request, context)
        return reader.completion(await self._client.complete(call, request.to_openai()))

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        """Answer with the upstream's chunks."""
        call, reader = self._begin(request, context)
        values = self._client.stream(call, _streaming(request))
        async with aclosing(values):
            async for value in values:
                if (chunk := reader.chunk(value)) is not None:
                    yield chunk
        # That no [DONE] came is no reason to doubt an answer whose end has been said: some servers
        # never send one. An answer without an end was cut, however orderly the connection closed.
        # A body that HTTP itself shows to be cut has failed above, end or none: what is missing may
        # be the usage.
        if not reader.is_finished:
            raise UpstreamError(
                f"The upstream {self.name!r} ended its stream before the answer's end.",
                code="upstream_disconnected",
            )

    def _begin(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> tuple[Call, AnswerReader]:
        served = self.upstream.models
        if not request.model_name or (served is not None and request.model_name not in served):
            raise ModelNotFoundError(request.model)
        call = Call(self.upstream, self.upstream_headers(context), request.model)
        return call, AnswerReader(request.model, served, request.n or 1)

    async def _fetch_models(self, headers: Headers) -> Models:
        seconds = self.upstream.models_timeout_seconds
        try:
            async with asyncio.timeout(seconds):
                answer = await self._client.models(Call(self.upstream, headers))
        except TimeoutError:
            raise UpstreamTimeoutError(
                f"The upstream {self.name!r} did not list its models within {seconds:g} s."
            ) from None
        return read_models(answer, self.model_prefix)


def _streaming(request: ChatCompletionRequest) -> dict[str, Any]:
    body = {**request.to_openai(), "stream": True}
    if request.stream_options is not None and request.stream_options.include_usage:
        body["stream_options"] = {"include_usage": True}
    return body
