"""Answers of many dialects to those of the API."""

from typing import Any

import pytest
from openai.types.chat import ChatCompletionChunk

from tests.providers_openai.upstreams import chunk, completion
from veneer_protocol import InvalidProviderResponseError, StreamGuard, check_completion
from veneer_providers_openai.answers import AnswerReader


def reader(served: tuple[str, ...] | None = None) -> AnswerReader:
    return AnswerReader("up/one", served)


def guarded(*values: dict[str, Any]) -> StreamGuard:
    """Read and check `values` as the chunks of one stream."""
    answers, guard = reader(), StreamGuard(include_usage=True)
    for value in values:
        if (given := answers.chunk(value)) is not None:
            guard.check(given)
    return guard


def given(answers: AnswerReader, value: dict[str, Any]) -> ChatCompletionChunk:
    """Read `value` as a chunk that says something."""
    chunk = answers.chunk(value)
    assert chunk is not None
    return chunk


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("eos", "stop"),
        ("eos_token", "stop"),
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
    ],
)
def test_finish_reasons_are_given_by_the_apis_names(theirs: str, ours: str) -> None:
    whole = check_completion(reader().completion(completion(reason=theirs)))
    last = given(reader(), chunk(reason=theirs))

    assert whole.choices[0].finish_reason == ours
    assert last.choices[0].finish_reason == ours


@pytest.mark.parametrize("reason", ["abort", "error", "STOP", "cancelled"])
def test_a_finish_reason_that_nobody_knows_is_no_good_end(reason: str) -> None:
    with pytest.raises(InvalidProviderResponseError):
        check_completion(reader().completion(completion(reason=reason)))
    with pytest.raises(InvalidProviderResponseError, match=reason):
        guarded(chunk(reason=reason))


def test_an_empty_finish_reason_is_none() -> None:
    answers = reader()

    assert given(answers, chunk("hi", reason="")).choices[0].finish_reason is None
    assert not answers.is_finished


@pytest.mark.parametrize("value", [None, "text", 1, [{}], True])
def test_what_is_no_object_is_refused(value: object) -> None:
    with pytest.raises(InvalidProviderResponseError):
        reader().completion(value)
    with pytest.raises(InvalidProviderResponseError):
        reader().chunk(value)


@pytest.mark.parametrize(
    ("name", "served", "shown"),
    [
        ("one-2026-01-01", None, "up/one-2026-01-01"),
        ("dummy/echo-1", None, "up/dummy/echo-1"),
        ("one", ("one",), "up/one"),
        # Nobody could ask for it.
        ("one-2026-01-01", ("one",), "up/one"),
        ("", None, "up/one"),
        (None, None, "up/one"),
        (7, None, "up/one"),
    ],
)
def test_the_model_is_one_that_the_caller_can_ask_for_again(
    name: object, served: tuple[str, ...] | None, shown: str
) -> None:
    assert reader(served).completion(completion(model=name)).model == shown
    assert given(reader(served), chunk(model=name)).model == shown


def test_what_the_upstream_adds_is_kept() -> None:
    timings = {"predicted_ms": 1.5}
    value = completion(timings=timings)
    value["choices"][0]["message"]["reasoning_content"] = "hm"

    dumped = reader().completion(value).model_dump(exclude_unset=True)

    assert dumped["timings"] == timings
    assert dumped["choices"][0]["message"]["reasoning_content"] == "hm"


@pytest.mark.parametrize(
    "fields",
    [{"created": None}, {"service_tier": "gold"}, {"object": "chat.chunk"}, {"usage": None}],
)
def test_an_odd_field_beside_the_answer_does_not_cost_the_answer(fields: dict[str, Any]) -> None:
    whole = check_completion(reader().completion(completion(**fields)))
    guard = guarded(chunk("hi", **fields), chunk(reason="stop", **fields))

    assert whole.choices[0].message.content == "hello"
    assert guard.end() is None


