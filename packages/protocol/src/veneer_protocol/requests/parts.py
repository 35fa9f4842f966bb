"""The parts of a content that is an array: text, and what features open.

Reference: https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages
"""

from typing import Annotated, Literal, Required, TypeAlias

from openai.types.chat import (
    ChatCompletionContentPartImageParam,
    ChatCompletionContentPartInputAudioParam,
    ChatCompletionContentPartRefusalParam,
)
from openai.types.chat.chat_completion_content_part_param import File
from openai.types.chat.chat_completion_content_part_text_param import PromptCacheBreakpoint
from pydantic import AfterValidator
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from veneer_protocol.requests.shapes import As, OneOf, Shape
from veneer_protocol.requests.strict import NonEmptyString, StrictModel, core_of


class Breakpoint(TypedDict, total=False):
    """The end of what can be cached of a prompt."""

    mode: Required[Literal["explicit"]]
    ttl: Literal["30m", "12h"]


class TextPart(StrictModel):
    """A piece of text in a message whose content is an array."""

    type: Literal["text"]
    """What kind of part it is."""
    text: NonEmptyString
    """What it says."""
    prompt_cache_breakpoint: (
        Annotated[PromptCacheBreakpoint, As(Annotated[Breakpoint, Shape()])] | None
    ) = None
    """Where the cached part of a prompt ends. Opened by `prompt_cache`."""


CoreTextPart = core_of(TextPart, "CoreTextPart", without={"prompt_cache_breakpoint"})


def _url(url: str) -> str:
    # A URL is not fetched, and not judged any further: it may well hold megabytes of data.
    if not url[:8].lower().startswith(("http://", "https://", "data:")):
        raise PydanticCustomError("url", "no URL")
    return url


class ImageURL(TypedDict, total=False):
    """An image, by where it lies or by its own data."""

    url: Required[Annotated[str, AfterValidator(_url)]]
    detail: Literal["auto", "low", "high", "original"]


class ImagePart(TypedDict, total=False):
    """An image."""

    type: Required[Literal["image_url"]]
    image_url: Required[Annotated[ImageURL, Shape()]]
    prompt_cache_breakpoint: Annotated[Breakpoint, Shape()]


class InputAudio(TypedDict):
    """Sound, in base64."""

    data: str
    format: Literal["wav", "mp3"]


class AudioPart(TypedDict, total=False):
    """Sound."""

    type: Required[Literal["input_audio"]]
    input_audio: Required[Annotated[InputAudio, Shape()]]
    prompt_cache_breakpoint: Annotated[Breakpoint, Shape()]


class FileData(TypedDict, total=False):
    """A file, by its id or by its own data in base64."""

    file_data: str
    file_id: str
    filename: str


def _is_there(file: FileData) -> FileData:
    if "file_data" not in file and "file_id" not in file:
        raise PydanticCustomError("missing", "missing", {"at": "file_id"})
    return file


class FilePart(TypedDict, total=False):
    """A file."""

    type: Required[Literal["file"]]
    file: Required[Annotated[FileData, Shape(), AfterValidator(_is_there)]]
    prompt_cache_breakpoint: Annotated[Breakpoint, Shape()]


class RefusalPart(TypedDict):
    """What the model refused to say."""

    type: Literal["refusal"]
    refusal: str


# The JavaScript agents SDK repeats the message's role inside its parts.
ECHOED_IN_TEXT = frozenset({"role"})
ShapedText: TypeAlias = Annotated[TextPart, Shape("part_fields", ECHOED_IN_TEXT)]

OtherPart: TypeAlias = (
    ChatCompletionContentPartImageParam
    | ChatCompletionContentPartInputAudioParam
    | File
    | ChatCompletionContentPartRefusalParam
)
"""A part that a feature opens, as the SDK has it."""

Part: TypeAlias = Annotated[
    TextPart | OtherPart,
    OneOf(
        {
            "text": ShapedText,
            "image_url": Annotated[ImagePart, Shape("part_fields")],
            "input_audio": Annotated[AudioPart, Shape("part_fields")],
            "file": Annotated[FilePart, Shape("part_fields")],
            "refusal": Annotated[RefusalPart, Shape()],
        },
        "parts",
    ),
]
