"""Tools, the choice among them and the calls to them, as strictly as the API has them.

The names and types are those of the openai package's `ChatCompletionToolUnionParam` and its kin.

Reference: https://platform.openai.com/docs/api-reference/chat/create#chat-create-tools
"""

from typing import Annotated, Any, Literal, Required

from pydantic import AfterValidator, Discriminator, Field, Strict, Tag
from typing_extensions import TypedDict

from veneer_protocol.requests.shapes import OneOf, Shape, check_finite

MOST_TOOLS = 128

ToolName = Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
JsonObject = Annotated[dict[str, Any], AfterValidator(check_finite)]
"""A JSON Schema, which is the adapter's to read."""


class FunctionDefinition(TypedDict, total=False):
    """A function that the model may call."""

    name: Required[ToolName]
    description: str
    parameters: JsonObject
    strict: bool


class FunctionTool(TypedDict):
    """A tool that takes JSON."""

    type: Literal["function"]
    function: Annotated[FunctionDefinition, Shape()]


class TextFormat(TypedDict):
    """Any text."""

    type: Literal["text"]


class Grammar(TypedDict):
    """What a custom tool's input must match."""

    definition: str
    syntax: Literal["lark", "regex"]


class GrammarFormat(TypedDict):
    """Text that matches a grammar."""

    type: Literal["grammar"]
    grammar: Annotated[Grammar, Shape()]


class CustomDefinition(TypedDict, total=False):
    """A tool that takes text."""

    name: Required[ToolName]
    description: str
    format: Annotated[
        TextFormat | GrammarFormat,
        OneOf(
            {
                "text": Annotated[TextFormat, Shape()],
                "grammar": Annotated[GrammarFormat, Shape()],
            },
            "tool format",
        ),
    ]


class CustomTool(TypedDict):
    """A tool that takes text, as an item of `tools`."""

    type: Literal["custom"]
    custom: Annotated[CustomDefinition, Shape()]


class Named(TypedDict):
    """A tool or a function, by its name."""

    name: str


class FunctionChoice(TypedDict):
    """The one function to call."""

    type: Literal["function"]
    function: Annotated[Named, Shape()]


class CustomChoice(TypedDict):
    """The one custom tool to call."""

    type: Literal["custom"]
    custom: Annotated[Named, Shape()]


_CHOICES = {
    "function": Annotated[FunctionChoice, Shape()],
    "custom": Annotated[CustomChoice, Shape()],
}
Choice = Annotated[FunctionChoice | CustomChoice, OneOf(_CHOICES, "tools")]


class AllowedTools(TypedDict):
    """The tools to choose among."""

    mode: Literal["auto", "required"]
    tools: Annotated[
        tuple[Choice, ...],
        Field(min_length=1, max_length=MOST_TOOLS, fail_fast=True),
        Strict(False),
    ]


class AllowedToolsChoice(TypedDict):
    """The tools to choose among, as a `tool_choice`."""

    type: Literal["allowed_tools"]
    allowed_tools: Annotated[AllowedTools, Shape()]


# What helpers of the official clients hang on a call, which goes back with the history.
ECHOED_IN_CALL = frozenset({"index"})
ECHOED_IN_FUNCTION = frozenset({"parsed_arguments"})


class CalledFunction(TypedDict):
    """A function with what it was called with, which need not be JSON."""

    name: str
    arguments: str


class FunctionToolCall(TypedDict):
    """A call to a function."""

    id: str
    type: Literal["function"]
    function: Annotated[CalledFunction, Shape(echoed=ECHOED_IN_FUNCTION)]


class CalledCustom(TypedDict):
    """A custom tool with what it was called with."""

    name: str
    input: str


class CustomToolCall(TypedDict):
    """A call to a custom tool."""

    id: str
    type: Literal["custom"]
    custom: Annotated[CalledCustom, Shape()]


class OldFunction(TypedDict, total=False):
    """A function of the older form."""

    name: Required[ToolName]
    description: str
    parameters: JsonObject


def object_or_string(value: object) -> str | None:
    """Tag a value for a union of the two."""
    if isinstance(value, str):
        return "<string>"
    return "<object>" if isinstance(value, dict) else None


MANY = (Field(min_length=1, max_length=MOST_TOOLS, fail_fast=True), Strict(False))

Tools = Annotated[
    tuple[
        Annotated[
            FunctionTool | CustomTool,
            OneOf(
                {
                    "function": Annotated[FunctionTool, Shape()],
                    "custom": Annotated[CustomTool, Shape()],
                },
                "tools",
            ),
        ],
        ...,
    ],
    *MANY,
]
ToolChoice = Annotated[
    Annotated[Literal["none", "auto", "required"], Tag("<string>")]
    | Annotated[
        FunctionChoice | CustomChoice | AllowedToolsChoice,
        OneOf({**_CHOICES, "allowed_tools": Annotated[AllowedToolsChoice, Shape()]}, "tools"),
        Tag("<object>"),
    ],
    Discriminator(object_or_string),
]
ToolCalls = Annotated[
    tuple[
        Annotated[
            FunctionToolCall | CustomToolCall,
            OneOf(
                {
                    "function": Annotated[FunctionToolCall, Shape(echoed=ECHOED_IN_CALL)],
                    "custom": Annotated[CustomToolCall, Shape(echoed=ECHOED_IN_CALL)],
                },
                "tools",
            ),
        ],
        ...,
    ],
    *MANY,
]
Functions = Annotated[tuple[Annotated[OldFunction, Shape()], ...], *MANY]
FunctionChoiceOfOld = Annotated[
    Annotated[Literal["none", "auto"], Tag("<string>")]
    | Annotated[Named, Shape(), Tag("<object>")],
    Discriminator(object_or_string),
]
