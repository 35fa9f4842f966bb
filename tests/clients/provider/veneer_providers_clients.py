"""An adapter of the core subset, with a model for each thing that a client may meet."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import count

from openai.types import Model
from openai.types.chat import ChatCompletionChunk

from veneer_protocol import (
    AuthenticationError,
    ChatCompletionRequest,
    ModelNotFoundError,
    ProviderAdapter,
    RateLimitError,
    Reply,
    RequestContext,
    usage,
)

_REFUSALS = {
    "locked": AuthenticationError("This key opens nothing here."),
    "busy": RateLimitError("Too many requests.", retry_after_seconds=1),
}
_PERSON = '```json\n{"name": "Ann", "age": 7}\n```'


class ClientsAdapter(ProviderAdapter):
    """Repeats what it is told, and what it is told that it said before.

    `person` says JSON in Markdown, `endless` goes on until its client leaves, `left` tells whether
    the client with this key has; `locked` and `busy` are a 401 and a 429.
    """

    name = "clients"
    models = ("busy", "endless", "left", "locked", "person", "words")

    def __init__(self) -> None:
        self._left: set[str] = set()

    async def list_models(self, context: RequestContext) -> Sequence[Model]:
        """Give the models."""
        return [
            Model(id=f"{self.name}/{name}", object="model", created=0, owned_by=self.name)
            for name in self.models
        ]

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        """Say it word by word."""
        name, key = request.model_name, context.headers.get("authorization", "")
        reply = Reply(model=request.model)
        if (refusal := _REFUSALS.get(name)) is not None:
            raise refusal
        match name:
            case "words":
                text = _repeat(request)
            case "person":
                text = _PERSON
            case "left":
                text = "yes" if key in self._left else "no"
            case "endless":
                try:
                    for number in count():
                        yield reply.chunk(f"{number} ")
                        await asyncio.sleep(0.01)
                finally:
                    self._left.add(key)
            case _:
                raise ModelNotFoundError(request.model)
        words = text.split(" ")
        yield reply.chunk(words[0])
        for word in words[1:]:
            yield reply.chunk(f" {word}")
        asked = sum(len(message.text.split()) for message in request.messages)
        yield reply.last_chunk(usage=usage(asked, len(words)))


def _repeat(request: ChatCompletionRequest) -> str:
    said = [message.text for message in request.messages if message.role == "assistant"]
    before = f" Before, I said: {said[-1]}" if said else ""
    return f"You say: {request.last_user_text}.{before}"
