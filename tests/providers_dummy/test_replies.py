"""What the dummy says, and where it stops."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veneer_protocol import ChatCompletionRequest, FinishReason, Headers, RequestContext
from veneer_providers_dummy.replies import Speech, echo, speech, story

Teller = Callable[[str, RequestContext], str]
TEXT = "one two  three\nfour "
WORDS = ("one", " two", "  three", "\nfour ")


def context(*pairs: tuple[str, str]) -> RequestContext:
    return RequestContext(Headers(pairs))


def cut(text: str, **fields: object) -> Speech:
    document = {"model": "dummy/echo-1", "messages": [{"role": "user", "content": "x"}], **fields}
    return speech(text, ChatCompletionRequest.model_validate(document))


def test_the_echo_is_one_exact_sentence_and_two_statements() -> None:
    seen = context(("x-dummy-tag", "t1"), ("authorization", "Bearer x"))

    assert echo("hello proxy", seen) == (
        "The dummy provider heard: hello proxy x-dummy-tag=t1. authorization_forwarded=true."
    )


@pytest.mark.parametrize("tell", [echo, story])
def test_without_headers_the_tag_is_none_and_nothing_was_forwarded(tell: Teller) -> None:
    told = tell("hello", context())

    assert "x-dummy-tag=none." in told
    assert "authorization_forwarded=false." in told


@pytest.mark.parametrize("tell", [echo, story])
@pytest.mark.parametrize("tag", ["t1", "a b", "안녕 😀", "none"])
def test_the_tag_is_told_as_it_came(tell: Teller, tag: str) -> None:
    assert f"x-dummy-tag={tag}." in tell("hello", context(("X-Dummy-Tag", tag)))


@pytest.mark.parametrize("tell", [echo, story])
@pytest.mark.parametrize("credentials", ["Bearer sk-secret", ""])
def test_credentials_are_told_of_and_never_told(tell: Teller, credentials: str) -> None:
    told = tell("hello", context(("Authorization", credentials)))

    assert "authorization_forwarded=true." in told
    assert "secret" not in told


@pytest.mark.parametrize("tell", [echo, story])
@pytest.mark.parametrize("text", ["hello proxy", "a\n b", "안녕 😀", "{tag} %s", " "])
def test_the_users_text_is_told_word_for_word(tell: Teller, text: str) -> None:
    assert text in tell(text, context())


def test_the_story_is_longer_than_the_echo() -> None:
    told = story("hello", context())

    assert told.count(". ") >= 3
    assert len(told) > len(echo("hello", context()))


@pytest.mark.parametrize("tell", [echo, story])
def test_the_same_request_gets_the_same_words(tell: Teller) -> None:
    assert tell("hello", context()) == tell("hello", context())


def test_a_speech_without_limits_is_all_words() -> None:
    assert cut(TEXT) == Speech(WORDS, "stop")


@pytest.mark.parametrize(
    ("stop", "text"),
    [
        ("three", "one two  "),
        ("one", ""),
        ("two  th", "one "),
        (" ", "one"),
        (["four", "two"], "one "),
        (["two", "four"], "one "),
        (["nowhere", "\n"], "one two  three"),
        (["tw", "two"], "one "),
        ("nowhere", TEXT),
        ("THREE", TEXT),
        (["", "four"], "one two  three\n"),
        ("", TEXT),
        (None, TEXT),
    ],
)
def test_a_speech_ends_before_the_first_stop_sequence(stop: object, text: str) -> None:
    said = cut(TEXT, stop=stop)

    assert (said.text, said.finish_reason) == (text, "stop")


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize(
    ("limit", "words", "reason"),
    [
        (1, WORDS[:1], "length"),
        (3, WORDS[:3], "length"),
        (4, WORDS, "stop"),
        (5, WORDS, "stop"),
        (2**63 - 1, WORDS, "stop"),
    ],
)
def test_a_speech_ends_at_the_token_limit(
    field: str, limit: int, words: tuple[str, ...], reason: FinishReason
) -> None:
    assert cut(TEXT, **{field: limit}) == Speech(words, reason)


@pytest.mark.parametrize(
    ("stop", "limit", "words", "reason"),
    [
        ("three", 1, ("one",), "length"),
        ("three", 2, ("one", " two  "), "stop"),
        ("one", 1, (), "stop"),
    ],
)
def test_the_limit_counts_what_the_stop_sequence_left(
    stop: str, limit: int, words: tuple[str, ...], reason: FinishReason
) -> None:
    assert cut(TEXT, stop=stop, max_tokens=limit) == Speech(words, reason)


@given(st.text() | st.text("ab \n\t\u2028\x1c"))
def test_the_words_of_a_speech_are_its_text_again(text: str) -> None:
    said = cut(text)

    assert said.text == text
    assert [word.strip() for word in said.words if word.strip()] == text.split()


@given(st.text("abc ", min_size=1), st.lists(st.text("abc ", max_size=2), min_size=1, max_size=4))
def test_no_stop_sequence_is_ever_said(text: str, stops: list[str]) -> None:
    said = cut(text, stop=stops)

    assert text.startswith(said.text)
    assert not [stop for stop in stops if stop and stop in said.text]
