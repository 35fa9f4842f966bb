"""What an upstream says about a failure, in whichever shape its kind of server has."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypeGuard

_LONGEST_TEXT = 8000
_LONGEST_REASON = 500
# Flat ones of many frameworks, AWS, FastAPI and Mistral, Cloudflare.
_PLACES = ("message", "Message", "detail", "errors")


@dataclass(frozen=True, slots=True)
class Complaint:
    """An upstream's words about a failure, as far as it said any."""

    message: str | None = None
    type: str | None = None
    code: str | None = None
    param: str | None = None
    status: int | None = None
    """The HTTP status that stands where OpenAI has its `code`: vLLM and llama.cpp do so."""
    is_of_the_api: bool = False
    """Whether it is an error object of the OpenAI API: the API was reached, and said no."""


def unwrapped(document: object) -> object:
    """Give an error out of the list that Gemini has around it, and anything else as it is."""
    match document:
        case [{"error": _}]:
            return document[0]
        case _:
            return document


def read_complaint(document: object) -> Complaint:
    """Read the JSON of an error response, or of an error frame in a stream.

    Reference: https://platform.openai.com/docs/guides/error-codes/api-errors
    """
    document = unwrapped(document)
    if not isinstance(document, dict):
        return Complaint()
    error = document.get("error", document)
    if isinstance(error, str):  # Ollama's own API, and text-generation-inference
        return Complaint(message=error[:_LONGEST_TEXT])
    words = _words(error.get("message")) if isinstance(error, dict) else None
    if words is None or not isinstance(error, dict):
        return Complaint(message=_first_words(document, _PLACES))
    code = error.get("code")
    return Complaint(
        message=words,
        type=_text(error.get("type")),
        code=_text(code),
        param=_text(error.get("param")),
        status=_http_status(code),
        # Older vLLM has no `error` around it.
        is_of_the_api="error" in document or document.get("object") == "error",
    )


def read_plain_complaint(text: str) -> Complaint:
    """Take the text of an error response, if it is short: a page or a traceback is no reason."""
    words = " ".join(text.split())
    is_reason = 0 < len(words) <= _LONGEST_REASON and words.isprintable()
    return Complaint(message=words if is_reason else None)


def _words(value: object) -> str | None:
    """Read a text, a list of what is wrong with the body, or an object with either within."""
    if isinstance(value, list):
        value = "; ".join(filter(None, map(_words, value)))
    elif isinstance(value, dict):
        words, place = _first_words(value, (*_PLACES, "msg")), value.get("loc")
        value = f"{'.'.join(map(str, place))}: {words}" if words and _is_place(place) else words
    return value[:_LONGEST_TEXT] if isinstance(value, str) and value else None


def _first_words(value: Mapping[str, object], names: Iterable[str]) -> str | None:
    return next(filter(None, (_words(value.get(name)) for name in names)), None)


def _is_place(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list) and value != []


def _text(value: object) -> str | None:
    # A number is no name that a program could act on.
    is_name = isinstance(value, str) and value and not value.isdecimal()
    return str(value)[:_LONGEST_TEXT] if is_name else None


def _http_status(code: object) -> int | None:
    if isinstance(code, str) and code.isdecimal() and len(code) == 3:
        code = int(code)
    return code if isinstance(code, int) and 400 <= code <= 599 else None
