"""What is kept of a stream to make one answer of it: not its chunks, of a kilobyte each."""

from collections.abc import Mapping
from typing import Any, Final

from openai.types import CompletionUsage
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.chat.chat_completion_chunk import (
    Choice,
    ChoiceDelta,
    ChoiceDeltaToolCall,
    ChoiceLogprobs,
)
from pydantic import ValidationError

from veneer_protocol.answers.joining import Base64, Fields, Length, given

SHARED: Final = {"id", "created", "model", "service_tier", "system_fingerprint"}
"""What a completion and all of its chunks have in common."""


class Assembly:
    """Puts the chunks of one stream together, each of which has passed the guard."""

    def __init__(self) -> None:
        self._answer: dict[str, Any] = {}
        self._choices: dict[int, _Choice] = {}
        self._length = Length()

    def add(self, chunk: ChatCompletionChunk) -> None:
        """Join `chunk` to what is there.

        Raises:
            InvalidProviderResponseError: it is more than an answer can have.
        """
        if not self._answer:
            self._answer = chunk.model_dump(include=SHARED, exclude_unset=True, warnings=False)
        if (moderation := getattr(chunk, "moderation", None)) is not None:
            self._answer["moderation"] = moderation
        for choice in chunk.choices:
            kept = self._choices.get(choice.index)
            if kept is None:
                kept = self._choices[choice.index] = _Choice(self._length)
            kept.add(choice)

    def completion(self, usage: CompletionUsage | None) -> ChatCompletion:
        """Give what came as one answer, with its `usage` if that was counted.

        Raises:
            InvalidProviderResponseError: its audio is not whole.
        """
        choices = [
            {"index": index, **choice.joined()} for index, choice in sorted(self._choices.items())
        ]
        answer = {**self._answer, "object": "chat.completion", "choices": choices}
        if usage is not None:
            answer["usage"] = usage
        try:
            return ChatCompletion.model_validate(answer)
        except ValidationError:
            # A provider may have values newer than our openai package.
            return ChatCompletion.construct(None, **answer)


class _Choice:
    """What is kept of one choice."""

    def __init__(self, length: Length) -> None:
        self._length = length
        self._reason: str | None = None
        self._beside = Fields(length)
        self._said = Fields(length)
        self._function = Fields(length)
        self._audio = _Audio(length)
        self._logprobs = Fields(length)
        self._calls: list[_Call] = []

    def add(self, choice: Choice) -> None:
        for name, value in given(choice).items():
            if value is None:
                continue
            if name == "delta":
                self._add_said(value)
            elif name == "logprobs":
                self._add_logprobs(value)
            elif name == "finish_reason":
                self._reason = value
            elif name != "index":
                self._beside.add(name, value)

    def _add_said(self, delta: ChoiceDelta) -> None:
        for name, value in given(delta).items():
            if value is None or name == "role":
                continue
            if name == "tool_calls":
                for call in value:
                    self._add_call(call)
            elif name == "function_call":
                for part, text in given(value).items():
                    self._function.add(part, text)
            elif name == "audio":
                self._audio.add(given(value))
            else:
                self._said.add(name, value)

    def _add_call(self, delta: ChoiceDeltaToolCall) -> None:
        if delta.index == len(self._calls):
            self._calls.append(_Call(self._length))
        self._calls[delta.index].add(delta)

    def _add_logprobs(self, logprobs: ChoiceLogprobs) -> None:
        for name, tokens in given(logprobs).items():
            self._length.add(0, items=sum(len(token.top_logprobs) for token in tokens or ()))
            self._logprobs.add(name, tokens)

    def joined(self) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": None, "refusal": None}
        message |= self._said.joined()
        parts = {
            "tool_calls": [call.joined() for call in self._calls],
            "function_call": self._function.joined(),
            "audio": self._audio.joined(),
        }
        message |= {name: part for name, part in parts.items() if part}
        if message["content"] is None and message["refusal"] is None and not any(parts.values()):
            message["content"] = ""  # Who says nothing at all says an empty text.
        if "arguments" not in message.get("function_call", {"arguments"}):
            message["function_call"]["arguments"] = ""
        return {
            "message": message,
            "finish_reason": self._reason,
            "logprobs": self._logprobs.joined() or None,
            **self._beside.joined(),
        }


class _Call:
    """What is kept of one call of a tool."""

    def __init__(self, length: Length) -> None:
        self._call = Fields(length)
        self._called = Fields(length)
        self._kind = "function"

    def add(self, delta: ChoiceDeltaToolCall) -> None:
        self._kind = delta.type or self._kind  # The first delta has it, by the guard.
        for name, value in given(delta).items():
            if name == self._kind:
                for part, text in given(value).items():
                    self._called.add(part, text)
            elif name != "index":
                self._call.add(name, value)

    def joined(self) -> dict[str, Any]:
        return {**self._call.joined(), self._kind: self._called.joined()}


class _Audio:
    """What is kept of an answer that is spoken."""

    def __init__(self, length: Length) -> None:
        self._last: dict[str, Any] = {}
        self._transcript = Fields(length)
        self._data = Base64(length)

    def add(self, delta: Mapping[str, Any]) -> None:
        for name, value in delta.items():
            if name == "data":
                self._data.add(value or "")
            elif name == "transcript":
                self._transcript.add(name, value)
            elif value is not None:  # Its id may come with each piece, and its expiry alone.
                self._last[name] = value

    def joined(self) -> dict[str, Any]:
        joined = {**self._last, **self._transcript.joined()}
        data = self._data.joined()
        if not (joined or data):
            return {}
        return {"data": data, "transcript": "", **joined}
