"""The core subset, field by field: what is taken, what is not, and what an adapter sees of it."""

import json
from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given
from pydantic import ValidationError

from tests.protocol.strategies import REQUESTS
from veneer_protocol import ChatCompletionRequest, InvalidRequestError, parse_request

HELLO: dict[str, object] = {"role": "user", "content": "hello"}
TEXT = {"type": "text", "text": "hello"}
NO_BOOLEAN: tuple[object, ...] = (0, 1, 1.0, "true", [], {})
NO_INTEGER: tuple[object, ...] = (1.0, 1.5, "5", True, [], {})
NO_NUMBER: tuple[object, ...] = ("1", True, [], {})
NO_STRING: tuple[object, ...] = (1, 1.5, True, [], {})


def body(**fields: object) -> bytes:
    return json.dumps({"model": "dummy/echo-1", "messages": [HELLO], **fields}).encode()


def flat(table: Mapping[str, Iterable[object]]) -> list[tuple[str, object]]:
    return [(field, value) for field, values in table.items() for value in values]


def verdict(content: bytes) -> tuple[int, str | None, str | None]:
    with pytest.raises(InvalidRequestError) as refusal:
        parse_request(content)
    return refusal.value.status, refusal.value.param, refusal.value.code


ACCEPTED = {
    "model": ("dummy/echo-1", "a/b/c", "nobody", "é/😀"),
    "messages": (
        [{"role": "system", "content": "x"}, HELLO, {"role": "assistant", "content": "x"}],
        [{"role": "user", "content": [TEXT, TEXT]}],
        [{"role": "user", "content": " ", "name": "ann"}],
    ),
    "stream": (True, False),
    "stream_options": ({}, {"include_usage": True}, {"include_usage": False}),
    "temperature": (0, 1, 2, 0.0, 0.7, 2.0, -0.0),
    "top_p": (0, 1, 0.5, 1.0),
    "max_tokens": (1, 4096, 2**63 - 1),
    "max_completion_tokens": (1, 4096, 2**63 - 1),
    "stop": ("x", "", ["x"], ["a", "b", "c", "d"]),
    "user": ("ann", ""),
    "n": (1,),
}


@pytest.mark.parametrize(("field", "value"), flat(ACCEPTED))
def test_a_value_of_the_core_subset_is_taken_as_it_came(field: str, value: object) -> None:
    request = parse_request(body(**{"stream": True, field: value}))

    assert request.model_dump(mode="json", exclude_unset=True)[field] == value


WRONG_TYPES = {
    "model": NO_STRING,
    "messages": ("x", 1, True, {}),
    "stream": NO_BOOLEAN,
    "stream_options": ("x", 1, True, []),
    "temperature": NO_NUMBER,
    "top_p": NO_NUMBER,
    "max_tokens": NO_INTEGER,
    "max_completion_tokens": NO_INTEGER,
    "stop": (1, 1.5, True, {}),
    "user": NO_STRING,
    "n": NO_INTEGER,
}


@pytest.mark.parametrize(("field", "value"), flat(WRONG_TYPES))
def test_a_value_of_another_type_is_refused(field: str, value: object) -> None:
    assert verdict(body(**{"stream": True, field: value})) == (400, field, "invalid_type")


WRONG_VALUES = {
    "model": ("",),
    "messages": ([],),
    "temperature": (-0.1, -1, 2.001, 3, 10**400),
    "top_p": (-0.1, 1.001, 2),
    "max_tokens": (0, -1, 2**63, -(2**64), 10**400),
    "max_completion_tokens": (0, -1, 2**63),
    "stop": ([], ["a", "b", "c", "d", "e"]),
    "n": (0, -1),
}


@pytest.mark.parametrize(("field", "value"), flat(WRONG_VALUES), ids=lambda value: str(value)[:20])
def test_a_value_out_of_bounds_is_refused(field: str, value: object) -> None:
    assert verdict(body(**{field: value})) == (400, field, "invalid_value")


@pytest.mark.parametrize("field", ["model", "messages"])
@pytest.mark.parametrize("is_null", [False, True])
def test_a_required_field_that_is_left_out_is_missed(field: str, is_null: bool) -> None:
    document = {"model": "dummy/echo-1", "messages": [HELLO]}
    del document[field]

    content = json.dumps(document | ({field: None} if is_null else {})).encode()

    assert verdict(content) == (400, field, "missing_required_parameter")


@pytest.mark.parametrize(
    ("content", "param", "code"),
    [
        (body(n=2), "n", "unsupported_value"),
        (body(stop=["a", 1]), "stop[1]", "invalid_type"),
        (body(stop=["a", None]), "stop[1]", "invalid_type"),
        (body(stream_options={}), "stream_options", "invalid_value"),
        (
            body(stream=False, stream_options={"include_usage": True}),
            "stream_options",
            "invalid_value",
        ),
        (
            body(stream=True, stream_options={"include_usage": 1}),
            "stream_options.include_usage",
            "invalid_type",
        ),
        (body(max_tokens=1, max_completion_tokens=2), "max_completion_tokens", "invalid_value"),
    ],
)
def test_a_field_is_refused_at_its_exact_place(content: bytes, param: str, code: str) -> None:
    assert verdict(content) == (400, param, code)


