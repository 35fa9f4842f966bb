"""What an upstream says about a failure, in whichever shape its kind of server has."""

from dataclasses import dataclass
from typing import Any

_LONGEST_TEXT = 8000


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
    if not isinstance(error, dict) or not isinstance(error.get("message"), str):
        return Complaint(message=_detail(document.get("detail")))
    code = error.get("code")
    return Complaint(
        message=error["message"][:_LONGEST_TEXT],
        type=_text(error.get("type")),
        code=_text(code),
        param=_text(error.get("param")),
        status=_http_status(code),
        # Older vLLM has no `error` around it.
        is_of_the_api="error" in document or document.get("object") == "error",
    )


def _detail(detail: Any) -> str | None:
    """Read what FastAPI answers: a text, or a list of what is wrong with the body."""
    if isinstance(detail, list):
        detail = "; ".join(str(item["msg"]) for item in detail if _has_message(item))
    return detail[:_LONGEST_TEXT] if isinstance(detail, str) and detail else None


def _has_message(item: object) -> bool:
    return isinstance(item, dict) and "msg" in item


def _text(value: object) -> str | None:
    # A number is no name that a program could act on.
    is_name = isinstance(value, str) and value and not value.isdecimal()
    return str(value)[:_LONGEST_TEXT] if is_name else None


def _http_status(code: object) -> int | None:
    if isinstance(code, str) and code.isdecimal() and len(code) == 3:
        code = int(code)
    return code if isinstance(code, int) and 400 <= code <= 599 else None
