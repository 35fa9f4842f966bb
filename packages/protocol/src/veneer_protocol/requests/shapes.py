"""Which names an object may have: what is null is left out, and the first wrong name ends the work.

pydantic checks values; these stand before it wherever a request has an object. Between them they
know, by the context of the validation, what the model at hand declares.
"""

import json
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from veneer_protocol.requests.openings import EXCLUDED, openers

_LONGEST_NAME_WORTH_A_GUESS = 40


@dataclass(frozen=True)
class Declared:
    """What is asked, and what it declares; the context in which a request is validated."""

    model: str | None
    """None where the request names no model."""
    features: frozenset[str] = frozenset()


def is_open(place: str, name: str, info: core_schema.ValidationInfo) -> bool:
    """Tell whether the model at hand takes `name`, or any would: outside of a request, all do."""
    if (place, name) in EXCLUDED:
        return False
    by = openers(place, name)
    return not by or info.context is None or not by.isdisjoint(info.context.features)


def unknown(name: str, known: Collection[str]) -> PydanticCustomError:
    """A name that the API does not have there."""
    guesses = []
    if len(name) <= _LONGEST_NAME_WORTH_A_GUESS:
        guesses = get_close_matches(name, sorted(known), n=1)
    return PydanticCustomError("unknown_name", "unknown", {"at": name, "guesses": guesses})


def undeclared(place: str, name: str, **context: object) -> PydanticCustomError:
    """A name that the API has and the model at hand does not take."""
    context |= {"place": place, "name": name}
    return PydanticCustomError("undeclared", "undeclared", context)


def take(
    values: dict[str, Any],
    names: Collection[str],
    info: core_schema.ValidationInfo,
    place: str | None = None,
    echoed: Collection[str] = (),
) -> dict[str, Any]:
    """Give `values` without what is null or echoed.

    Raises:
        PydanticCustomError: a name is unknown, or not open at `place`.
    """
    taken = {}
    for name, value in values.items():
        if name in echoed:
            continue
        if name not in names:
            raise unknown(name, names)
        if value is None:
            continue
        if place is not None and not is_open(place, name, info):
            raise undeclared(place, name, at=name)
        taken[name] = value
    return taken


def check_kind(
    kind: Any, kinds: Collection[str], place: str, info: core_schema.ValidationInfo, at: str
) -> None:
    """See that `kind`, found `at` a field, is one of `kinds` and open at `place`.

    Raises:
        PydanticCustomError: it is not.
    """
    if kind is None:
        raise PydanticCustomError("missing", "missing", {"at": at})
    if not isinstance(kind, str):
        raise PydanticCustomError("string_type", "no string", {"at": at, "value": kind})
    is_taken = is_open(place, kind, info)
    if kind in kinds and is_taken:
        return
    *others, last = (repr(one) for one in kinds if is_open(place, one, info))
    expected = f"{', '.join(others)} or {last}" if others else last
    context = {"at": at, "value": kind, "expected": expected}
    if not is_taken:
        raise undeclared(place, kind, **context)
    raise PydanticCustomError("no_kind", "no kind", context)


def check_finite(value: dict[str, Any]) -> dict[str, Any]:
    """Give `value`, which is anyone's to read, if JSON can say it again.

    Raises:
        PydanticCustomError: a number in it is beyond all bounds, which is read as infinity.
    """
    try:
        json.dumps(value, allow_nan=False)  # Of all ways to look at each value the fastest.
    except ValueError:
        steps, number = next(_infinite(value))
        raise PydanticCustomError(
            "finite_number", "infinite", {"at": steps.removeprefix("."), "value": number}
        ) from None
    return value


def _infinite(value: Any, steps: str = "") -> Iterator[tuple[str, float]]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _infinite(one, f"{steps}.{name}")
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from _infinite(one, f"{steps}[{index}]")
    elif isinstance(value, float) and not math.isfinite(value):
        yield steps, value


@dataclass(frozen=True)
class Shape:
    """Annotates a kind of object that takes the names of its own fields, and nothing else."""

    place: str | None = None
    echoed: frozenset[str] = frozenset()

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        fields = getattr(source, "model_fields", source.__annotations__)
        required: frozenset[str] = getattr(source, "__required_keys__", frozenset())
        names = frozenset(fields) | {name for place, name in EXCLUDED if place == self.place}

        def check(value: Any, info: core_schema.ValidationInfo) -> Any:
            if not isinstance(value, dict):
                return value
            try:
                return take(value, names, info, self.place, self.echoed)
            except PydanticCustomError as problem:
                raise _to_mend(problem, required - value.keys()) from None

        return core_schema.with_info_before_validator_function(check, handler(source))


def _to_mend(problem: PydanticCustomError, missing: Collection[str]) -> PydanticCustomError:
    """Give what is missing in place of a name that is unknown, where that tells how to mend it.

    A tool in the form of another API has its name beside its type: to leave it out helps nobody.
    """
    is_unknown = problem.type == "unknown_name"
    if not missing or not is_unknown or (problem.context or {})["guesses"]:
        return problem
    return PydanticCustomError("missing", "missing", {"at": min(missing)})


@dataclass(frozen=True, eq=False)  # What annotates is hashed; a mapping cannot be.
class OneOf:
    """Annotates a union of objects that are told apart by their `type`."""

    kinds: Mapping[str, Any]
    place: str

    def __get_pydantic_core_schema__(self, _: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        choices = {
            f"<{kind}>": handler.generate_schema(schema) for kind, schema in self.kinds.items()
        }
        union = core_schema.tagged_union_schema(choices, discriminator=_tag)

        def check(value: Any, info: core_schema.ValidationInfo) -> Any:
            if isinstance(value, dict):
                check_kind(value.get("type"), self.kinds, self.place, info, "type")
            return value

        return core_schema.with_info_before_validator_function(check, union)


def _tag(value: Any) -> str | None:
    kind = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    return f"<{kind}>" if isinstance(kind, str) else None


@dataclass(frozen=True, eq=False)
class As:
    """Annotates one of the SDK's types with the stricter one of ours that values are held to."""

    kind: Any

    def __get_pydantic_core_schema__(self, _: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        schema = handler.generate_schema(self.kind)
        # As it is: what is null in a JSON Schema was not left out.
        return {**schema, "serialization": core_schema.simple_ser_schema("any")}
