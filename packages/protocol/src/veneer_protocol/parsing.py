"""The bytes of a request body to a `ChatCompletionRequest`, or to the error that says why not."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

# pydantic parses JSON with jiter too, but cannot be told to refuse a key that comes twice.
import jiter
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from veneer_protocol.errors import InvalidRequestError, shown
from veneer_protocol.request import ChatCompletionRequest
from veneer_protocol.subset import EXCLUDED_PARTS, EXCLUDED_ROLES, LONGEST_PARAM, take

_WANTED = {
    "bool_type": "a boolean",
    "float_type": "a number",
    "int_type": "an integer",
    "model_type": "an object",
    "string_type": "a string",
    "tuple_type": "an array",
    "union_tag_not_found": "a string or an array",
}
_JSON_TYPES = {
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    str: "a string",
    list: "an array",
    dict: "an object",
    type(None): "null",
}
# What pydantic allows, by the kind of its error.
_ALLOWED = {
    "finite_number": "It must be finite.",
    "float_type": "It is out of range.",
    "greater_than_equal": "The minimum is {ge}.",
    "less_than_equal": "The maximum is {le}.",
    "literal_error": "Supported: {expected}.",
    "string_too_short": "It must not be empty.",
    "too_long": "At most {max_length} are allowed.",
    "too_short": "It must not be empty.",
}
_TWICE = "twice"
_LONGEST_SEARCHED = 256 * 1024
# The tags that request.py gives the branches of a union: no names of the wire.
_TAGS = frozenset({"array", "string"})


def parse_request(body: bytes) -> ChatCompletionRequest:
    """Validate the body of `POST /v1/chat/completions` against the core subset.

    Raises:
        InvalidRequestError: with the exact `param` and a stable `code`: `invalid_json`,
            `duplicate_parameter`, `missing_required_parameter`, `unknown_parameter`,
            `unsupported_parameter`, `invalid_type`, `invalid_value` or `unsupported_value`.
    """
    try:
        document = jiter.from_json(body, allow_inf_nan=False, catch_duplicate_keys=True)
    except ValueError as problem:
        _refuse_json(body, problem)
    if not isinstance(document, dict):
        found = _JSON_TYPES[type(document)]
        raise InvalidRequestError(
            f"The request body must be a JSON object, not {found}.", code="invalid_type"
        )
    try:
        return ChatCompletionRequest.model_validate(take(document))
    except ValidationError as problem:
        raise _explained(problem.errors(include_url=False)[0]) from None


def _refuse_json(body: bytes, problem: ValueError) -> NoReturn:
    """Say what keeps `body` from being JSON, and at which parameter, if it came that far."""
    reason, _, position = str(problem).partition(" at line ")
    position = f" (line {position})" if position else ""
    for param, fault in _faults(body):
        if fault == _TWICE:
            raise InvalidRequestError(
                f"The parameter {shown(param)} is given twice{position}. Give it once.",
                param=param[:LONGEST_PARAM],
                code="duplicate_parameter",
            )
        raise InvalidRequestError(
            f"Invalid value for {shown(param)}: {fault} is no JSON number{position}.",
            param=param[:LONGEST_PARAM],
            code="invalid_value",
        )
    raise InvalidRequestError(
        f"The request body is not valid JSON: {reason}{position}.", code="invalid_json"
    )


@dataclass(frozen=True)
class _Fault:
    """Stands in a document where JSON allows nothing: for NaN, Infinity or a repeated key."""

    kind: str
    key: str | None = None


_Trail = tuple[()] | tuple[Any, int | str]


def _faults(body: bytes) -> Iterator[tuple[str, str]]:
    """Find the paths of repeated keys and of numbers that are none, which jiter does not tell."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any] | _Fault:
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                return _Fault(_TWICE, key)
            seen.add(key)
        return dict(pairs)

    if len(body) > _LONGEST_SEARCHED:  # Searching takes ten times as long as parsing.
        return
    try:
        document = json.loads(body, object_pairs_hook=unique, parse_constant=_Fault)
    except (ValueError, RecursionError):
        return
    # A trail is (trail so far, step); it becomes a path only where there is a fault, for a path at
    # every value could be many times as long as the body.
    pending: list[tuple[_Trail, Any]] = [((), document)]
    while pending:
        trail, value = pending.pop()
        if isinstance(value, _Fault):
            steps = _steps(trail) if value.key is None else (*_steps(trail), value.key)
            if steps and isinstance(steps[0], str):  # Else the body is no object at all.
                yield _param(steps), value.kind
        elif isinstance(value, dict):
            pending.extend(((trail, key), item) for key, item in reversed(value.items()))
        elif isinstance(value, list):
            pending.extend(((trail, i), value[i]) for i in reversed(range(len(value))))


def _steps(trail: _Trail) -> tuple[int | str, ...]:
    steps: list[int | str] = []
    while trail:
        trail, step = trail
        steps.append(step)
    return tuple(reversed(steps))


def _explained(error: ErrorDetails) -> InvalidRequestError:
    """Put pydantic's first finding into the API's words."""
    kind, value, context = error["type"], error["input"], error.get("ctx", {})
    location = tuple(step for step in error["loc"] if step not in _TAGS)
    param = str(context.get("param") or _param(location))
    if kind == "missing" or (value is None and isinstance(location[-1], str)):
        code, sentence = "missing_required_parameter", f"Missing required parameter: '{param}'."
    elif kind == "fields_disagree":
        code, sentence = "invalid_value", error["msg"]
    elif _is_of_another_type(kind, value):
        wanted, found = _WANTED.get(kind, "a string"), _JSON_TYPES[type(value)]
        code, sentence = "invalid_type", f"Invalid type for '{param}': {found}, not {wanted}."
    elif _is_of_the_api(param, value):
        code, sentence = "unsupported_value", f"Unsupported value for '{param}': {_shown(value)}."
    else:
        code, sentence = "invalid_value", f"Invalid value for '{param}': {_shown(value)}."
    if code in {"unsupported_value", "invalid_value"} and kind in _ALLOWED:
        sentence += f" {_ALLOWED[kind].format(**context)}"
    return InvalidRequestError(sentence, param=param, code=code)


def _is_of_another_type(kind: str, value: object) -> bool:
    if kind == "literal_error":
        return not isinstance(value, str)
    # An integer is a number; one that is no float has too many digits.
    return kind in _WANTED and not (kind == "float_type" and type(value) is int)


def _is_of_the_api(param: str, value: object) -> bool:
    """Whether `value` is one that the API has and the core subset leaves out."""
    if param == "n":
        return isinstance(value, int) and value > 1
    name = param.rpartition(".")[2]
    return value in {"role": EXCLUDED_ROLES, "type": EXCLUDED_PARTS}.get(name, ())


def _shown(value: object) -> str:
    """Write a value of the caller's, cut where it is long; arrays by their length."""
    if isinstance(value, list):
        return f"an array of {len(value)}"
    return shown(value) if isinstance(value, str) else shown(str(value)).strip("'")


def _param(location: tuple[int | str, ...]) -> str:
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in location]
    return "".join(steps).removeprefix(".")
