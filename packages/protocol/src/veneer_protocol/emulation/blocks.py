"""How calls of tools and their results are written in a text, for models that know only text.

A call is a block, as several families of open models were taught to write it:

    <tool_call>
    {"name": "get_weather", "arguments": {"city": "Seoul"}}
    </tool_call>
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final, NamedTuple

from pydantic_core import from_json

CALL_BEGINS: Final = "<tool_call>"
CALL_ENDS: Final = "</tool_call>"
RESULT_BEGINS: Final = "<tool_result>"
_RESULT_ENDS: Final = "</tool_result>"

# How some models, and some clients, write that there are no arguments.
_NOTHING = (None, "", "null")

_DECODER = json.JSONDecoder()
# Each costs a look back for the number of its line, of all things.
_MOST_TRIES = 1000
# What a text is full of that is no object, a set of mathematics, say, is not tried at all.
_OBJECT_BEGINS = re.compile(r'\{[ \t\n\r]*+(?:\}|"(?:[^"\\]|\\.)*+"[ \t\n\r]*+:)')
_OUTSIDE = re.compile(r'[{}"]')
_IN_STRING = re.compile(r'["\\]')


class Call(NamedTuple):
    """A tool with what it is called with."""

    name: str
    arguments: str
    """A JSON object, as text."""


class ObjectEnd:
    """Finds where a JSON object ends that comes in pieces, the first of which begins with it."""

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._is_escaped = False

    def find(self, piece: str) -> int | None:
        """Give what is behind the end of the object, or None where `piece` does not have it."""
        at = 0
        while at < len(piece):
            if self._is_escaped:
                self._is_escaped = False
                at += 1
                continue
            sign = (_IN_STRING if self._in_string else _OUTSIDE).search(piece, at)
            if sign is None:
                return None
            at = sign.end()
            if sign[0] == "\\":
                self._is_escaped = True
            elif sign[0] == '"':
                self._in_string = not self._in_string
            else:
                self._depth += 1 if sign[0] == "{" else -1
                if self._depth == 0:
                    return at
        return None


def parse_object(text: str) -> dict[str, Any] | None:
    """Read a JSON object that can be sent to a client; None where it is something else."""
    try:
        value = from_json(text, allow_inf_nan=False)
    except (ValueError, TypeError):  # The latter of half a character, which no client could read.
        return None
    return value if isinstance(value, dict) else None


def parse_call(text: str, names: Collection[str]) -> Call | None:
    """Read what is in a block; None where it does not call one of `names` with an object.

    Arguments in a string, as the API itself has them, are taken, and those under `parameters`, as
    Llama was taught to write them. None at all are an empty object, if nothing else is there that
    may have been meant.
    """
    said = parse_object(text)
    name = None if said is None else said.get("name")
    if said is None or not isinstance(name, str) or name not in names:
        return None
    arguments = _arguments(said)
    if arguments is None:
        return None
    try:
        return Call(name, json.dumps(arguments, ensure_ascii=False, allow_nan=False))
    except ValueError:  # A number beyond all bounds.
        return None


def _arguments(said: Mapping[str, Any]) -> dict[str, Any] | None:
    given = [said[key] for key in ("arguments", "parameters") if key in said]
    told = [one for one in given if one not in _NOTHING]
    if not told:
        return {} if given or said.keys() == {"name"} else None
    arguments = parse_object(told[0]) if isinstance(told[0], str) else told[0]
    return arguments if isinstance(arguments, dict) else None


def render_call(call: Call) -> str:
    """Write `call` as the model should have written it."""
    arguments = {} if call.arguments in _NOTHING else parse_object(call.arguments)
    try:
        said = _written(call.name, call.arguments if arguments is None else arguments)
    except ValueError:  # A number beyond all bounds.
        said = _written(call.name, call.arguments)
    return f"{CALL_BEGINS}\n{said}\n{CALL_ENDS}"


def _written(name: str, arguments: object) -> str:
    # Of a history that came from elsewhere, arguments need not be JSON.
    said = {"name": name, "arguments": arguments}
    return json.dumps(said, ensure_ascii=False, allow_nan=False)


def render_result(name: str, content: str) -> str:
    """Write what the tool `name` gave."""
    said = json.dumps({"name": name, "content": content}, ensure_ascii=False)
    # It is in a string of JSON, which it cannot leave, nor may it end the block.
    inside = said.replace("</", "<\\/")
    return f"{RESULT_BEGINS}\n{inside}\n{_RESULT_ENDS}"


def objects_in(text: str, most: int) -> Iterator[str]:
    """Give up to so many JSON objects in `text`, one inside another not.

    What begins like one and is none is passed over, as long as that takes linear time.
    """
    at, left, tries = 0, most * len(text), _MOST_TRIES
    while most and left > 0 and tries and (begun := _OBJECT_BEGINS.search(text, at)):
        start = at = begun.start()
        try:
            _, at = _DECODER.raw_decode(text, start)
        except RecursionError:
            left -= len(text) - start
        except ValueError as error:
            # It was read up to there, and is read again if an object is in it.
            left -= getattr(error, "pos", len(text)) - start
        if parse_object(text[start:at]) is not None:
            most -= 1
            yield text[start:at]
        else:
            tries -= 1
        at = max(at, start + 1)
