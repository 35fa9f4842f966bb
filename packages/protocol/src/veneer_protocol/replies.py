"""Short ways to make the openai package's completions and chunks."""

import os
import time
from dataclasses import dataclass, field
from typing import Literal

from openai.types import CompletionUsage
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessage
from openai.types.chat.chat_completion import Choice
from openai.types.chat.chat_completion_chunk import Choice as ChunkChoice
from openai.types.chat.chat_completion_chunk import ChoiceDelta

FinishReason = Literal["stop", "length", "content_filter"]
"""Why a text ended: by itself or at a stop sequence, at the token limit, or cut by a filter."""


def usage(prompt_tokens: int, completion_tokens: int) -> CompletionUsage:
    """Count tokens, the total included."""
    return CompletionUsage(
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        total_tokens=prompt_tokens + completion_tokens,
    )


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer to one request: whole, or in chunks that share its id.

    Reference: https://platform.openai.com/docs/api-reference/chat/object
    """

    model: str
    """The model as the request names it, prefix included."""
    id: str = field(default_factory=lambda: f"chatcmpl_{os.urandom(16).hex()}")
    """Its own, shared by its chunks."""
    created: int = field(default_factory=lambda: int(time.time()))
    """Unix time, in seconds."""

    def completion(
        self,
        text: str,
        *,
        finish_reason: FinishReason = "stop",
        usage: CompletionUsage | None = None,
    ) -> ChatCompletion:
        """Give the whole answer."""
        message = ChatCompletionMessage(role="assistant", content=text, refusal=None)
        choice = Choice(index=0, message=message, finish_reason=finish_reason, logprobs=None)
        answer = ChatCompletion(
            id=self.id,
            object="chat.completion",
            created=self.created,
            model=self.model,
            choices=[choice],
        )
        if usage is not None:
            answer.usage = usage
        return answer

    def chunk(self, text: str) -> ChatCompletionChunk:
        """Give the next piece of the text; the gateway adds the role to the first."""
        return self._chunk(ChoiceDelta(content=text), None)

    def last_chunk(
        self, *, finish_reason: FinishReason = "stop", usage: CompletionUsage | None = None
    ) -> ChatCompletionChunk:
        """Give the end of the stream; the gateway sends `usage` to those who asked for it."""
        chunk = self._chunk(ChoiceDelta(), finish_reason)
        if usage is not None:
            chunk.usage = usage
        return chunk

    def _chunk(self, delta: ChoiceDelta, reason: FinishReason | None) -> ChatCompletionChunk:
        return ChatCompletionChunk(
            id=self.id,
            object="chat.completion.chunk",
            created=self.created,
            model=self.model,
            choices=[ChunkChoice(index=0, delta=delta, finish_reason=reason)],
        )
