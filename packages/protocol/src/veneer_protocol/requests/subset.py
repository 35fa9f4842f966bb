"""The core subset, fast: what it takes, and what clients send with it without meaning anything.

Most requests are of the core, and must not pay for what features open. What is more than the core
is held to what its model declares, in `parsing`.

Reference: https://platform.openai.com/docs/api-reference/chat/create
"""

from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from veneer_protocol.requests.messages import ECHOED, CoreMessage
from veneer_protocol.requests.openings import EXCLUDED, opened
from veneer_protocol.requests.parts import ECHOED_IN_TEXT, CoreTextPart
from veneer_protocol.requests.request import ChatCompletionRequest, CoreRequest, StreamOptions
from veneer_protocol.requests.strict import StrictModel


@dataclass(frozen=True)
class Names:
    """The names that one kind of object may carry."""

    taken: frozenset[str]
    excluded: frozenset[str]
    """Names of the API outside the core subset. Null alone passes."""
    echoed: frozenset[str] = frozenset()
    """Names that clients send along without meaning anything by it. They are dropped."""


def _fields(model: type[StrictModel]) -> frozenset[str]:
    return frozenset(model.model_fields)


REQUEST = Names(_fields(CoreRequest), opened("fields"))
MESSAGE = Names(_fields(CoreMessage), opened("message_fields"), ECHOED)
TEXT_PART = Names(_fields(CoreTextPart), opened("part_fields"), ECHOED_IN_TEXT)
STREAM_OPTIONS = Names(
    _fields(StreamOptions), frozenset(name for place, name in EXCLUDED if place == "stream_options")
)


class NotOfTheCoreError(Exception):
    """It is no request of the core subset, and may be one of more than that."""


def parse_core(document: dict[str, Any]) -> ChatCompletionRequest:
    """Give the request that `document` is, without what it says by null or echo, at every depth.

    Raises:
        NotOfTheCoreError: it is none of the core subset. What is wrong with it is not told here.
    """
    taken = dict(_take(document, REQUEST))
    if isinstance(options := taken.get("stream_options"), dict):
        taken["stream_options"] = _take(options, STREAM_OPTIONS)
    if isinstance(messages := taken.get("messages"), list):
        taken["messages"] = [_message(message) for message in messages]
    try:
        return CoreRequest.model_validate(taken)
    except ValidationError:
        raise NotOfTheCoreError from None


def _message(message: Any) -> dict[str, Any]:
    if not isinstance(message, dict):
        raise NotOfTheCoreError
    taken = _take(message, MESSAGE)
    if isinstance(parts := taken.get("content"), list):
        return {**taken, "content": [_part(part) for part in parts]}
    return taken


def _part(part: Any) -> dict[str, Any]:
    if not isinstance(part, dict):
        raise NotOfTheCoreError
    return _take(part, TEXT_PART)


def _take(values: dict[str, Any], names: Names) -> dict[str, Any]:
    if values.keys() <= names.taken and None not in values.values():
        return values
    taken = {}
    for name, value in values.items():
        if name in names.taken:
            if value is not None:
                taken[name] = value
        elif name in names.excluded:
            if value is not None:
                raise NotOfTheCoreError
        elif name not in names.echoed:
            raise NotOfTheCoreError
    return taken
