"""What a model is told that knows neither tools nor structured outputs."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from veneer_protocol.emulation.blocks import CALL_BEGINS, CALL_ENDS

Function = Mapping[str, Any]
"""A function as it stands in `tools`: `name`, `description`, `parameters`."""

_TOOLS: Final = f"""\
You can call functions. Each of them is described here by a line of JSON:

%s

To call a function, write a block like this, with its name and with its arguments as a JSON object:

{CALL_BEGINS}
{{"name": "name_of_the_function", "arguments": {{"name_of_a_parameter": "value"}}}}
{CALL_ENDS}

%s Write nothing after a call: what the function gave is told to you in the next message."""
_SEVERAL: Final = "To call several functions at once, write several blocks, one after the other."
_ONE: Final = "Call one function at a time, not several."
_IF_NEEDED: Final = "If no function helps, answer as usual, without a block."
_REQUIRED: Final = "You must call a function now; do not answer in any other way."

_OBJECT: Final = "Answer with one JSON object and nothing else: no text around it, no code fence."
_SCHEMA: Final = "The object must keep to this JSON Schema:"


def for_tools(functions: Iterable[Function], *, is_required: bool, is_single: bool) -> str:
    """Tell of `functions`, and of how to call them."""
    described = "\n".join(_json(_description(function)) for function in functions)
    how = [_ONE if is_single else _SEVERAL, _REQUIRED if is_required else _IF_NEEDED]
    return _TOOLS % (described, " ".join(how))


def for_json(schema: Mapping[str, Any] | None, description: str | None = None) -> str:
    """Ask for JSON that keeps to `schema`, if there is one."""
    told = [_OBJECT]
    if description:
        told.append(f"The object is this: {description}")
    if schema is not None:
        told += [_SCHEMA, _json(schema)]
    return "\n\n".join(told)


def to_repair(reason: str, detail: str) -> str:
    """Ask once more."""
    told = (
        "This is not what was asked for.",
        reason,
        detail,
        "Answer again, as you were told at first.",
    )
    return " ".join(filter(None, told))


def _description(function: Function) -> dict[str, Any]:
    return {
        name: function[name] for name in ("name", "description", "parameters") if name in function
    }


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