@pytest.mark.parametrize(
    "fields",
    [
        {"choices": None},
        {"choices": "text"},
        {"choices": [None]},
        {"choices": [{"index": 0, "delta": "text", "finish_reason": "stop"}]},
        {"choices": [{"index": 0, "delta": {"content": 7}, "finish_reason": "stop"}]},
        {"choices": [{"index": 0, "delta": {}, "finish_reason": 7}]},
        {"id": 7},
    ],
)
def test_an_odd_field_in_the_answer_is_left_for_the_guard_to_refuse(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidProviderResponseError):
        guarded(chunk("hi", reason="stop", **fields)).end()


AZURES_FIRST = {"id": "", "object": "", "created": 0, "model": "", "prompt_filter_results": [{}]}


@pytest.mark.parametrize("value", [{}, {"choices": []}, {**AZURES_FIRST, "choices": []}])
def test_a_chunk_that_says_nothing_is_skipped(value: dict[str, Any]) -> None:
    assert reader().chunk(value) is None
    assert guarded(value, chunk("hi"), value, chunk(reason="stop"), value).end() is None


def test_the_results_of_azures_asynchronous_filter_do_not_cost_the_answer() -> None:
    results = {"index": 0, "delta": {}, "finish_reason": None, "content_filter_results": {}}

    guarded(chunk("hi"), chunk(reason="stop"), {**AZURES_FIRST, "choices": [results]}).end()


@pytest.mark.parametrize("without", [{}, {"id": None}, {"id": ""}])
def test_a_chunk_without_an_id_has_that_of_the_first(without: dict[str, Any]) -> None:
    nameless = {name: value for name, value in chunk("lo").items() if name != "id"}
    first, second = reader(), reader()

    assert given(first, chunk("hel")).id == given(first, {**nameless, **without}).id == "chatcmpl-1"
    made_up = given(second, {**nameless, **without}).id
    assert made_up == given(second, {**nameless, **without}).id != ""
    assert made_up != given(reader(), {**nameless, **without}).id


@pytest.mark.parametrize(
    "other", [{"text": "hi"}, {"message": {"role": "assistant", "content": "hi"}, "delta": None}]
)
def test_a_text_or_message_in_place_of_a_delta_is_refused(other: dict[str, Any]) -> None:
    value = {**chunk(), "choices": [{"index": 0, **other, "finish_reason": "stop"}]}

    with pytest.raises(InvalidProviderResponseError, match="where a delta is due"):
        reader().chunk(value)


def test_a_message_beside_a_delta_is_no_reason_to_refuse_it() -> None:
    value = chunk("hi")
    value["choices"][0]["message"] = {"role": "assistant", "content": "hi"}

    assert given(reader(), value).choices[0].delta.content == "hi"


@pytest.mark.parametrize("choice", [{"index": None, "delta": None}, {}])
def test_a_choice_may_leave_out_its_index_and_its_delta(choice: dict[str, Any]) -> None:
    last = {**chunk(), "choices": [{**choice, "finish_reason": "stop"}]}

    guarded(chunk("hello"), last).end()


def test_litellms_usage_beside_an_empty_choice_ends_the_stream_well() -> None:
    empty: dict[str, Any] = {"index": 0, "delta": {}}
    counted = {"prompt_tokens": 8, "completion_tokens": 5, "total_tokens": 13}

    guard = guarded(
        chunk("hello"), chunk(reason="stop"), {**chunk(), "choices": [empty], "usage": counted}
    )

    last = guard.end()
    assert last is not None
    assert last.usage is not None
    assert last.usage.total_tokens == 13


def test_more_text_after_the_finish_reason_is_not_swept_away() -> None:
    with pytest.raises(InvalidProviderResponseError, match="went on"):
        guarded(chunk("hello"), chunk(reason="stop"), chunk("more"))


def of(index: int, delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    return {**chunk(), "choices": [{"index": index, "delta": delta, "finish_reason": reason}]}


def test_each_of_several_choices_has_its_own_end() -> None:
    answers, guard = AnswerReader("up/one", None, choices=2), StreamGuard(choices=2)
    finished = []

    for value in (
        of(0, {"content": "a"}),
        of(0, {}, "stop"),
        of(0, {}),
        of(1, {"content": "b"}),
        of(1, {}, "length"),
        of(0, {}),
    ):
        if (given := answers.chunk(value)) is not None:
            guard.check(given)
        finished.append(answers.is_finished)

    assert finished == [False, False, False, False, True, True]
    assert guard.end() is None
