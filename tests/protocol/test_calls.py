"""What the guard makes of calls of tools and functions, streamed and whole."""

from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from veneer_protocol import (
    Feature,
    InvalidProviderResponseError,
    StreamGuard,
    check_completion,
    encode_event,
)

COMPLETION = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
CHUNK = {**COMPLETION, "object": "chat.completion.chunk"}
ALL = frozenset(Feature)


def call(
    index: object = 0, ident: object = None, name: object = None, arguments: object = None
) -> Any:
    """A delta of a call, without what is None."""
    function = _given(name=name, arguments=arguments)
    return _given(index=index, id=ident, function=function or None)


def custom(index: int = 0, ident: str | None = None, **tool: object) -> Any:
    return _given(index=index, id=ident, type="custom" if ident else None, custom=tool)


def _given(**fields: object) -> dict[str, object]:
    return {name: value for name, value in fields.items() if value is not None}


BEGUN = call(0, "call_1", "look", "")


def chunk(*calls: Any, finish_reason: str | None = None, **delta: Any) -> ChatCompletionChunk:
    """A chunk as the official client builds it: without a look at the types."""
    if calls:
        delta["tool_calls"] = list(calls)
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return ChatCompletionChunk.construct(None, **CHUNK, choices=[choice])


def sent(*chunks: ChatCompletionChunk, features: frozenset[Feature] = ALL) -> list[dict[str, Any]]:
    """Give the deltas as a client reads them."""
    guard = StreamGuard(features=features)
    legal = [guard.check(each) for each in chunks]
    dumped = [each.model_dump(exclude_unset=True, warnings=False) for each in legal if each]
    return [each["choices"][0]["delta"] for each in dumped]


def refused(*chunks: ChatCompletionChunk, features: frozenset[Feature] = ALL) -> str:
    with pytest.raises(InvalidProviderResponseError) as refusal:
        sent(*chunks, features=features)
    return refusal.value.message


def test_a_legal_call_is_passed_on_as_it_is() -> None:
    begun = {**BEGUN, "type": "function"}

    said = sent(
        chunk(begun, role="assistant"),
        chunk(call(arguments='{"a"')),
        chunk(call(arguments=":1}")),
        chunk({**call(1, "call_2", "find", "{}"), "type": "function"}),
        chunk(finish_reason="tool_calls"),
    )

    assert [each.get("tool_calls") for each in said] == [
        [begun],
        [call(arguments='{"a"')],
        [call(arguments=":1}")],
        [{**call(1, "call_2", "find", "{}"), "type": "function"}],
        None,
    ]


def test_several_calls_come_in_one_chunk() -> None:
    both = [call(0, "call_1", "look", "{}"), call(1, "call_2", "look", "{}")]

    (said,) = sent(chunk(*both))

    assert [each["id"] for each in said["tool_calls"]] == ["call_1", "call_2"]


def test_the_type_and_the_arguments_that_were_left_out_are_added() -> None:
    (said,) = sent(chunk(call(0, "call_1", "look")))

    assert said["tool_calls"] == [
        {
            "index": 0,
            "id": "call_1",
            "type": "function",
            "function": {"name": "look", "arguments": ""},
        }
    ]


# Clients join what they read: "call_1call_1" answers to nobody.
def test_an_id_and_a_name_that_come_again_are_left_out() -> None:
    again = {**call(0, "call_1", "look", "{}"), "type": "function"}

    _, said, empty = sent(chunk(BEGUN), chunk(again), chunk(call(0, "", "", "")))

    assert said["tool_calls"] == [call(0, arguments="{}")]
    assert empty["tool_calls"] == [call(0, arguments="")]


