"""The smallest honest adapter."""

import uuid
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from types import MappingProxyType

from openai.types import CompletionUsage, Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from veneer_protocol import (
    ChatCompletionRequest,
    InvalidRequestError,
    ModelNotFoundError,
    ProviderAdapter,
    Reply,
    RequestContext,
    UpstreamError,
    usage,
)
from veneer_providers_dummy.replies import Speech, echo, speech, story

_RELEASED = 1_735_689_600  # 2025-01-01T00:00:00Z, for models that were never trained.


class DummyAdapter(ProviderAdapter):
    """Answers without a model: same request, same words. Usage is counted in words.

    `dummy/echo-1` repeats the last user text, `dummy/story-1` tells a story around it. Both tell
    the value of `x-dummy-tag` and whether `authorization` came. `x-dummy-fail: true` makes the
    request fail as a broken upstream would.
    """

    name = "dummy"
    models: Mapping[str, Callable[[str, RequestContext], str]] = MappingProxyType(
        {"dummy/echo-1": echo, "dummy/story-1": story}
    )

    async def list_models(self, context: RequestContext) -> Sequence[Model]:
        """Give the two models."""
        return [
            Model(id=model, object="model", created=_RELEASED, owned_by="dummy")
            for model in self.models
        ]

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        """Say it at once."""
        said = self._say(request, context)
        return _reply(request).completion(
            said.text, finish_reason=said.finish_reason, usage=_usage(request, said)
        )

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        """Say it word by word."""
        said = self._say(request, context)
        reply = _reply(request)
        for word in said.words:
            yield reply.chunk(word)
        yield reply.last_chunk(finish_reason=said.finish_reason, usage=_usage(request, said))

    def _say(self, request: ChatCompletionRequest, context: RequestContext) -> Speech:
        if request.model not in self.models:
            raise ModelNotFoundError(request.model)
        if context.headers.get("x-dummy-fail", "").lower() == "true":
            raise UpstreamError(
                "The dummy upstream failed, as x-dummy-fail asked it to.",
                code="dummy_upstream_failed",
            )
        user_text = request.last_user_text
        if user_text is None:
            raise InvalidRequestError(
                "No message has the role 'user'; the dummy has nothing to answer. Add one.",
                param="messages",
                code="missing_user_message",
            )
        return speech(self.models[request.model](user_text, context), request)


def _reply(request: ChatCompletionRequest) -> Reply:
    return Reply(model=request.model, id=f"chatcmpl_dummy_{uuid.uuid4().hex}")


def _usage(request: ChatCompletionRequest, said: Speech) -> CompletionUsage:
    prompt = sum(len(message.text.split()) for message in request.messages)
    return usage(prompt_tokens=prompt, completion_tokens=len(said.text.split()))
