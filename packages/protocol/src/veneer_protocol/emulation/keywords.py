"""Keywords of JSON Schema, for which the library would take more time or memory than there is."""

import json
from collections.abc import Callable, Iterator
from typing import Any

from jsonschema import ValidationError
from pydantic_core import SchemaValidator, core_schema

Check = Callable[[Any, Any, Any, Any], Iterator[ValidationError] | None]
"""Holds an instance to the value of a keyword: validator, value, instance, whole schema."""


def compiled(pattern: str) -> SchemaValidator:
    """Give what holds a text to `pattern`, in linear time, whatever it is and whatever it meets.

    Raises:
        SchemaError: it is no pattern, or has what takes more than linear time.
    """
    return SchemaValidator(core_schema.str_schema(pattern=pattern))


def _matching(validator: Any, schemas: list[Any], instance: Any) -> Iterator[object]:
    # The library keeps every error of every branch, each of kilobytes; the first is enough.
    return (one for one in schemas if next(validator.descend(instance, one), None) is None)


def match_any(
    validator: Any, schemas: list[Any], instance: Any, schema: object
) -> Iterator[ValidationError]:
    """See that `instance` keeps to one of `schemas`, as `anyOf` has it."""
    if not any(True for _ in _matching(validator, schemas, instance)):
        yield ValidationError(f"{instance!r} is none of what it may be")


def match_one(
    validator: Any, schemas: list[Any], instance: Any, schema: object
) -> Iterator[ValidationError]:
    """See that `instance` keeps to one of `schemas` and no other, as `oneOf` has it."""
    count = sum(1 for _ in _matching(validator, schemas, instance))
    if count != 1:
        many = "several" if count else "none"
        yield ValidationError(f"{instance!r} is {many} of what it may be one of")


def are_unique(
    validator: Any, is_wanted: object, instance: Any, schema: object
) -> Iterator[ValidationError]:
    """See that nothing is in a list twice, as `uniqueItems` has it."""
    # The library compares each with each where they cannot be sorted.
    if not (is_wanted and isinstance(instance, list)):
        return
    if len({json.dumps(_by_value(item), sort_keys=True) for item in instance}) < len(instance):
        yield ValidationError(f"{instance!r} has something twice")


def _by_value(value: object) -> object:
    """Give `value` with its whole numbers as integers, for 1.0 is 1."""
    if isinstance(value, dict):
        return {name: _by_value(one) for name, one in value.items()}
    if isinstance(value, list):
        return [*map(_by_value, value)]
    return int(value) if isinstance(value, float) and value.is_integer() else value
