"""An upstream's JSON to the openai package's models, mended where its dialect needs it.

What else breaks the rules of the API is left as it is: the gateway refuses it.
"""

import time
from collections.abc import Collection, Mapping
from typing import Any, TypeVar
from uuid import uuid4

from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import ValidationError

from veneer_protocol import InvalidProviderResponseError

_Answer = TypeVar("_Answer", ChatCompletion, ChatCompletionChunk)

# Closed, for an unknown reason must not pass for a good end: "abort" is no "stop".
_FINISH_REASONS: Mapping[str, str | None] = {
    "": None,
    "end_turn": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "max_tokens": "length",
    "stop_sequence": "stop",
}


class AnswerReader:
    """Reads the answer to one request, whole or in chunks."""

    def __init__(self, asked: str, served: Collection[str] | None, choices: int = 1) -> None:
        """Read the answer of the model `asked`, of an upstream that serves only `served`, if any.

        Args:
            asked: as the caller named it, prefix included.
            served: names without prefix; None is all that the upstream has.
            choices: how many were asked for.
        """
        self._asked = asked
        self._prefix = asked.partition("/")[0]
        self._served = served
        self._id: object = None
        self._began = int(time.time())
        self._due = choices
        self._ended: set[int] = set()
        self._calls: dict[int, list[object]] = {}

    @property
    def is_finished(self) -> bool:
        """Whether each choice of a stream had a finish reason."""
        return len(self._ended) >= self._due

    def completion(self, value: object) -> ChatCompletion:
        """Give a whole answer.

        Raises:
            InvalidProviderResponseError: `value` is no JSON object.
        """
        answer = self._mended(value)
        for position, choice in enumerate(_choices(answer)):
            choice["index"] = position if choice.get("index") is None else choice["index"]
        return _built(ChatCompletion, {**answer, "object": "chat.completion"})

    def chunk(self, value: object) -> ChatCompletionChunk | None:
        """Give the next chunk, or nothing for one that says nothing.

        Raises:
            InvalidProviderResponseError: `value` is no JSON object, or says what it says in
                another form than a delta.
        """
        answer = self._mended(value)
        choices = _choices(answer)
        left = [each for each in choices if _says_something(each) or not self._has_ended(each)]
        if len(left) < len(choices):
            # LiteLLM puts the usage beside one more choice, an empty one; Azure's asynchronous
            # filter has such a choice for its results.
            answer["choices"] = choices = left
        if not any(map(answer.get, ("choices", "usage", "moderation"))):
            return None  # A ping, or the frame in which Azure tells what it thinks of the prompt.
        self._id = answer["id"]
        for choice in choices:
            _check_delta(choice)
            choice["delta"] = {} if choice.get("delta") is None else choice["delta"]
            choice["index"] = 0 if choice.get("index") is None else choice["index"]
            if calls := _calls(choice["delta"]):
                self._number(calls, self._calls.setdefault(_index(choice), []))
        self._ended |= {_index(choice) for choice in choices if choice.get("finish_reason")}
        return _built(ChatCompletionChunk, {**answer, "object": "chat.completion.chunk"})

    @staticmethod
    def _number(calls: list[dict[str, Any]], known: list[object]) -> None:
        """Give `calls` without an index, as Gemini's are, their place among the ids `known`."""
        for call in calls:
            ident = call.get("id")
            if ident and ident not in known:
                known.append(ident)
            if call.get("index") is None:
                call["index"] = known.index(ident) if ident else max(len(known) - 1, 0)

    def _has_ended(self, choice: dict[str, Any]) -> bool:
        return _index(choice) in self._ended

    def _mended(self, value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise InvalidProviderResponseError(
                "The upstream answered with something other than a JSON object."
            )
        for choice in _choices(value):
            if isinstance(reason := choice.get("finish_reason"), str):
                choice["finish_reason"] = _FINISH_REASONS.get(reason, reason)
            for part in (choice.get("message"), choice.get("delta")):
                # vLLM sends it always. In a request, where clients put what was answered, the API
                # refuses it.
                if isinstance(part, dict) and part.get("tool_calls") == []:
                    del part["tool_calls"]
        created = value.get("created")
        return {
            **value,
            # A stream keeps its first id: some give one to each chunk or choice, or a late one.
            "id": self._id or value.get("id") or f"chatcmpl-{uuid4().hex}",
            "created": created if isinstance(created, int) else self._began,
            "model": self._model(value.get("model")),
        }

    def _model(self, name: object) -> str:
        """Give a model that the caller can ask for again: what the upstream calls it, if it is."""
        if isinstance(name, str) and name and (self._served is None or name in self._served):
            return f"{self._prefix}/{name}"
        return self._asked


def _choices(answer: dict[str, Any]) -> list[dict[str, Any]]:
    choices = answer.get("choices")
    return [each for each in choices if isinstance(each, dict)] if isinstance(choices, list) else []


def _calls(delta: object) -> list[dict[str, Any]]:
    calls = delta.get("tool_calls") if isinstance(delta, dict) else None
    return [each for each in calls if isinstance(each, dict)] if isinstance(calls, list) else []


def _index(choice: dict[str, Any]) -> int:
    index = choice.get("index")
    return index if isinstance(index, int) else 0


def _check_delta(choice: dict[str, Any]) -> None:
    if choice.get("delta") is None:
        for other in ("message", "text"):
            if choice.get(other):
                raise InvalidProviderResponseError(
                    f"The upstream's stream has a {other} where a delta is due: it does not stream "
                    "chat completions."
                )


def _says_something(choice: dict[str, Any]) -> bool:
    delta = choice.get("delta") or {}
    return not isinstance(delta, dict) or any(
        value for name, value in delta.items() if name != "role"
    )


def _built(kind: type[_Answer], answer: dict[str, Any]) -> _Answer:
    try:
        return kind.model_validate(answer)
    except ValidationError:
        # Servers have values of their own. The gateway looks at what counts.
        return kind.construct(**answer)
