"""A request may be what the openai package's types say, no more and no less."""

import json
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types import chat

from tests.protocol.features import ALL_FEATURES, HELLO, ask, called, turns, verdict
from tests.protocol.openai_types import FIELDS, allows, bare, values
from tests.protocol.strategies import JSON, places, replaced
from tests.protocol.test_parsing import names_its_place
from veneer_protocol import InvalidRequestError
from veneer_protocol.requests.openings import opened, openers

OPENED = sorted(opened("fields"))
MESSAGES: dict[str, Any] = {
    get_args(get_type_hints(kind)["role"])[0]: kind
    for kind in get_args(chat.ChatCompletionMessageParam)
}
# What a bound refuses, or another field; never what is of another type, or unknown.
OF_BOUNDS = {"invalid_value", "missing_required_parameter"}


def complete(name: str, value: Any) -> dict[str, Any]:
    """Give `value` with the other fields that it must come with."""
    fields = {name: value}
    if name in {"tool_choice", "parallel_tool_calls"}:
        tools = [{"type": "function", "function": {"name": "any"}}, *_chosen(value)]
        fields["tools"] = [*{json.dumps(tool): tool for tool in tools}.values()]
    if name == "function_call":
        fields["functions"] = [value if isinstance(value, dict) else {"name": "any"}]
    if name == "top_logprobs":
        fields["logprobs"] = True
    if name == "modalities":
        fields["audio"] = {"voice": "x", "format": "mp3"}
    return fields


def _chosen(choice: Any) -> list[dict[str, Any]]:
    if not isinstance(choice, dict):
        return []
    allowed = choice.get("allowed_tools")
    return [choice] if allowed is None else list(allowed["tools"])


@pytest.mark.parametrize("name", OPENED)
@settings(max_examples=50)
@given(data=st.data())
def test_a_field_may_hold_all_that_the_types_allow(name: str, data: st.DataObject) -> None:
    value = data.draw(values(FIELDS[name], name))
    fields = complete(name, value)

    assert allows(FIELDS[name], value)
    assert ask(ALL_FEATURES, **fields).to_openai() == {
        "model": "one",
        "messages": [HELLO],
        **fields,
    }
    refusal = verdict(ALL_FEATURES - openers("fields", name), **{name: value})
    assert refusal == (name, "unsupported_parameter")


@st.composite
def messages(draw: st.DrawFn, role: str) -> dict[str, Any]:
    """A message of `role`, with as much of a content as it must have."""
    message: dict[str, Any] = draw(values(MESSAGES[role], role))
    message.setdefault("content", "x")
    for part in message["content"] if isinstance(message["content"], list) else ():
        if part["type"] == "file":
            part["file"].setdefault("file_id", "f")
    for index, call in enumerate(message.get("tool_calls", ())):
        call["id"] = f"call_{index}"
    return message


def spoken(message: dict[str, Any]) -> dict[str, Any]:
    """Give a conversation with `message` in it."""
    if message["role"] == "tool":
        call = {"type": "function", "function": {"name": "f", "arguments": ""}}
        said = called(call | {"id": message["tool_call_id"]})
        return {"messages": [*said["messages"][:-1], message]}
    calls = message.get("tool_calls") or ()
    answers = [{"role": "tool", "tool_call_id": call["id"], "content": "x"} for call in calls]
    return turns(message, *answers)


@pytest.mark.parametrize("role", MESSAGES)
@settings(max_examples=50)
@given(data=st.data())
def test_a_message_may_hold_all_that_the_types_allow(role: str, data: st.DataObject) -> None:
    conversation = spoken(data.draw(messages(role)))

    assert ask(ALL_FEATURES, **conversation).to_openai()["messages"] == conversation["messages"]


@pytest.mark.parametrize("name", OPENED)
@settings(max_examples=50)
@given(data=st.data())
def test_a_field_may_hold_no_more_than_the_types_allow(name: str, data: st.DataObject) -> None:
    good = data.draw(values(FIELDS[name], name))
    value = data.draw(near_misses(good))
    fields = complete(name, good) | {name: value}
    is_right = value is None or allows(FIELDS[name], value)

    given = taken(fields | {"messages": [HELLO]}, is_right=is_right)

    assert given is None or given.get(name) == bare(FIELDS[name], value)


@pytest.mark.parametrize("role", MESSAGES)
@settings(max_examples=50)
@given(data=st.data())
def test_a_message_may_hold_no_more_than_the_types_allow(role: str, data: st.DataObject) -> None:
    good = data.draw(messages(role))
    value = data.draw(near_misses(good).filter(lambda one: isinstance(one, dict)))
    conversation = spoken(good)["messages"]
    conversation[conversation.index(good)] = value

    given = taken({"messages": conversation}, is_right=allows(MESSAGES[role], value))

    assert given is None or bare(MESSAGES[role], value) in given["messages"]


def taken(fields: dict[str, Any], *, is_right: bool) -> dict[str, Any] | None:
    """Give what an adapter has of `fields`, or None where they are refused as they should be."""
    try:
        given = ask(ALL_FEATURES, **fields).to_openai()
    except InvalidRequestError as error:
        if names_its_place(error, fields) and (error.code in OF_BOUNDS or not is_right):
            return None
        raise
    assert is_right
    return given


@st.composite
def near_misses(draw: st.DrawFn, good: Any) -> Any:
    """Change one value of `good` to any other."""
    # Of the tools that may be chosen the types say no more than that they are objects; and another
    # role has other types.
    paths = [path for path, _ in places(good) if not {"tools", "role"} & {*path}]
    # By way of JSON, which has no half of a character.
    return replaced(good, draw(st.sampled_from(paths)), draw(JSON.filter(is_json)))


def is_json(value: Any) -> bool:
    try:
        return bool(json.loads(json.dumps(value, allow_nan=False).encode()) == value)
    except ValueError:
        return False
