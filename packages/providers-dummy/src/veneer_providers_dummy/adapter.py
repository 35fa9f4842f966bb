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
    usage,
)
from veneer_providers_dummy.faults import Faults
from veneer_providers_dummy.replies import Speech, echo, of_length, speech, story

_RELEASED = 1_735_689_600  # 2025-01-01T00:00:00Z, for models that were never trained.


class DummyAdapter(ProviderAdapter):
    """Answers without a model: same request, same words. Usage is counted in words.

    `dummy/echo-1` repeats the last user text, `dummy/story-1` tells a story around it. Both tell
    the value of `x-dummy-tag` and whether `authorization` came. Other headers make it fail, in
    every way that an upstream can.
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
        """Say it at once, unless something is to go wrong on the way."""
        faults = Faults.of(context.headers)
        said = self._say(request, context, faults)
        if faults != Faults(words=faults.words):
            return await super().create_chat_completion(request, context)
        return _reply(request).completion(
            said.text, finish_reason=said.finish_reason, usage=_usage(request, said)
        )

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        """Say it word by word."""
        faults = Faults.of(context.headers)
        said = self._say(request, context, faults)
        await faults.begin()
        reply = _reply(request)
        for number, word in enumerate((*said.words, "")):
            await faults.after(number)
            if number == faults.die_after:
                return
            if number == faults.malformed_after:
                yield {"malformed": True}  # type: ignore[misc]  # That it is wrong is the point.
            if word:
                yield reply.chunk(word)
        yield reply.last_chunk(finish_reason=said.finish_reason, usage=_usage(request, said))

    def _say(
        self, request: ChatCompletionRequest, context: RequestContext, faults: Faults
    ) -> Speech:
        if request.model not in self.models:
            raise ModelNotFoundError(request.model)
        user_text = request.last_user_text
        if user_text is None:
            raise InvalidRequestError(
                "No message has the role 'user'; the dummy has nothing to answer. Add one.",
                param="messages",
                code="missing_user_message",
            )
        text = self.models[request.model](user_text, context)
        return speech(text if faults.words is None else of_length(text, faults.words), request)


def _reply(request: ChatCompletionRequest) -> Reply:
    return Reply(model=request.model, id=f"chatcmpl_dummy_{uuid.uuid4().hex}")


def _usage(request: ChatCompletionRequest, said: Speech) -> CompletionUsage:
    prompt = sum(len(message.text.split()) for message in request.messages)
    return usage(prompt_tokens=prompt, completion_tokens=len(said.text.split()))
