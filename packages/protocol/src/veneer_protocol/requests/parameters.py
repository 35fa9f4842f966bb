"""What the fields of a request hold that are objects, as strictly as the API has them.

The names and types are those of the openai package's `CompletionCreateParams`.

Reference: https://platform.openai.com/docs/api-reference/chat/create
"""

from typing import Annotated, Any, Literal, Required

from pydantic import Discriminator, Field, Tag, ValidatorFunctionWrapHandler, WrapValidator
from pydantic_core import PydanticKnownError
from typing_extensions import TypedDict

from veneer_protocol.requests.parts import ShapedText
from veneer_protocol.requests.shapes import OneOf, Shape
from veneer_protocol.requests.strict import ARRAY, BY_FORM, STRING
from veneer_protocol.requests.tools import JsonObject, ToolName, object_or_string

_GREATEST_BIAS = 100
# The API names no bound, and nobody has use for one as large as a vocabulary.
_MOST_BIASES = 1024
_MOST_PAIRS = 16
_LONGEST_KEY = 64
_LONGEST_VALUE = 512


class VoiceID(TypedDict):
    """A voice of the caller's own."""

    id: str


class Audio(TypedDict):
    """How the answer sounds."""

    voice: Annotated[
        Annotated[str, Tag("<string>")] | Annotated[VoiceID, Shape(), Tag("<object>")],
        Discriminator(object_or_string),
    ]
    format: Literal["wav", "aac", "mp3", "flac", "opus", "pcm16"]


class ResponseFormatText(TypedDict):
    """Any text."""

    type: Literal["text"]


class ResponseFormatJSONObject(TypedDict):
    """Any JSON object."""

    type: Literal["json_object"]


class JSONSchema(TypedDict, total=False):
    """A schema, by a name."""

    name: Required[ToolName]
    description: str
    schema: JsonObject
    strict: bool


class ResponseFormatJSONSchema(TypedDict):
    """JSON that keeps to a schema."""

    type: Literal["json_schema"]
    json_schema: Annotated[JSONSchema, Shape()]


ResponseFormat = Annotated[
    ResponseFormatText | ResponseFormatJSONObject | ResponseFormatJSONSchema,
    OneOf(
        {
            "text": Annotated[ResponseFormatText, Shape()],
            "json_object": Annotated[ResponseFormatJSONObject, Shape()],
            "json_schema": Annotated[ResponseFormatJSONSchema, Shape()],
        },
        "formats",
    ),
]


class Prediction(TypedDict):
    """What the answer is likely to be."""

    type: Literal["content"]
    content: Annotated[
        Annotated[str, STRING]
        | Annotated[tuple[ShapedText, ...], Field(min_length=1, fail_fast=True), *ARRAY],
        BY_FORM,
    ]


class PromptCacheOptions(TypedDict, total=False):
    """How prompts are cached."""

    mode: Literal["implicit", "explicit"]
    ttl: Literal["30m"]


class ModerationMode(TypedDict):
    """What becomes of what is moderated."""

    mode: Literal["score", "block"]


class ModerationPolicy(TypedDict, total=False):
    """What becomes of the request and of the answer."""

    input: Annotated[ModerationMode, Shape()]
    output: Annotated[ModerationMode, Shape()]


class Moderation(TypedDict, total=False):
    """Which model moderates, and how."""

    model: Required[str]
    policy: Annotated[ModerationPolicy, Shape()]


class Place(TypedDict, total=False):
    """About where the user is."""

    city: str
    country: str
    region: str
    timezone: str


class UserLocation(TypedDict):
    """Where the user is."""

    type: Literal["approximate"]
    approximate: Annotated[Place, Shape()]


class WebSearchOptions(TypedDict, total=False):
    """How to search the web."""

    search_context_size: Literal["low", "medium", "high"]
    user_location: Annotated[UserLocation, Shape()]


def _one_by_one(most: int) -> WrapValidator:
    """Check up to so many items of an object one at a time: the first that is wrong ends the work.

    More of them are refused before any is looked at.
    """

    def checked(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
        if not isinstance(value, dict):
            return check(value)
        if len(value) > most:
            bounds = {"field_type": "Dictionary", "max_length": most, "actual_length": len(value)}
            raise PydanticKnownError("too_long", bounds)
        good = {}
        for key, item in value.items():
            good.update(check({key: item}))
        return good

    return WrapValidator(checked)


LogitBias = Annotated[
    dict[
        Annotated[str, Field(pattern=r"^[0-9]+$")],
        Annotated[int, Field(ge=-_GREATEST_BIAS, le=_GREATEST_BIAS)],
    ],
    _one_by_one(_MOST_BIASES),
    Field(json_schema_extra={"maxProperties": _MOST_BIASES}),
]
Metadata = Annotated[
    dict[
        Annotated[str, Field(max_length=_LONGEST_KEY)],
        Annotated[str, Field(max_length=_LONGEST_VALUE)],
    ],
    _one_by_one(_MOST_PAIRS),
    Field(json_schema_extra={"maxProperties": _MOST_PAIRS}),
]
