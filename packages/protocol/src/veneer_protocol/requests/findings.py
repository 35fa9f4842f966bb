"""What pydantic finds wrong with a request, in the API's words."""

from typing import Any

from pydantic_core import ErrorDetails

from veneer_protocol.errors import InvalidRequestError, shown
from veneer_protocol.requests.openings import EXCLUDED, features_in_words, words_for
from veneer_protocol.requests.shapes import Declared

LONGEST_PARAM = 200
"""Characters of a caller's own naming that an error repeats."""

JSON_TYPES = {
    bool: "a boolean",
    int: "an integer",
    float: "a number",
    str: "a string",
    list: "an array",
    dict: "an object",
    type(None): "null",
}
_WANTED = {
    "bool_type": "a boolean",
    "dict_type": "an object",
    "float_type": "a number",
    "int_type": "an integer",
    "model_type": "an object",
    "string_type": "a string",
    "tuple_type": "an array",
    "union_tag_not_found": "an object",
}
# What a union takes, by how its branches are told apart.
_FORMS = {
    "array_or_string()": "a string or an array",
    "object_or_string()": "a string or an object",
}
# What is allowed, by the kind of the finding.
_ALLOWED = {
    "finite_number": "It must be finite.",
    "float_type": "It is out of range.",
    "greater_than_equal": "The minimum is {ge}.",
    "less_than_equal": "The maximum is {le}.",
    "literal_error": "Supported: {expected}.",
    "no_kind": "Supported: {expected}.",
    "string_pattern_mismatch": "It must match {pattern}.",
    "string_too_long": "At most {max_length} characters are allowed.",
    "string_too_short": "It must not be empty.",
    "too_long": "At most {max_length} are allowed.",
    "too_short": "It must not be empty.",
    "url": "It must be a URL that begins with http, https or data.",
}
_PARAMETERS = frozenset({"fields", "message_fields", "part_fields", "stream_options"})


def explained(error: ErrorDetails, declared: Declared) -> InvalidRequestError:
    """Put a finding into the API's words."""
    kind, context = error["type"], error.get("ctx", {})
    value = context.get("value", error["input"])
    param = _param(error["loc"], context.get("at"))
    quoted = shown(param)
    if kind == "missing":
        code, sentence = "missing_required_parameter", f"Missing required parameter: {quoted}."
    elif kind == "unknown_name":
        code, sentence = "unknown_parameter", _unknown(quoted, context["guesses"])
    elif kind == "undeclared" and context["place"] in _PARAMETERS:
        code, sentence = "unsupported_parameter", f"Unsupported parameter: {quoted}"
        sentence += f"{_undeclared(context, declared)}. Leave it out."
    elif kind == "undeclared":
        code, sentence = "unsupported_value", f"Unsupported value for {quoted}: {_shown(value)}"
        sentence += f"{_undeclared(context, declared)}. Supported: {context['expected']}."
    elif kind == "fields_disagree":
        code, sentence = "invalid_value", error["msg"]
    elif _is_of_another_type(kind, value):
        wanted = _FORMS.get(context.get("discriminator", ""), _WANTED.get(kind, "a string"))
        found = JSON_TYPES[type(value)]
        code = "invalid_type"
        sentence = f"Invalid type for {quoted}: {found}, not {wanted}."
    else:
        code, sentence = "invalid_value", f"Invalid value for {quoted}: {_shown(value)}."
    if code == "invalid_value" and kind in _ALLOWED:
        sentence += f" {_ALLOWED[kind].format(**context)}"
    return InvalidRequestError(sentence, param=param[:LONGEST_PARAM], code=code)


def path_of(location: tuple[int | str, ...]) -> str:
    """Give the path of a value, as errors name it: `messages[0].content`."""
    steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in location]
    return "".join(steps).removeprefix(".")


def _param(location: tuple[int | str, ...], at: str | None) -> str:
    """Give the path of what is `at` a place within the value at `location`."""
    path = path_of(tuple(step for step in location if not _is_tag(step)))
    if at is None:
        return path
    return f"{path}.{at}" if path else at


def _is_tag(step: int | str) -> bool:
    """Tell the names of a union's branches, and pydantic's own of a key, from those of the wire."""
    return isinstance(step, str) and (step == "[key]" or (step[:1], step[-1:]) == ("<", ">"))


def _unknown(quoted: str, guesses: list[str]) -> str:
    advice = f"Did you mean {guesses[0]!r}?" if guesses else "Leave it out."
    return f"Unknown parameter: {quoted}. {advice}"


def _undeclared(context: dict[str, Any], declared: Declared) -> str:
    """Say what is not taken, by which model, and for want of which feature."""
    place, name = context["place"], context["name"]
    if (place, name) in EXCLUDED:
        return f" ({EXCLUDED[place, name]}) is not taken here"
    what = f" ({words_for(place, name)}) is not taken"
    if declared.model is None:
        return f"{what} here"
    features = features_in_words(place, name, "'")
    return f"{what} by {shown(declared.model)}, which does not declare the feature {features}"


def _is_of_another_type(kind: str, value: object) -> bool:
    if kind == "literal_error":
        return not isinstance(value, str)
    # An integer is a number; one that is no float has too many digits.
    return kind in _WANTED and not (kind == "float_type" and type(value) is int)


def _shown(value: object) -> str:
    """Write a value of the caller's, cut where it is long; arrays and objects by their length."""
    if isinstance(value, list):
        return f"an array of {len(value)}"
    if isinstance(value, dict):
        return f"an object of {len(value)}"
    return shown(value) if isinstance(value, str) else shown(str(value)).strip("'")
