"""The calls of tools and functions in an answer, held to the rules of the API.

Reference: https://platform.openai.com/docs/guides/function-calling
"""

from collections.abc import Collection
from typing import Any, Final, TypeGuard

from openai.types.chat import ChatCompletionMessage
from openai.types.chat.chat_completion_chunk import (
    ChoiceDeltaFunctionCall,
    ChoiceDeltaToolCall,
    ChoiceDeltaToolCallFunction,
)
from pydantic import BaseModel

from veneer_protocol.answers.parts import broken, require
from veneer_protocol.features import Feature

_FEATURES = {"function": Feature.TOOLS, "custom": Feature.CUSTOM_TOOLS}
TEXTS: Final = {"function": "arguments", "custom": "input"}
"""Where each kind of call has what it calls with."""


class CallGuard:
    """Keeps the calls of one streamed choice legal, one after the other.

    The first delta of a call has its id and the name of what is called, and no later one has: what
    comes again unchanged is left out there, for clients join what they read.
    """

    def __init__(self, features: Collection[str]) -> None:
        self._features = features
        self._ids: list[str] = []
        self._kind = self._name = ""
        self._has_function = False

    @property
    def reasons(self) -> set[str]:
        """The finish reasons that the calls so far account for."""
        return _reasons(bool(self._ids), self._has_function)

    def check(self, deltas: object) -> list[ChoiceDeltaToolCall]:
        """Give `deltas` as they may be sent.

        Raises:
            InvalidProviderResponseError: they are no deltas of tool calls, come out of order, or
                are not declared.
        """
        if not isinstance(deltas, list):
            raise broken("has tool calls that are no list")
        return [self._legal(delta) for delta in deltas]

    def check_function(self, delta: object) -> None:
        """See that `delta`, of a call in the older form, is legal.

        Raises:
            InvalidProviderResponseError: it is not, or that form is not declared.
        """
        require(Feature.FUNCTIONS, self._features, "calls a function")
        if not isinstance(delta, ChoiceDeltaFunctionCall) or not (
            delta.arguments is None or isinstance(delta.arguments, str)
        ):
            raise broken("has a function call that is not of its type")
        if not (self._has_function or _is_name(delta.name)):
            raise broken("has a function call without a name")
        if self._has_function and delta.name:
            raise broken("names its function twice")
        self._has_function = True

    def _legal(self, delta: object) -> ChoiceDeltaToolCall:
        index, count = getattr(delta, "index", None), len(self._ids)
        if not isinstance(delta, ChoiceDeltaToolCall) or type(index) is not int:
            raise broken("has a tool call without an index")
        if index == count:
            return self._begun(delta)
        if index != count - 1:
            due = f"{count - 1} or {count}" if count else "0"
            raise broken(f"has a tool call of index {index} where {due} is due")
        return self._continued(delta)

    def _begun(self, delta: ChoiceDeltaToolCall) -> ChoiceDeltaToolCall:
        kind = "function" if getattr(delta, "custom", None) is None else "custom"
        require(_FEATURES[kind], self._features, "calls a tool")
        called = None if _is_of_another(delta, kind) else _called(delta, kind)
        if not _is_name(delta.id) or delta.id in self._ids:
            raise broken("has a tool call without an id of its own")
        if delta.type not in (None, kind) or called is None or not _is_name(called.get("name")):
            raise broken(f"has a tool call without the name of its {kind}")
        self._ids.append(delta.id)
        self._kind, self._name = kind, called["name"]
        if delta.type is not None and called.get(TEXTS[kind]) is not None:
            return delta
        return _copied(delta, {"type": kind, kind: {TEXTS[kind]: "", **called}})

    def _continued(self, delta: ChoiceDeltaToolCall) -> ChoiceDeltaToolCall:
        called = None if _is_of_another(delta, self._kind) else _called(delta, self._kind)
        if called is None or delta.type not in (None, self._kind):
            raise broken(f"goes on with a tool call as something other than its {self._kind}")
        if delta.id and delta.id != self._ids[-1]:
            raise broken(f"changed the id of a tool call from {self._ids[-1]!r} to {delta.id!r}")
        name = called.pop("name", None)
        if name and name != self._name:
            raise broken(f"changed the name of what it calls from {self._name!r} to {name!r}")
        if delta.id is None and delta.type is None and name is None:
            return delta
        return _copied(delta, {"id": None, "type": None, self._kind: called})


def check_calls(message: ChatCompletionMessage, features: Collection[str]) -> set[str]:
    """See that the calls of `message` are legal; give the finish reasons they account for.

    Raises:
        InvalidProviderResponseError: one is not of its type, or not declared.
    """
    calls, function = message.tool_calls, message.function_call
    if not (calls is None or isinstance(calls, list)):
        raise broken("has tool calls that are no list")
    ids = set()
    for call in calls or ():
        kind = getattr(call, "type", None)
        if not isinstance(kind, str) or kind not in _FEATURES:
            raise broken("has a tool call without its type")
        require(_FEATURES[kind], features, "calls a tool")
        if _is_of_another(call, kind) or not _is_whole(getattr(call, kind, None), TEXTS[kind]):
            raise broken(f"has a tool call without the name or the {TEXTS[kind]} of its {kind}")
        if not _is_name(call.id) or call.id in ids:
            raise broken("has a tool call without an id of its own")
        ids.add(call.id)
    if function is not None:
        require(Feature.FUNCTIONS, features, "calls a function")
        if not _is_whole(function, "arguments"):
            raise broken("has a function call without a name or arguments")
    return _reasons(bool(ids), function is not None)


def _is_of_another(call: object, kind: str) -> bool:
    # Some clients read what is there, whatever the type says.
    return any(getattr(call, other, None) is not None for other in TEXTS if other != kind)


def _called(delta: ChoiceDeltaToolCall, kind: str) -> dict[str, Any] | None:
    """Give what is known of the function or custom tool, or None if that is not of its type."""
    # The openai package knows no custom tools in deltas: they come as they stand in the JSON.
    value = delta.function if kind == "function" else getattr(delta, "custom", None)
    if not isinstance(value, BaseModel | dict | None):
        return None
    called = {name: given for name, given in dict(value or ()).items() if given is not None}
    texts = (called.get("name", ""), called.get(TEXTS[kind], ""))
    return called if all(isinstance(text, str) for text in texts) else None


def _copied(delta: ChoiceDeltaToolCall, changes: dict[str, Any]) -> ChoiceDeltaToolCall:
    """Give `delta` with `changes`, of which those that are None are left out on the wire."""
    if "function" in changes:
        changes["function"] = ChoiceDeltaToolCallFunction.construct(None, **changes["function"])
    copy = delta.model_copy(update=changes)
    copy.model_fields_set.difference_update(name for name in changes if changes[name] is None)
    return copy


def _is_whole(called: object, text: str) -> bool:
    return _is_name(getattr(called, "name", None)) and isinstance(getattr(called, text, None), str)


def _is_name(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and value != ""


def _reasons(has_calls: bool, has_function: bool) -> set[str]:
    reasons = {"tool_calls": has_calls, "function_call": has_function}
    return {reason for reason, has in reasons.items() if has}
