"""The messages of a conversation, whoever speaks.

Reference: https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

from openai.types.chat import ChatCompletionMessageToolCallUnionParam
from openai.types.chat.chat_completion_assistant_message_param import Audio, FunctionCall
from pydantic import Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema
from typing_extensions import TypedDict

from veneer_protocol.requests.openings import CORE_ROLES, opened
from veneer_protocol.requests.parts import CoreTextPart, Part, TextPart
from veneer_protocol.requests.shapes import As, Shape, check_kind, take
from veneer_protocol.requests.strict import (
    ARRAY,
    BY_FORM,
    STRING,
    NonEmptyString,
    StrictModel,
    core_of,
)
from veneer_protocol.requests.tools import ECHOED_IN_FUNCTION, CalledFunction, ToolCalls


class PastAudio(TypedDict):
    """An earlier spoken answer."""

    id: str


class Message(StrictModel):
    """One turn of the conversation."""

    role: Literal["system", "user", "assistant", "developer", "tool", "function"]
    """Whose turn it is; only the first three where no feature opens more."""
    content: (
        Annotated[
            Annotated[str, STRING]
            | Annotated[tuple[Part, ...], Field(min_length=1, fail_fast=True), *ARRAY],
            BY_FORM,
        ]
        | None
    ) = None
    """What is said: a string, or parts; `text` reads either.

    Other parts than text come where a feature opens them, as the SDK's dictionaries. It is None
    only where an assistant called a tool or the like instead.
    """
    name: str | None = None
    """Tells participants of the same role apart."""
    tool_calls: (
        Annotated[tuple[ChatCompletionMessageToolCallUnionParam, ...], As(ToolCalls)] | None
    ) = None
    """The tools that the assistant called. Opened by `tools` and `custom_tools`."""
    tool_call_id: str | None = None
    """The call that a tool answers. Opened by `tools` and `custom_tools`."""
    function_call: (
        Annotated[FunctionCall, As(Annotated[CalledFunction, Shape(echoed=ECHOED_IN_FUNCTION)])]
        | None
    ) = None
    """The function that the assistant called. Opened by `functions`."""
    refusal: str | None = None
    """What the assistant refused to say. Opened by `refusals`."""
    audio: Annotated[Audio, As(Annotated[PastAudio, Shape()])] | None = None
    """The earlier spoken answer that this stands for. Opened by `audio_output`."""

    @property
    def text(self) -> str:
        """The text of the content as one, its parts joined by newlines."""
        if isinstance(self.content, str):
            return self.content
        parts = self.content or ()
        return "\n".join(part.text for part in parts if isinstance(part, TextPart))


_INSTEAD = ("tool_calls", "function_call", "refusal", "audio")
"""What an assistant may give instead of a content."""

_TextParts: Any = tuple[CoreTextPart, ...]  # type: ignore[valid-type]  # It is made above.

CoreMessage = core_of(
    Message,
    "CoreMessage",
    without={*_INSTEAD, "tool_call_id"},
    role=(Literal["system", "user", "assistant"], ...),
    content=(
        Annotated[
            Annotated[NonEmptyString, STRING]
            | Annotated[_TextParts, Field(min_length=1, fail_fast=True), *ARRAY],
            BY_FORM,
        ],
        ...,
    ),
)

_ANYONE = frozenset({"role", "content", "name"})
ROLE_FIELDS: Mapping[str, frozenset[str]] = {
    "system": _ANYONE,
    "user": _ANYONE,
    "assistant": _ANYONE | {*_INSTEAD},
    "developer": _ANYONE,
    # The API lets a tool say its name too.
    "tool": _ANYONE | {"tool_call_id"},
    "function": _ANYONE,
}
"""The fields of a message, by its role."""

ROLE_PARTS: Mapping[str, tuple[str, ...]] = {
    "system": ("text",),
    "developer": ("text",),
    "user": ("text", "image_url", "input_audio", "file"),
    "assistant": ("text", "refusal"),
    "tool": ("text",),
    "function": (),
}
"""The types of parts in a message, by its role."""

_FIELDS = _ANYONE | opened("message_fields")
# What an answer may have that a request has not: sources, the thoughts of a model by their three
# names, and what the helpers of the official clients and LiteLLM hang on it. Who puts an answer
# into the history as it came sends them back.
ECHOED = frozenset(
    {
        *("annotations", "parsed", "provider_specific_fields"),
        *("reasoning", "reasoning_content", "reasoning_details"),
    }
)


@dataclass(frozen=True)
class _MessageShape:
    """Annotates a message: its role says which names it has, and which parts."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        named = core_schema.with_info_before_validator_function(_take, handler(source))
        return core_schema.no_info_after_validator_function(_check, named)


ShapedMessage: TypeAlias = Annotated[Message, _MessageShape()]


def _take(message: Any, info: core_schema.ValidationInfo) -> Any:
    if not isinstance(message, dict):
        return message
    # Another role has other names: what the role is comes first.
    role: Any = message.get("role")
    check_kind(role, ROLE_FIELDS, "roles", info, "role")
    # What is not declared is told as that, wherever it stands.
    taken = take(message, _FIELDS, info, "message_fields", ECHOED)
    take(taken, ROLE_FIELDS[role], info)
    if isinstance(parts := taken.get("content"), list):
        if not ROLE_PARTS[role]:
            raise PydanticCustomError("string_type", "array", {"at": "content", "value": parts})
        for index, part in enumerate(parts):
            if not isinstance(part, dict):
                break  # pydantic says what it is.
            check_kind(part.get("type"), ROLE_PARTS[role], "parts", info, f"content[{index}].type")
    return taken


def _check(message: Message) -> Message:
    """See that what a message of its role must have is there."""
    required = {"tool": "tool_call_id", "function": "name"}.get(message.role)
    if required is not None and getattr(message, required) is None:
        raise PydanticCustomError("missing", "missing", {"at": required})
    if message.role == "function" or any(getattr(message, name) is not None for name in _INSTEAD):
        return message
    if message.content is None:
        raise PydanticCustomError("missing", "missing", {"at": "content"})
    if message.content == "" and message.role in {*CORE_ROLES, "developer"}:
        raise PydanticCustomError("string_too_short", "empty", {"at": "content", "value": ""})
    return message
