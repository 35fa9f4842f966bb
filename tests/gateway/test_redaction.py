"""What is taken out of an adapter's words, and what stays readable."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.features import FLAT, ask, body
from tests.protocol.strategies import Path, places, replaced
from veneer_gateway.redaction import HIDDEN, Redaction
from veneer_protocol import ChatCompletionRequest, Feature, Headers, InvalidRequestError

PASSWORD = "The password is: correct horse"
NAME = "correct_horse_battery"
"""A password that may be the name of a tool, too."""


def redaction(text: str, **fields: object) -> Redaction:
    headers = Headers(
        [("authorization", "Bearer sk-12345678"), ("x-request-id", "req-of-a-caller")]
    )
    body = {"model": "acme/one", "messages": [{"role": "user", "content": text}], **fields}
    return Redaction(headers, ChatCompletionRequest.model_validate_json(json.dumps(body)))


def test_a_word_of_a_header_is_hidden_and_the_request_id_is_not() -> None:
    hide = redaction("hello")

    assert hide("Bearer sk-12345678 failed in req-of-a-caller") == (
        f"Bearer {HIDDEN} failed in req-of-a-caller"
    )


@pytest.mark.parametrize(
    "words",
    [
        PASSWORD,
        repr(f"{PASSWORD}\nand more"),
        json.dumps({"content": f"{PASSWORD}\nand more"}),
        f"'{PASSWORD}'",
        f"content={PASSWORD[4:]}",
    ],
)
def test_what_an_exception_has_in_common_with_the_body_is_hidden(words: str) -> None:
    hide = redaction(f"Please remember. {PASSWORD}\nand more.")

    assert HIDDEN in hide(words)
    assert "correct horse" not in hide(words)


def test_words_that_are_no_ascii_are_found_in_the_escapes_of_json() -> None:
    hide = redaction("비밀번호는 말과배터리입니다")

    shown = hide(json.dumps("비밀번호는 말과배터리입니다"))

    assert HIDDEN in shown
    assert "u" not in shown


def test_a_word_that_is_in_both_by_chance_stays() -> None:
    hide = redaction("How do I open a connection to a database? It says 'refused'.")

    assert hide("ConnectError: connection refused") == "ConnectError: connection refused"


@pytest.mark.parametrize("fields", [{"user": PASSWORD}, {"stop": [PASSWORD]}])
def test_other_free_text_of_the_body_is_hidden_too(fields: dict[str, object]) -> None:
    assert redaction("hello", **fields)(f"no: {PASSWORD}") == f"no: {HIDDEN}"


def test_beside_a_body_too_large_to_be_searched_nothing_is_said() -> None:
    assert redaction("x" * 200_000)("it failed") == HIDDEN


def test_a_long_text_is_cut_with_no_half_of_a_secret_at_its_end() -> None:
    shown = redaction("hello")("y" * 7996 + "sk-12345678" + "y" * 20_000)

    assert len(shown) == 8000
    assert "sk-" not in shown


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [{"type": "function", "function": {"name": "f", "description": PASSWORD}}]},
        {
            "tools": [
                {"type": "function", "function": {"name": "f", "parameters": {PASSWORD: {}}}},
            ]
        },
        {"metadata": {PASSWORD: ""}},
        {"prediction": {"type": "content", "content": [{"type": "text", "text": PASSWORD}]}},
        {"messages": [{"role": "assistant", "refusal": PASSWORD}]},
        {
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "image_url", "image_url": {"url": f"data:{PASSWORD}"}}],
                }
            ]
        },
        {
            "messages": [
                {
                    "role": "assistant",
                    "tool_calls": [
                        {
                            "id": "call_1",
                            "type": "function",
                            "function": {"name": "f", "arguments": PASSWORD},
                        }
                    ],
                }
            ]
        },
    ],
)
def test_what_features_open_is_hidden_too(fields: dict[str, object]) -> None:
    hide = redaction("hello", **fields)

    assert PASSWORD not in hide(f"cannot read {PASSWORD}")
    assert hide("max_completion_tokens") == "max_completion_tokens"


@pytest.mark.parametrize("feature", Feature)
def test_wherever_a_feature_lets_a_caller_write_what_it_likes_that_is_hidden(
    feature: Feature,
) -> None:
    shown = []

    for path, chat in free_texts(feature):
        hide = Redaction(Headers([]), chat)
        if NAME in hide(f"cannot read {NAME}"):
            shown.append(path)

    assert shown == []


def test_such_places_are_many() -> None:
    written = {path[-1] for feature in Feature for path, _ in free_texts(feature)}

    assert {"arguments", "data", "description", "file_data", "input", "url", "voice"} <= written
    assert {"definition", "id", "prompt_cache_key", "refusal", "safety_identifier"} <= written
    # In place of these a name of the caller's own.
    assert {"x", "k" * 64, "properties"} <= written


def free_texts(feature: Feature) -> Iterator[tuple[Path, ChatCompletionRequest]]:
    """Give the places of the feature's examples that may hold any text, with a request that does.

    A place in an object whose name may be any, too.
    """
    examples = [fields for each, fields, _ in FLAT if each is feature]
    for example in examples:
        for path, value in places(json.loads(body(**example))):
            for changed in changes(json.loads(body(**example)), path, value):
                with suppress(InvalidRequestError):
                    yield path, ask(frozenset(Feature), **changed)


def changes(document: Any, path: Path, value: object) -> Iterator[dict[str, Any]]:
    if isinstance(value, str):
        for text in (NAME, f"https://example.com/{NAME}"):
            yield replaced(document, path, text)  # type: ignore[misc]  # It is an object still.
    if path and isinstance(path[-1], str):
        holder: Any = document
        for step in path[:-1]:
            holder = holder[step]
        renamed = {NAME if name == path[-1] else name: item for name, item in holder.items()}
        yield replaced(document, path[:-1], renamed)  # type: ignore[misc]


@given(st.text("ab ", max_size=60), st.text("ab ", max_size=60))
def test_a_long_text_is_searched_for_the_same_as_a_short_one(body: str, words: str) -> None:
    hide = redaction(f"|{body}")
    other = "".join(map(chr, range(0x4E00, 0x4E00 + 200)))

    assert hide(words + other) == hide(words) + other
