"""Short ways to make the openai package's completions and chunks."""

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from openai.types import CompletionUsage
from openai.types.chat import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionMessage,
    ChatCompletionMessageFunctionToolCall,
    ChatCompletionTokenLogprob,
)
from openai.types.chat.chat_completion import Choice, ChoiceLogprobs
from openai.types.chat.chat_completion_chunk import Choice as ChunkChoice
from openai.types.chat.chat_completion_chunk import (
    ChoiceDelta,
    ChoiceDeltaToolCall,
    ChoiceDeltaToolCallFunction,
)
from openai.types.chat.chat_completion_chunk import ChoiceLogprobs as ChunkLogprobs
from openai.types.chat.chat_completion_message_function_tool_call import Function

FinishReason = Literal["stop", "length", "content_filter", "tool_calls"]
"""Why an answer ended: by itself or at a stop sequence, at the token limit, cut by a filter, or for
the client to run what it calls."""


def usage(prompt_tokens: int, completion_tokens: int) -> CompletionUsage:
    """Count tokens, the total included."""
    return CompletionUsage(
        prompt_tokens=prompt_tokens,
        completion_tokens=completion_tokens,
        total_tokens=prompt_tokens + completion_tokens,
    )


def tool_call(
    name: str, arguments: str = "", *, call_id: str | None = None
) -> ChatCompletionMessageFunctionToolCall:
    """Call the function `name` of the request's tools; only for models that declare `tools`.

    Args:
        name: as the request has it.
        arguments: a JSON object, as text: `{"city": "Seoul"}`.
        call_id: what the client names when it sends the result; one of its own, unless given.

    Reference: https://platform.openai.com/docs/guides/function-calling
    """
    return ChatCompletionMessageFunctionToolCall(
        id=call_id or f"call_{os.urandom(16).hex()}",
        type="function",
        function=Function(name=name, arguments=arguments),
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
        *texts: str,
        tool_calls: Sequence[ChatCompletionMessageFunctionToolCall] = (),
        refusal: str | None = None,
        logprobs: Sequence[ChatCompletionTokenLogprob] | None = None,
        finish_reason: FinishReason | None = None,
        usage: CompletionUsage | None = None,
    ) -> ChatCompletion:
        """Give the whole answer.

        Args:
            *texts: what it says; of several, each is a choice. None at all, where it calls or
                refuses in place of saying something.
            tool_calls: made by `tool_call()`, each with its arguments.
            refusal: why it says nothing.
            logprobs: how likely each token of the text was, where the request wants to know.
            finish_reason: unless given, `tool_calls` where there are any, and else `stop`.
            usage: the tokens, if they are counted.
        """
        answer = ChatCompletion(
            id=self.id,
            object="chat.completion",
            created=self.created,
            model=self.model,
            choices=[
                Choice(
                    index=index,
                    message=_message(text, tool_calls, refusal),
                    finish_reason=finish_reason or ("tool_calls" if tool_calls else "stop"),
                    logprobs=None if logprobs is None else ChoiceLogprobs(content=[*logprobs]),
                )
                for index, text in enumerate(texts or (None,))
            ],
        )
        if usage is not None:
            answer.usage = usage
        return answer

    def chunk(
        self,
        text: str | None = None,
        *,
        refusal: str | None = None,
        logprobs: Sequence[ChatCompletionTokenLogprob] | None = None,
        index: int = 0,
    ) -> ChatCompletionChunk:
        """Give the next piece of the text, or of a refusal; the gateway adds the role to the first.

        Args:
            text: the piece.
            refusal: a piece of why it says nothing.
            logprobs: how likely each token of the piece was.
            index: which of several choices says so.
        """
        delta = ChoiceDelta(content=text) if refusal is None else ChoiceDelta(refusal=refusal)
        chunk = self._chunk(delta, None, index)
        if logprobs is not None:
            chunk.choices[0].logprobs = ChunkLogprobs(content=[*logprobs])
        return chunk

    def call_chunk(
        self, call: ChatCompletionMessageFunctionToolCall, position: int = 0, *, index: int = 0
    ) -> ChatCompletionChunk:
        """Begin a call, made by `tool_call()` with as many of its arguments as are known.

        Args:
            call: it; a stream may end its arguments later, by `arguments_chunk()`.
            position: which call it is: 0 for the first of a choice, 1 for the next.
            index: which of several choices calls.
        """
        function = ChoiceDeltaToolCallFunction(
            name=call.function.name, arguments=call.function.arguments
        )
        begun = ChoiceDeltaToolCall(index=position, id=call.id, type="function", function=function)
        return self._chunk(ChoiceDelta(tool_calls=[begun]), None, index)

    def arguments_chunk(
        self, piece: str, position: int = 0, *, index: int = 0
    ) -> ChatCompletionChunk:
        """Give the next piece of the arguments of the call that was begun last, at `position`."""
        function = ChoiceDeltaToolCallFunction(arguments=piece)
        more = ChoiceDeltaToolCall(index=position, function=function)
        return self._chunk(ChoiceDelta(tool_calls=[more]), None, index)

    def last_chunk(
        self,
        *,
        finish_reason: FinishReason = "stop",
        usage: CompletionUsage | None = None,
        index: int = 0,
    ) -> ChatCompletionChunk:
        """Give the end of the stream; the gateway sends `usage` to those who asked for it.

        Of several choices, each ends by itself. One that calls a tool ends for `tool_calls`. Tokens
        that are counted later than that go into `usage_chunk()`.
        """
        chunk = self._chunk(ChoiceDelta(), finish_reason, index)
        if usage is not None:
            chunk.usage = usage
        return chunk

    def usage_chunk(self, usage: CompletionUsage) -> ChatCompletionChunk:
        """Give the tokens by themselves, where they are counted once all choices have ended."""
        return ChatCompletionChunk(
            id=self.id,
            object="chat.completion.chunk",
            created=self.created,
            model=self.model,
            choices=[],
            usage=usage,
        )

    def _chunk(
        self, delta: ChoiceDelta, reason: FinishReason | None, index: int
    ) -> ChatCompletionChunk:
        return ChatCompletionChunk(
            id=self.id,
            object="chat.completion.chunk",
            created=self.created,
            model=self.model,
            choices=[ChunkChoice(index=index, delta=delta, finish_reason=reason)],
        )


def _message(
    text: str | None,
    tool_calls: Sequence[ChatCompletionMessageFunctionToolCall],
    refusal: str | None,
) -> ChatCompletionMessage:
    message = ChatCompletionMessage(role="assistant", content=text, refusal=refusal)
    if tool_calls:
        message.tool_calls = [*tool_calls]
    return message
