"""The names: all that the API knows is taken or refused by name, and null is as if left out."""

import json

import pytest

from veneer_protocol import InvalidRequestError, parse_request
from veneer_protocol.requests.subset import (
    MESSAGE,
    REQUEST,
    TEXT_PART,
)

HELLO = {"role": "user", "content": "hello"}
TEXT = {"type": "text", "text": "hello"}
AT_DEPTH = ("", "stream_options.", "messages[0].", "messages[0].content[0].")

FIELDS: dict[str, object] = {
    "audio": {"voice": "alloy", "format": "mp3"},
    "frequency_penalty": 0,
    "function_call": "none",
    "functions": [],
    "logit_bias": {},
    "logprobs": False,
    "metadata": {},
    "modalities": ["text"],
    "moderation": {},
    "parallel_tool_calls": True,
    "prediction": {"type": "content", "content": "x"},
    "presence_penalty": 0.0,
    "prompt_cache_key": "",
    "prompt_cache_options": {},
    "prompt_cache_retention": "24h",
    "reasoning_effort": "low",
    "response_format": {"type": "text"},
    "safety_identifier": "x",
    "seed": 0,
    "service_tier": "auto",
    "store": False,
    "tool_choice": "none",
    "tools": [],
    "top_logprobs": 0,
    "verbosity": "low",
    "web_search_options": {},
}
MESSAGE_FIELDS: dict[str, object] = {
    "audio": {"id": "audio_1"},
    "function_call": {"name": "f", "arguments": "{}"},
    "refusal": "",
    "tool_call_id": "call_1",
    "tool_calls": [],
}
EXCLUDED = [
    *(("", name, value) for name, value in FIELDS.items()),
    *(("messages[0].", name, value) for name, value in MESSAGE_FIELDS.items()),
    ("messages[0].content[0].", "prompt_cache_breakpoint", {}),
    ("stream_options.", "include_obfuscation", False),
]
ECHOED = [
    ("messages[0].", "provider_specific_fields", {"refusal": None, "citations": [1]}),
    ("messages[0].", "parsed", {"x": 1}),
    ("messages[0].", "annotations", []),
    ("messages[0].", "annotations", [{"type": "url_citation"}]),
    ("messages[0].", "reasoning", "Let me see."),
    ("messages[0].", "reasoning_content", "Let me see."),
    ("messages[0].", "reasoning_details", [{"type": "reasoning.text", "text": "Let me see."}]),
    ("messages[0].content[0].", "role", "user"),
]


def body(where: str = "", **fields: object) -> bytes:
    """A good body with `fields` added to the object at `where`."""
    at = {place: fields if place == where else {} for place in AT_DEPTH}
    part = TEXT | at["messages[0].content[0]."]
    message = {"role": "assistant", "content": [part]} | at["messages[0]."]
    options = {"include_usage": True} | at["stream_options."]
    document = {"model": "dummy/echo-1", "messages": [message], "stream": True}
    return json.dumps(document | {"stream_options": options} | at[""]).encode()


def refused(content: bytes) -> InvalidRequestError:
    with pytest.raises(InvalidRequestError) as refusal:
        parse_request(content)
    return refusal.value


def verdict(content: bytes) -> tuple[int, str | None, str | None]:
    error = refused(content)
    return error.status, error.param, error.code


@pytest.mark.parametrize(("where", "name", "value"), EXCLUDED)
def test_an_excluded_name_is_refused(where: str, name: str, value: object) -> None:
    content = body(where, **{name: value})

    assert verdict(content) == (400, where + name, "unsupported_parameter")


@pytest.mark.parametrize(("where", "name", "value"), EXCLUDED)
def test_an_excluded_name_that_is_null_is_as_if_left_out(
    where: str, name: str, value: object
) -> None:
    assert parse_request(body(where, **{name: None})) == parse_request(body())


@pytest.mark.parametrize(
    ("where", "name"),
    [
        *(("", name) for name in sorted(REQUEST.taken - {"model", "messages"})),
        ("messages[0].", "name"),
        ("stream_options.", "include_usage"),
    ],
)
def test_an_optional_name_that_is_null_is_as_if_left_out(where: str, name: str) -> None:
    # Without `stream` there may be no `stream_options` either.
    others = {"stream_options": None} if name == "stream" else {}

    request = parse_request(body(where, **{name: None}, **others))

    assert f'"{name}"' not in request.model_dump_json(exclude_unset=True)


@pytest.mark.parametrize(("where", "name", "value"), ECHOED)
@pytest.mark.parametrize("is_null", [False, True])
def test_what_clients_echo_is_dropped(where: str, name: str, value: object, is_null: bool) -> None:
    assert parse_request(body(where, **{name: None if is_null else value})) == parse_request(body())


@pytest.mark.parametrize("where", AT_DEPTH)
@pytest.mark.parametrize("name", ["unheard_of", "", "Model", "model ", "modèle", "__class__"])
@pytest.mark.parametrize("value", [1, None])
def test_a_name_that_nobody_knows_is_refused(where: str, name: str, value: object) -> None:
    content = body(where, **{name: value})

    assert verdict(content) == (400, where + name, "unknown_parameter")


@pytest.mark.parametrize(
    ("where", "name", "meant"),
    [
        ("", "temprature", "temperature"),
        ("", "max_token", "max_tokens"),
        ("messages[0].", "nmae", "name"),
        ("stream_options.", "includeUsage", "include_usage"),
    ],
)
def test_a_near_miss_is_answered_with_the_name_that_was_meant(
    where: str, name: str, meant: str
) -> None:
    assert refused(body(where, **{name: 1})).message.endswith(f"Did you mean {meant!r}?")


@pytest.mark.parametrize("role", ["developer", "function", "tool"])
def test_a_role_of_the_api_outside_the_subset_is_refused(role: str) -> None:
    message = {"role": role, "content": None, "name": "f", "tool_call_id": "call_1"}

    content = body(messages=[HELLO, message])

    assert verdict(content) == (400, "messages[1].role", "unsupported_value")


@pytest.mark.parametrize("kind", ["file", "image_url", "input_audio", "refusal"])
def test_a_part_of_the_api_outside_the_subset_is_refused(kind: str) -> None:
    parts = [TEXT, {"type": kind, kind: {"url": "https://example.com/"}}]

    content = body(messages=[{"role": "user", "content": parts}])

    assert verdict(content) == (400, "messages[0].content[1].type", "unsupported_value")


def test_the_tables_of_these_tests_are_complete() -> None:
    assert set(FIELDS) == set(REQUEST.excluded)
    assert set(MESSAGE_FIELDS) == set(MESSAGE.excluded)
    assert {name for _, name, _ in ECHOED} == MESSAGE.echoed | TEXT_PART.echoed
