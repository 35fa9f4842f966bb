"""Each feature: what it opens where it is declared, and nothing where it is not."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from pydantic import TypeAdapter

from tests.protocol.features import (
    ALL,
    BREAKPOINT,
    CALL,
    CUSTOM,
    CUSTOM_CALL,
    EXAMPLES,
    FLAT,
    FUNCTION,
    HELLO,
    IMAGE,
    SCHEMA,
    TEXT,
    ask,
    body,
    called,
    choosing,
    function,
    image,
    parts,
    schema,
    verdict,
)
from tests.protocol.strategies import JSON, NAMES, STRINGS, near_misses, places, replaced
from tests.protocol.test_parsing import CODES, names_its_place
from veneer_protocol import ChatCompletionRequest, Feature, InvalidRequestError, parse_request
from veneer_protocol.requests.parsing import parse_opened
from veneer_protocol.requests.subset import NotOfTheCoreError, parse_core

SDK = TypeAdapter(CompletionCreateParamsNonStreaming)


def test_every_feature_has_its_examples() -> None:
    assert set(EXAMPLES) == ALL


@pytest.mark.parametrize(("feature", "fields", "_"), FLAT)
def test_what_a_feature_opens_is_taken_where_it_is_declared(
    feature: Feature, fields: dict[str, Any], _: str
) -> None:
    request = ask({feature}, **fields)

    assert request.to_openai() == {"model": "one", "messages": [HELLO], **fields}


@pytest.mark.parametrize(("feature", "fields", "_"), FLAT)
def test_the_name_of_a_feature_is_as_good(feature: Feature, fields: dict[str, Any], _: str) -> None:
    assert ask([str(feature)], **fields) == ask(ALL, **fields)


@pytest.mark.parametrize(("feature", "fields", "param"), FLAT)
def test_what_a_feature_opens_is_refused_where_no_feature_is_declared(
    feature: Feature, fields: dict[str, Any], param: str
) -> None:
    for features in [(), ALL - opening_the_same(feature, fields)]:
        at, code = verdict(features, **fields)

        assert code in {"unsupported_parameter", "unsupported_value"}
        if not features:
            assert at == param


def opening_the_same(feature: Feature, fields: dict[str, Any]) -> set[Feature]:
    """Give the features without which `fields` are not taken, of which one is `feature`."""
    return {one for one in Feature if any(fields == given for given, _ in EXAMPLES[one])} | {
        feature
    }


@pytest.mark.parametrize(("feature", "fields", "_"), FLAT)
def test_what_is_opened_is_a_request_of_the_sdk(
    feature: Feature, fields: dict[str, Any], _: str
) -> None:
    arguments = ask({feature}, **fields).to_openai()

    # Of an iterable within a union pydantic has read too much when it comes to its items.
    assert SDK.validate_python(arguments)["model"] == "one"


@pytest.mark.parametrize("call", [CALL, CUSTOM_CALL])
@pytest.mark.parametrize("value", [None, 1, {"x": [1]}])
def test_what_the_official_clients_hang_on_a_call_is_dropped(
    call: dict[str, Any], value: object
) -> None:
    kind = call["type"]
    echo = {"parsed_arguments": value} if kind == "function" else {}

    request = ask(ALL, **called(call | {"index": value, kind: call[kind] | echo}))

    assert request == ask(ALL, **called(call))


TOGETHER = st.lists(st.sampled_from(FLAT), max_size=8)


@given(TOGETHER, st.dictionaries(st.text(max_size=4), JSON, max_size=3))
def test_a_request_goes_on_to_the_sdk_without_loss(
    drawn: list[tuple[Feature, dict[str, Any], str]], schema: dict[str, Any]
) -> None:
    fields: dict[str, Any] = {}
    for _, given_fields, _ in drawn:
        messages = [*fields.get("messages", ()), *given_fields.get("messages", ())]
        fields |= given_fields | ({"messages": messages} if messages else {})
    if "tools" in fields:
        function = {"type": "function", "function": {"name": "s", "parameters": schema}}
        fields["tools"] = [*fields["tools"], function]
    try:
        content = body(**fields)
        request = parse_request(content, lambda _: ALL)
    except InvalidRequestError:
        # The fields of different examples need not agree, nor is what was drawn always JSON.
        return

    assert request.to_openai() == {**json.loads(content), "model": "one"}
    whole = request.model_dump_json(exclude_unset=True).encode()
    assert parse_request(whole, lambda _: ALL) == request


def calling(*ids: str) -> dict[str, Any]:
    return {"role": "assistant", "tool_calls": [CALL | {"id": one} for one in ids]}


def answering(ident: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": ident, "content": "x"}


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([answering("b")], "'b' is the id of none."),
        ([calling("a", "c"), answering("b")], "'b' is the id of none of 'a', 'c'."),
        ([calling("a"), answering("{at}")], "'{at}' is the id of none of 'a'."),
        ([calling("a", "c", "b"), answering("a")], "'c' is not."),
    ],
    ids=["without calls", "none of two", "braces", "without answers"],
)
def test_a_call_and_an_answer_that_are_not_of_one_id_are_named(
    messages: list[dict[str, Any]], words: str
) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        ask(ALL, messages=[HELLO, *messages])

    assert str(refusal.value).endswith(words)


@pytest.mark.parametrize(
    ("fields", "features", "param"),
    [
        ({"tools": [FUNCTION, CUSTOM]}, {"tools"}, "tools[1].type"),
        ({"tools": [FUNCTION]}, {"custom_tools"}, "tools[0].type"),
        (choosing({"type": "custom", "custom": {"name": "c"}}), {"tools"}, "tool_choice.type"),
        (called(CUSTOM_CALL), {"tools"}, "messages[1].tool_calls[0].type"),
        (schema(name="x"), {"json_object"}, "response_format.type"),
        (
            parts(IMAGE | {"prompt_cache_breakpoint": BREAKPOINT}),
            {"images"},
            "messages[1].content[1].prompt_cache_breakpoint",
        ),
        (parts(IMAGE), ALL - {"images"}, "messages[1].content[1].type"),
        ({"n": 2}, ALL - {"choices"}, "n"),
    ],
)
def test_one_feature_does_not_open_what_another_does(
    fields: dict[str, Any], features: set[str], param: str
) -> None:
    at, code = verdict(features, **fields)

    assert at == param
    assert code in {"unsupported_parameter", "unsupported_value"}


@pytest.mark.parametrize(
    ("fields", "features", "message"),
    [
        (
            {"seed": 1},
            (),
            "Unsupported parameter: 'seed' (reproducible sampling) is not taken by 'acme/one', "
            "which does not declare the feature 'seed'. Leave it out.",
        ),
        (
            {"tools": [FUNCTION]},
            {"seed"},
            "Unsupported parameter: 'tools' (function calling) is not taken by 'acme/one', "
            "which does not declare the feature 'tools' or 'custom_tools'. Leave it out.",
        ),
        (
            parts(IMAGE),
            {"files"},
            "Unsupported value for 'messages[1].content[1].type': 'image_url' (images) is not "
            "taken by 'acme/one', which does not declare the feature 'images'. "
            "Supported: 'text' or 'file'.",
        ),
        (
            {"n": 3},
            (),
            "Unsupported value for 'n': 3 (several answers) is not taken by 'acme/one', "
            "which does not declare the feature 'choices'. Supported: 1.",
        ),
        (
            {"seed": 1, "model": None},
            (),
            "Unsupported parameter: 'seed' (reproducible sampling) is not taken here. "
            "Leave it out.",
        ),
    ],
)
def test_a_refusal_names_the_model_and_the_missing_feature(
    fields: dict[str, Any], features: set[str], message: str
) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        ask(features, **fields)

    assert refusal.value.message == message


@pytest.mark.parametrize(
    ("fields", "bare"),
    [
        (function(name="f", description=None, parameters=None, strict=None), function(name="f")),
        (schema(name="x", schema=None, strict=None), schema(name="x")),
        (image(url="data:,", detail=None), image(url="data:,")),
        (parts(IMAGE | {"prompt_cache_breakpoint": None}), parts(IMAGE)),
        (called(CALL, content=None, refusal=None, audio=None, annotations=None), called(CALL)),
        ({"moderation": {"model": "m", "policy": None}}, {"moderation": {"model": "m"}}),
        ({"web_search_options": {"user_location": None}}, {"web_search_options": {}}),
        (
            dict.fromkeys(("tools", "audio", "seed", "n", "metadata")) | {"store": True},
            {"store": True},
        ),
        (
            {"tools": [{"type": "custom", "custom": {"name": "c", "format": None}}]},
            {"tools": [{"type": "custom", "custom": {"name": "c"}}]},
        ),
    ],
)
def test_null_is_as_if_left_out_at_every_depth(
    fields: dict[str, Any], bare: dict[str, Any]
) -> None:
    assert ask(ALL, **fields).to_openai() == ask(ALL, **bare).to_openai()


def test_null_within_a_schema_is_the_schemas_own() -> None:
    request = ask({"tools"}, tools=[FUNCTION])

    assert request.tools is not None
    assert request.tools[0]["type"] == "function"
    assert request.tools[0]["function"]["parameters"] == SCHEMA


def test_a_text_is_read_without_the_parts_that_features_open() -> None:
    request = ask(ALL, **parts(IMAGE, TEXT | {"prompt_cache_breakpoint": BREAKPOINT}))

    assert request.last_user_text == "hello\nhello"


def test_a_message_without_content_has_no_text() -> None:
    request = ask(ALL, **called(CALL))

    assert [message.text for message in request.messages] == ["hello", "", ""]


def test_the_features_of_the_model_are_asked_by_its_whole_name() -> None:
    asked: list[str] = []

    def features_of(model: str) -> set[str]:
        asked.append(model)
        return {"seed"}

    request = parse_request(body(seed=1), features_of)

    assert (asked, request.seed) == (["acme/one"], 1)


def test_a_request_of_the_core_asks_for_no_features() -> None:
    def features_of(_: str) -> set[str]:
        raise AssertionError("it was asked")

    assert parse_request(body(stream=True), features_of).stream


def test_a_request_of_the_core_equals_one_made_by_hand() -> None:
    parsed = ask((), user="ann")

    made = ChatCompletionRequest.model_validate(
        {"model": "acme/one", "messages": [HELLO], "user": "ann"}
    )

    assert parsed == made
    assert hash(parsed) == hash(made)
    assert parsed != made.model_copy(update={"user": "bob"})
    assert parsed.messages[0] == made.messages[0]
    assert parsed != "other"


@given((near_misses() | JSON).filter(lambda value: isinstance(value, dict)))
def test_without_features_exactly_the_core_is_taken(document: dict[str, Any]) -> None:
    def outcome(parse: Any) -> ChatCompletionRequest | None:
        try:
            return parse(document)  # type: ignore[no-any-return]
        except (InvalidRequestError, NotOfTheCoreError):
            return None

    assert outcome(parse_core) == outcome(lambda whole: parse_opened(whole, None))


@st.composite
def near_misses_of_what_is_opened(draw: st.DrawFn) -> Any:
    """A good body that a feature opens, with one value that is anything."""
    _, fields, _ = draw(st.sampled_from(FLAT))
    document = {"model": "acme/one", "messages": [HELLO], **fields}
    path, value = draw(st.sampled_from(list(places(document))))
    if isinstance(value, dict) and draw(st.booleans()):
        path = (*path, draw(st.sampled_from(NAMES) | STRINGS))
    return replaced(document, path, draw(JSON))


@given(near_misses_of_what_is_opened())
def test_a_near_miss_of_what_is_opened_parses_or_is_refused_at_its_place(document: Any) -> None:
    assert parses_or_is_refused_at_its_place(document)


def parses_or_is_refused_at_its_place(document: Any) -> bool:
    try:
        request = parse_request(json.dumps(document).encode(), lambda _: ALL)
    except InvalidRequestError as error:
        is_a_sentence = error.message.endswith((".", "?")) and len(error.to_json()) < 2000
        return error.code in CODES and is_a_sentence and names_its_place(error, document)
    again = request.model_dump_json(exclude_unset=True).encode()
    return parse_request(again, lambda _: ALL) == request
