"""What the kit asks an adapter, and what it reads out of the answers."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from openai.types import CompletionUsage
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionTokenLogprob
from openai.types.chat.chat_completion_chunk import ChoiceDeltaToolCall

from veneer_protocol.requests.parsing import parse_request
from veneer_protocol.requests.request import ChatCompletionRequest

Fields = Mapping[str, object]
"""Fields of a request, beside those that the kit sets."""
NOTHING: Fields = {}
WITH_USAGE: Fields = {"stream_options": {"include_usage": True}}

QUESTION = "Name the colours of the rainbow, one after the other."

SECRETS: Mapping[str, str] = {
    "authorization": "Bearer veneer-secret-authorization",
    "x-api-key": "veneer-secret-api-key",
    "cookie": "session=veneer-secret-cookie",
}
"""Headers that come with every request of the kit; their values must not be seen again."""

USER = {"role": "user", "content": QUESTION}
SHAPES: Mapping[str, Fields] = {
    "a system message": {"messages": [{"role": "system", "content": "Be brief."}, USER]},
    "a conversation": {"messages": [USER, {"role": "assistant", "content": "Red."}, USER]},
    "content in parts": {
        "messages": [
            {
                "role": "user",
                "content": [{"type": "text", "text": "Name"}, {"type": "text", "text": "one."}],
            }
        ]
    },
    "a name": {"messages": [{**USER, "name": "ann"}]},
    "no user's message": {"messages": [{"role": "system", "content": "Speak."}]},
    "letters of the world": {"messages": [{"role": "user", "content": "안녕 😀 \u2028 \x00"}]},
    "every parameter": {
        "temperature": 0,
        "top_p": 0.5,
        "max_tokens": 100,
        "stop": ["\n\n\n\n", "####"],
        "user": "ann",
        "n": 1,
    },
}
"""Requests that are valid, by what is special about them."""


def chat_request(
    fields: Fields, features_of: Callable[[str], Collection[str]]
) -> ChatCompletionRequest:
    """Build a request as the gateway does."""
    return parse_request(json.dumps({"messages": [USER], **fields}).encode(), features_of)


@dataclass(frozen=True)
class Answer:
    """What one answer says, however it came."""

    id: str
    text: str
    finish_reason: str | None
    usage: CompletionUsage | None
    calls: Sequence[tuple[str, str]]
    """The functions that are called, each with its arguments."""
    tokens: Sequence[ChatCompletionTokenLogprob]
    """The tokens of the text, where their log probabilities came."""

    @classmethod
    def of_completion(cls, completion: ChatCompletion) -> "Answer":
        """Read a whole answer."""
        choice = completion.choices[0]
        called = [call for call in choice.message.tool_calls or () if call.type == "function"]
        return cls(
            id=completion.id,
            text=choice.message.content or "",
            finish_reason=choice.finish_reason,
            usage=completion.usage,
            calls=[(call.function.name, call.function.arguments) for call in called],
            tokens=(choice.logprobs and choice.logprobs.content) or (),
        )

    @classmethod
    def of_chunks(cls, chunks: Sequence[ChatCompletionChunk]) -> "Answer":
        """Read a stream."""
        choices = [choice for chunk in chunks for choice in chunk.choices]
        text = "".join(choice.delta.content or "" for choice in choices)
        reasons = [choice.finish_reason for choice in choices if choice.finish_reason]
        usages = [chunk.usage for chunk in chunks if chunk.usage]
        logprobs = [choice.logprobs.content or () for choice in choices if choice.logprobs]
        return cls(
            id=chunks[0].id,
            text=text,
            finish_reason=reasons[-1] if reasons else None,
            usage=usages[-1] if usages else None,
            calls=_joined(call for choice in choices for call in choice.delta.tool_calls or ()),
            tokens=[token for tokens in logprobs for token in tokens],
        )


def _joined(deltas: Iterable[ChoiceDeltaToolCall]) -> list[tuple[str, str]]:
    calls: dict[int, tuple[str, str]] = {}
    for delta in deltas:
        if (function := delta.function) is not None:
            name, arguments = calls.get(delta.index, ("", ""))
            calls[delta.index] = (
                name + (function.name or ""),
                arguments + (function.arguments or ""),
            )
    return list(calls.values())
