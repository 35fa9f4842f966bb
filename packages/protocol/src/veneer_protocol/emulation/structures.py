"""JSON out of what a model says, held to the schema that was asked for.

The schema comes from the caller: what would fetch something, or take for ever, is refused. The
errors of the libraries quote what was sent, and are not kept as causes, for these may be logged.
"""

import json
import time
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final

import attrs
from jsonschema import Draft202012Validator, ValidationError, validators
from openai.types.shared_params import ResponseFormatJSONSchema
from pydantic import ValidationError as PatternMismatch
from pydantic_core import SchemaError as PatternError
from referencing.exceptions import Unresolvable
from referencing.jsonschema import EMPTY_REGISTRY

from veneer_protocol.emulation.blocks import objects_in, parse_object
from veneer_protocol.emulation.errors import NotAsAskedError
from veneer_protocol.emulation.keywords import Check, are_unique, compiled, match_any, match_one
from veneer_protocol.errors import InvalidRequestError, shown

LONGEST_SCHEMA: Final = 128 * 1024
"""How many characters a schema may have that is to be kept strictly."""
MOST_SECONDS: Final = 2.0
"""How long a schema may be looked at, or an answer held against it, in seconds of the processor."""

_PARAM: Final = "response_format.json_schema.schema"
_THOUGHT_ENDS = "</think>"
_MOST_OBJECTS = 16
_MOST_REFERENCES = 10_000
# Of those that are compiled; one may take ten mebibytes.
_MOST_PATTERNS = 8
_LONGEST_ERROR = 300
# Of what these say of an object, the library works out the whole before the clock is looked at.
_UNCHECKED = ("patternProperties", "unevaluatedItems", "unevaluatedProperties")
# Keywords that hold something by names of the caller's choice.
_NAMED = ("$defs", "definitions", "dependentRequired", "dependentSchemas", "properties")
# What jsonschema raises where references lead nowhere, in circles or to what is no schema, and
# where numbers are too large to divide.
_ASTRAY = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    Unresolvable,
    ValueError,
)


