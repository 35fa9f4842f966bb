"""The adapter: all that Acme has to write."""

import re
from collections.abc import AsyncIterator

from openai.types import Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from veneer_protocol import (
    ChatCompletionRequest,
    ModelNotFoundError,
    ProviderAdapter,
    Reply,
    RequestContext,
)


class AcmeAdapter(ProviderAdapter):
    """Serves `acme/chat-1`."""

    name = "acme"

    async def list_models(self, context: RequestContext) -> list[Model]:
        """Give the one model."""
        return [Model(id="acme/chat-1", object="model", created=1735689600, owned_by="acme")]

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        """Answer at once."""
        return Reply(model=request.model).completion(await self._ask(request, context))

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        """Answer word by word."""
        reply = Reply(model=request.model)
        for word in re.findall(r"\s*\S+", await self._ask(request, context)):
            yield reply.chunk(word)
        yield reply.last_chunk()

    async def _ask(self, request: ChatCompletionRequest, context: RequestContext) -> str:
        if request.model_name != "chat-1":
            raise ModelNotFoundError(request.model)
        tenant = context.headers.get("x-tenant-id")
        has_credentials = "authorization" in context.headers
        # Here Acme's own SDK or an HTTP call goes to work, with the caller's credentials.
        return f"tenant={tenant}, auth={has_credentials}"
