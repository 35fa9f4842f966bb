"""The bytes of a request body to a `ChatCompletionRequest`, or to the error that says why not."""

import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, NoReturn

# pydantic parses JSON with jiter too, but cannot be told to refuse a key that comes twice.
import jiter
from pydantic import AfterValidator, TypeAdapter, ValidationError

from veneer_protocol.errors import InvalidRequestError, shown
from veneer_protocol.requests.agreement import agree
from veneer_protocol.requests.findings import JSON_TYPES, LONGEST_PARAM, explained, path_of
from veneer_protocol.requests.request import ChatCompletionRequest
from veneer_protocol.requests.shapes import Declared, Shape
from veneer_protocol.requests.subset import NotOfTheCoreError, parse_core

_TWICE = "twice"
_LONGEST_SEARCHED = 256 * 1024

FeaturesOf = Callable[[str], Collection[str]]

_OPENED: TypeAdapter[ChatCompletionRequest] = TypeAdapter(
    Annotated[ChatCompletionRequest, Shape("fields"), AfterValidator(agree)]
)


def parse_request(body: bytes, features_of: FeaturesOf | None = None) -> ChatCompletionRequest:
    """Validate the body of `POST /v1/chat/completions`.

    What is more than the core subset is taken where the features of its model open it, which
    `features_of` is asked for, with the model as the request names it. Without it none has any.

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
        found = JSON_TYPES[type(document)]
        raise InvalidRequestError(
            f"The request body must be a JSON object, not {found}.", code="invalid_type"
        )
    try:
        return parse_core(document)
    except NotOfTheCoreError:
        return parse_opened(document, features_of)


def parse_opened(document: dict[str, Any], features_of: FeaturesOf | None) -> ChatCompletionRequest:
    """Hold `document` to what its model declares, the core subset included.

    Raises:
        InvalidRequestError: as `parse_request` does.
    """
    model = document.get("model")
    declared = Declared(model if isinstance(model, str) and model else None)
    if declared.model is not None and features_of is not None:
        declared = Declared(declared.model, frozenset(features_of(declared.model)))
    try:
        return _OPENED.validate_python(document, context=declared)
    except ValidationError as problem:
        raise explained(problem.errors(include_url=False)[0], declared) from None


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
                yield path_of(steps), value.kind
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