class Structure:
    """What an answer in JSON must be: an object, or one that keeps to a schema."""

    def __init__(self, schema: Mapping[str, Any] | None = None) -> None:
        """Hold answers to `schema`, if there is one. It takes a while, where that is large.

        Raises:
            InvalidRequestError: it is no JSON Schema, or one that cannot be checked here.
        """
        self._pattern = lru_cache(_MOST_PATTERNS)(compiled)
        self._references = 0
        self._until = time.thread_time() + MOST_SECONDS
        self._validator = None if schema is None else self._validator_of(schema)

    @classmethod
    def of(cls, described: ResponseFormatJSONSchema) -> "Structure":
        """Hold answers to what a request describes, where it is to be kept strictly."""
        asked: Mapping[str, Any] = described["json_schema"]
        return cls(asked.get("schema") if asked.get("strict") else None)

    def read(self, text: str) -> str:
        """Give the one JSON object in `text` that is as it should be, as it was said.

        Raises:
            NotAsAskedError: there is none, or several.
            InvalidRequestError: the schema turns out to be one that cannot be checked here.
        """
        self._until = time.thread_time() + MOST_SECONDS
        wrong = {one: self._what_is_wrong(one) for one in _found(text)}
        right = [one for one, error in wrong.items() if error is None]
        if len(right) == 1:
            return right[0]
        if right or not wrong:
            many = "several JSON objects" if right else "no JSON object"
            raise NotAsAskedError(f"It has {many} in it, where one is due.")
        raise NotAsAskedError("It does not keep to the schema.", str([*wrong.values()][-1]))

    def _what_is_wrong(self, text: str) -> str | None:
        if self._validator is None:
            return None
        try:
            error = next(self._validator.iter_errors(parse_object(text)), None)
        except _ASTRAY:
            raise _unusable(
                "cannot be checked: a reference or a number in it leads astray"
            ) from None
        return None if error is None else f"{error.json_path}: {error.message}"[:_LONGEST_ERROR]

    def _validator_of(self, schema: Mapping[str, Any]) -> Any:
        if len(json.dumps(schema, ensure_ascii=False)) > LONGEST_SCHEMA:
            raise _unusable(f"has more than {LONGEST_SCHEMA} characters, too many to be checked")
        # What check_schema of the library does, but for the clock.
        metaschema = self._kind({"uniqueItems": are_unique})(
            Draft202012Validator.META_SCHEMA, registry=EMPTY_REGISTRY
        )
        try:
            error = next(metaschema.iter_errors(schema), None)
        except _ASTRAY:
            raise _unusable("cannot be checked") from None
        if error is not None:
            raise _unusable(f"is no JSON Schema; look at {shown(error.json_path)}")
        kinds = schema.get("type", "object")
        if "object" not in ([kinds] if isinstance(kinds, str) else kinds):
            raise _unusable("allows no object, which an answer is; put what it allows into one")
        for name in _UNCHECKED:
            if _has_keyword(schema, name):
                raise _unusable(f"has {name}, which are not checked here")
        checks: dict[str, Check] = {
            "$ref": self._follow,
            "$dynamicRef": self._follow,
            "anyOf": match_any,
            "oneOf": match_one,
            "pattern": self._match,
            "uniqueItems": are_unique,
            # A reference may lead to what looks like a property, and make a schema of it.
            **{name: _refused(name) for name in _UNCHECKED},
        }
        # Without the registry it would fetch what a reference names.
        return self._kind(checks)(schema, registry=EMPTY_REGISTRY)

    def _kind(self, checks: Mapping[str, Check]) -> Any:
        """Make a class that checks some keywords by `checks`, and all of them by the clock."""
        all_checks: dict[str, Check] = {**Draft202012Validator.VALIDATORS, **checks}
        timed = {name: self._timed(check) for name, check in all_checks.items()}
        kind: Any = validators.extend(Draft202012Validator, timed)  # type: ignore[no-untyped-call]
        # By itself it takes the library's own class where `$schema` names that, without the clock.
        kind.evolve = attrs.evolve
        return kind

    def _timed(self, check: Check) -> Check:
        """Look at the clock before `check`: a schema can ask for years of work."""

        def timed(
            validator: Any, value: Any, instance: Any, schema: Any
        ) -> Iterator[ValidationError] | None:
            if time.thread_time() > self._until:
                raise _unusable("takes too long to check")
            return check(validator, value, instance, schema)

        return timed

    def _follow(
        self, validator: Any, reference: str, instance: Any, schema: object
    ) -> Iterator[ValidationError]:
        # A few lines of references to references can make a check take years.
        self._references += 1
        if self._references > _MOST_REFERENCES:
            raise _unusable("has references that take too long to follow")
        yield from Draft202012Validator.VALIDATORS["$ref"](validator, reference, instance, schema)

    def _match(
        self, validator: Any, pattern: str, instance: Any, schema: object
    ) -> Iterator[ValidationError]:
        if not isinstance(instance, str):
            return
        try:
            self._pattern(pattern).validate_python(instance)
        except PatternError:
            raise _unusable(
                f"has the pattern {shown(pattern)}, which is not checked here"
            ) from None
        except PatternMismatch:
            yield ValidationError(f"{instance!r} does not match {pattern!r}")


def _found(text: str) -> list[str]:
    whole = text.strip()
    if parse_object(whole) is not None:
        return [whole]
    # What stands in the thoughts of a model is a draft, if an answer comes after them.
    _, _, answer = text.partition(_THOUGHT_ENDS)
    return [*objects_in(answer, _MOST_OBJECTS)] or [*objects_in(text, _MOST_OBJECTS)]


def _has_keyword(value: object, name: str, *, is_schema: bool = True) -> bool:
    if isinstance(value, list):
        return any(_has_keyword(one, name) for one in value)
    if not isinstance(value, Mapping):
        return False
    # What is below a name of the caller's choice is a schema, whatever the name.
    return (is_schema and name in value) or any(
        _has_keyword(one, name, is_schema=not (is_schema and key in _NAMED))
        for key, one in value.items()
    )


def _refused(name: str) -> Check:
    def refuse(validator: Any, value: Any, instance: Any, schema: Any) -> None:
        raise _unusable(f"has {name}, which are not checked here")

    return refuse


def _unusable(what: str) -> InvalidRequestError:
    return InvalidRequestError(f"The schema {what}.", param=_PARAM, code="invalid_value")