def test_both_token_limits_may_come_if_they_agree() -> None:
    request = parse_request(body(max_tokens=7, max_completion_tokens=7))

    assert request.token_limit == 7


def request_of(*messages: dict[str, object], **fields: object) -> ChatCompletionRequest:
    return ChatCompletionRequest.model_validate(
        {"model": "dummy/echo-1", "messages": messages or [HELLO], **fields}
    )


def parts(*texts: str) -> list[dict[str, str]]:
    return [{"type": "text", "text": text} for text in texts]


@pytest.mark.parametrize(
    ("model", "name"),
    [("dummy/echo-1", "echo-1"), ("a/b/c", "b/c"), ("a/", ""), ("alone", "")],
)
def test_the_model_name_is_what_follows_the_prefix(model: str, name: str) -> None:
    assert request_of(model=model).model_name == name


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("a\nb ", "a\nb "),
        (parts("a"), "a"),
        (parts("a", " b\n", "c"), "a\n b\n\nc"),
    ],
)
def test_the_parts_of_a_message_are_one_text_joined_by_newlines(content: object, text: str) -> None:
    request = request_of({"role": "user", "content": content})

    assert request.messages[0].text == text


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        ([("user", "a")], "a"),
        ([("user", "a"), ("assistant", "b"), ("user", parts("c", "d"))], "c\nd"),
        ([("user", "a"), ("assistant", "b"), ("system", "c")], "a"),
        ([("system", "a"), ("assistant", "b")], None),
    ],
)
def test_the_last_user_text_is_what_the_user_said_last(
    messages: list[tuple[str, object]], text: str | None
) -> None:
    request = request_of(*({"role": role, "content": content} for role, content in messages))

    assert request.last_user_text == text


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({}, None),
        ({"max_tokens": 1}, 1),
        ({"max_completion_tokens": 2}, 2),
        ({"max_tokens": 3, "max_completion_tokens": 3}, 3),
    ],
)
def test_the_token_limit_is_read_from_either_field(
    fields: dict[str, object], limit: int | None
) -> None:
    assert request_of(**fields).token_limit == limit


@pytest.mark.parametrize(
    ("stop", "sequences"),
    [
        (None, ()),
        ("x", ("x",)),
        (["x", "y"], ("x", "y")),
        ("", ()),
        (["", "x"], ("x",)),
    ],
)
def test_the_stop_sequences_are_those_that_can_stop(
    stop: object, sequences: tuple[str, ...]
) -> None:
    assert request_of(stop=stop).stop_sequences == sequences


def test_what_was_left_out_has_its_default() -> None:
    request = parse_request(body())

    assert request.model_dump(exclude={"model", "messages"}) == {
        "stream": False,
        "stream_options": None,
        "temperature": None,
        "top_p": None,
        "max_tokens": None,
        "max_completion_tokens": None,
        "stop": None,
        "user": None,
        "n": None,
    }


def test_a_number_that_came_as_an_integer_is_a_float() -> None:
    assert type(request_of(temperature=1).temperature) is float


def test_the_name_of_a_message_is_handed_on() -> None:
    assert request_of(HELLO | {"name": "ann"}).messages[0].name == "ann"


@pytest.mark.parametrize("field", ["model", "messages", "stream"])
def test_a_request_is_frozen(field: str) -> None:
    request = request_of()

    with pytest.raises(ValidationError, match="frozen"):
        setattr(request, field, "other")


def test_a_message_is_frozen() -> None:
    message = request_of().messages[0]

    with pytest.raises(ValidationError, match="frozen"):
        message.content = "other"


def test_the_messages_cannot_be_added_to() -> None:
    assert isinstance(request_of().messages, tuple)


@given(REQUESTS)
def test_a_valid_request_comes_through_unchanged(document: dict[str, object]) -> None:
    request = parse_request(json.dumps(document).encode())

    assert request.model_dump(mode="json", exclude_unset=True) == document
    assert parse_request(request.model_dump_json(exclude_unset=True).encode()) == request


def test_a_request_goes_on_to_the_sdk_as_it_came_without_prefix_and_mode() -> None:
    given = {
        "messages": [{"role": "user", "content": [TEXT, TEXT], "name": "ann"}],
        "temperature": 0,
        "max_tokens": 5,
        "stop": ["a", "b"],
        "user": "ann",
        "n": 1,
    }
    other = {"stream": True, "stream_options": {"include_usage": True}, "top_p": None}

    arguments = parse_request(body(**given, **other)).to_openai()

    assert arguments == {"model": "echo-1", **given}