def test_what_a_vendor_adds_to_a_call_is_kept() -> None:
    signed = {**BEGUN, "extra_content": {"google": {"thought_signature": "x"}}}

    (said,) = sent(chunk(signed))

    assert said["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "x"}}


def test_a_custom_tool_is_called_with_any_text() -> None:
    begun = chunk(custom(0, "call_1", name="sql"))
    more = chunk(custom(input="select 1"))

    first, second = sent(begun, more)

    assert first["tool_calls"][0]["custom"] == {"name": "sql", "input": ""}
    assert second["tool_calls"] == [{"index": 0, "custom": {"input": "select 1"}}]
    assert b'"custom":{"input":"select 1"}' in encode_event(more)


def test_the_adapters_own_chunks_keep_their_values() -> None:
    chunks = [chunk(call(0, "call_1", "look")), chunk(call(0, "call_1", "look", "{}"))]
    before = [each.model_dump(warnings=False) for each in chunks]

    sent(*chunks)

    assert [each.model_dump(warnings=False) for each in chunks] == before


@pytest.mark.parametrize(
    ("calls", "reason"),
    [
        ([[{**BEGUN, "index": None}]], "without an index"),
        ([[{"id": "call_1", "function": {"name": "look"}}]], "without an index"),
        ([[{**BEGUN, "index": "first"}]], "without an index"),
        ([["look"]], "without an index"),
        (["look"], "no list"),
        ([[call(1, "call_1", "look")]], "index 1 where 0 is due"),
        ([[BEGUN], [call(2, "call_2", "look")]], "index 2 where 0 or 1 is due"),
        ([[BEGUN], [call(1, "call_2", "look")], [call(0, arguments="{}")]], "0 where 1 or 2"),
        ([[BEGUN], [call(-1, arguments="{}")]], "index -1 where"),
        ([[call(0, None, "look")]], "without an id of its own"),
        ([[call(0, "", "look")]], "without an id of its own"),
        ([[call(0, 5, "look")]], "without an id of its own"),
        ([[BEGUN], [call(1, "call_1", "look")]], "without an id of its own"),
        ([[call(0, "call_1")]], "without the name of its function"),
        ([[call(0, "call_1", "")]], "without the name of its function"),
        ([[call(0, "call_1", 5)]], "without the name of its function"),
        ([[call(0, "call_1", "look", 5)]], "without the name of its function"),
        ([[{**BEGUN, "type": "tool"}]], "without the name of its function"),
        ([[{**BEGUN, "function": "look"}]], "without the name of its function"),
        ([[custom(0, "call_1", input="a")]], "without the name of its custom"),
        ([[BEGUN], [call(0, "call_2", arguments="")]], "from 'call_1' to 'call_2'"),
        ([[BEGUN], [call(0, name="find")]], "from 'look' to 'find'"),
        ([[BEGUN], [call(0, arguments=5)]], "other than its function"),
        ([[BEGUN], [{"index": 0, "type": "custom"}]], "other than its function"),
    ],
)
def test_a_stream_of_calls_that_breaks_a_rule_is_refused(calls: list[Any], reason: str) -> None:
    assert reason in refused(*(chunk(tool_calls=each) for each in calls))


def test_a_function_is_called_in_the_older_form() -> None:
    said = sent(
        chunk(function_call={"name": "look", "arguments": ""}, role="assistant"),
        chunk(function_call={"arguments": "{}"}),
        chunk(finish_reason="function_call"),
    )

    assert [each.get("function_call") for each in said] == [
        {"name": "look", "arguments": ""},
        {"arguments": "{}"},
        None,
    ]


@pytest.mark.parametrize(
    ("deltas", "reason"),
    [
        ([{"arguments": "{}"}], "without a name"),
        ([{"name": "", "arguments": "{}"}], "without a name"),
        ([{"name": "look", "arguments": {}}], "not of its type"),
        (["look"], "not of its type"),
        ([{"name": "look"}, {"name": "find"}], "twice"),
    ],
)
def test_a_function_call_that_breaks_a_rule_is_refused(deltas: list[Any], reason: str) -> None:
    assert reason in refused(*(chunk(function_call=each) for each in deltas))


@pytest.mark.parametrize("reason", ["tool_calls", "function_call"])
def test_no_stream_ends_for_calls_that_never_came(reason: str) -> None:
    assert "without such a call" in refused(chunk(content="a", finish_reason=reason))


# So it is where the request forces a call.
def test_a_stream_of_calls_may_end_with_stop() -> None:
    assert sent(chunk(BEGUN, finish_reason="stop"))


FUNCTION = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": "{}"}}
CUSTOM = {"id": "call_1", "type": "custom", "custom": {"name": "sql", "input": "select 1"}}


def answer(finish_reason: str = "tool_calls", **message: Any) -> ChatCompletion:
    message = {"role": "assistant", "content": None, **message}
    choice = {"index": 0, "message": message, "finish_reason": finish_reason}
    return ChatCompletion.construct(None, **COMPLETION, choices=[choice])


UNDECLARED: list[tuple[dict[str, Any], Any, Feature]] = [
    ({"tool_calls": [FUNCTION]}, {"tool_calls": [BEGUN]}, Feature.TOOLS),
    (
        {"tool_calls": [CUSTOM]},
        {"tool_calls": [custom(0, "call_1", name="sql")]},
        Feature.CUSTOM_TOOLS,
    ),
    (
        {"function_call": {"name": "look", "arguments": "{}"}},
        {"function_call": {"name": "look"}},
        Feature.FUNCTIONS,
    ),
]


@pytest.mark.parametrize(("message", "delta", "feature"), UNDECLARED)
def test_a_call_that_was_not_declared_is_refused_by_its_feature(
    message: dict[str, Any], delta: Any, feature: Feature
) -> None:
    others = ALL - {feature}

    with pytest.raises(InvalidProviderResponseError, match=f"the feature '{feature}'"):
        check_completion(answer("stop", **message), features=others)
    assert f"the feature '{feature}'" in refused(chunk(**delta), features=others)

    assert check_completion(answer("stop", **message), features={feature})
    assert sent(chunk(**delta), features=frozenset({feature}))


@pytest.mark.parametrize("nothing", [None, []])
def test_who_calls_nothing_need_not_declare_it(nothing: object) -> None:
    assert check_completion(answer("stop", tool_calls=nothing))
    assert sent(chunk(tool_calls=nothing), features=frozenset())


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({}, "without such a call"),
        ({"tool_calls": "look"}, "no list"),
        ({"tool_calls": ["look"]}, "without its type"),
        ({"tool_calls": [{**FUNCTION, "type": "tool"}]}, "without its type"),
        ({"tool_calls": [{**FUNCTION, "type": []}]}, "without its type"),
        ({"tool_calls": [{"id": "call_1", "type": "function"}]}, "the name or the arguments"),
        ({"tool_calls": [{**FUNCTION, "function": {"name": "look"}}]}, "the arguments"),
        ({"tool_calls": [{**FUNCTION, "function": {"arguments": ""}}]}, "the name"),
        ({"tool_calls": [{**CUSTOM, "custom": {"name": "sql"}}]}, "the input of its custom"),
        ({"tool_calls": [{**FUNCTION, "id": None}]}, "an id of its own"),
        ({"tool_calls": [FUNCTION, FUNCTION]}, "an id of its own"),
        ({"function_call": {"name": "look"}}, "without a name or arguments"),
    ],
)
def test_a_whole_call_that_breaks_a_rule_is_refused(message: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidProviderResponseError, match=reason):
        check_completion(answer(**message), features=ALL)
