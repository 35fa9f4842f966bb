"""What the guard makes of several choices, and of what they hold beside text and calls."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.protocol.completions import completions, cut
from veneer_protocol import Feature, InvalidProviderResponseError, StreamGuard, check_completion
from veneer_protocol.answers.derivation import split

COMPLETION = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
CHUNK = {**COMPLETION, "object": "chat.completion.chunk"}
ALL = frozenset(Feature)


def choice(index: object, finish_reason: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"index": index, "delta": {}, "finish_reason": finish_reason, **fields}


def chunk(*choices: Any) -> ChatCompletionChunk:
    """A chunk as the official client builds it: without a look at the types."""
    return ChatCompletionChunk.construct(None, **CHUNK, choices=list(choices))


def passed(
    *chunks: ChatCompletionChunk, choices: int, features: frozenset[Feature] = ALL
) -> list[ChatCompletionChunk]:
    guard = StreamGuard(include_usage=True, choices=choices, features=features)
    sent = [*map(guard.check, chunks), guard.end()]
    return [each for each in sent if each is not None]


def refused(*chunks: ChatCompletionChunk, choices: int) -> str:
    with pytest.raises(InvalidProviderResponseError) as refusal:
        passed(*chunks, choices=choices)
    return refusal.value.message


@given(completions(), st.randoms(use_true_random=False))
def test_any_legal_stream_is_passed_on_and_says_the_same(
    completion: ChatCompletion, chance: random.Random
) -> None:
    count = len(completion.choices)
    pieces = list(cut(list(split(completion, choices=count)), chance))

    sent = passed(*pieces, choices=count)
    again = passed(*sent, choices=count)

    spoken = [each for one in sent for each in one.choices]
    for index in range(count):
        roles = [each.delta.role for each in spoken if each.index == index]
        assert roles == ["assistant"] + [None] * (len(roles) - 1)
    assert [each.model_dump(warnings=False) for each in again] == [
        each.model_dump(warnings=False) for each in sent
    ]


def test_each_choice_ends_by_itself() -> None:
    sent = passed(
        chunk(choice(1), choice(0)),
        chunk(choice(1, "stop")),
        chunk(choice(0)),
        chunk(choice(0, "length")),
        choices=2,
    )

    assert len(sent) == 4


@pytest.mark.parametrize(
    ("chunks", "reason"),
    [
        ([chunk(choice(0, "stop"))], "without a finish reason"),
        ([chunk(choice(0, "stop")), chunk(choice(0))], "went on after"),
        ([chunk(choice(0, "stop"), choice(1, "stop")), chunk(choice(1))], "went on after"),
        ([chunk(choice(2))], "the 2 choices"),
        ([chunk(choice(-1))], "the 2 choices"),
        ([chunk(choice(None))], "the 2 choices"),
        ([chunk(choice(True))], "the 2 choices"),
        ([chunk(choice(0), choice(1), choice(0))], "the 2 choices"),
        ([chunk(choice(0), choice(0))], "one choice twice"),
        ([chunk(choice(0), "text")], "one choice twice"),
    ],
)
def test_a_stream_of_choices_that_breaks_a_rule_is_refused(
    chunks: list[ChatCompletionChunk], reason: str
) -> None:
    assert reason in refused(*chunks, choices=2)


def whole(*indices: object, **fields: Any) -> ChatCompletion:
    message = {"role": "assistant", "content": "a", **fields.pop("message", {})}
    rest = {"message": message, "finish_reason": "stop", **fields}
    choices = [{"index": index, **rest} for index in indices]
    return ChatCompletion.construct(None, **COMPLETION, choices=choices)


def test_as_many_choices_are_passed_on_as_were_asked_for() -> None:
    assert len(check_completion(whole(0, 1, 2), choices=3).choices) == 3


@pytest.mark.parametrize("indices", [(0,), (0, 0), (1, 2), (0, 1, 2), (0, None), (0, "1"), ()])
def test_other_choices_than_were_asked_for_are_refused(indices: tuple[object, ...]) -> None:
    with pytest.raises(InvalidProviderResponseError, match="the 2 choices"):
        check_completion(whole(*indices), choices=2)


TOKEN = {"token": "a", "bytes": [97], "logprob": -0.5, "top_logprobs": []}
CITATION = {"start_index": 0, "end_index": 1, "title": "t", "url": "u"}
ANNOTATION = {"type": "url_citation", "url_citation": CITATION}
AUDIO = {"id": "a", "data": "QUE=", "transcript": "aa", "expires_at": 1}


@pytest.mark.parametrize(
    "fields",
    [
        {"message": {"refusal": "I will not."}},
        {"message": {"annotations": [ANNOTATION]}},
        {"logprobs": {"content": [TOKEN], "refusal": None}},
        {"message": {"reasoning_content": "Well.", "provider": {"of": 1}}},
    ],
)
def test_what_says_more_of_a_text_need_not_be_declared(fields: dict[str, Any]) -> None:
    delta = fields.get("message", {})
    logprobs = fields.get("logprobs")

    (said,) = passed(
        chunk(choice(0, "stop", delta=delta, logprobs=logprobs)), choices=1, features=frozenset()
    )
    checked = check_completion(whole(0, **fields))

    dumped = said.choices[0].model_dump(exclude_none=True, warnings=False)
    assert dumped["delta"] == {"role": "assistant", **delta}
    assert dumped.get("logprobs", {}).get("content") == (logprobs and logprobs["content"])
    assert checked.choices[0].message.model_dump(exclude_none=True, warnings=False) == {
        "role": "assistant",
        "content": "a",
        **delta,
    }


def test_audio_that_was_not_declared_is_refused_by_its_feature() -> None:
    spoken = chunk(choice(0, "stop", delta={"audio": AUDIO}))

    with pytest.raises(InvalidProviderResponseError, match="the feature 'audio_output'"):
        passed(spoken, choices=1, features=ALL - {Feature.AUDIO_OUTPUT})
    with pytest.raises(InvalidProviderResponseError, match="the feature 'audio_output'"):
        check_completion(whole(0, message={"audio": AUDIO}))

    assert passed(spoken, choices=1, features=frozenset({Feature.AUDIO_OUTPUT}))
    assert check_completion(whole(0, message={"audio": AUDIO}), features={"audio_output"})


WRONG_LOGPROBS = [
    "few",
    5,
    {"content": "a"},
    {"content": ["a"]},
    {"content": [{**TOKEN, "logprob": "low"}]},
    {"content": [{**TOKEN, "logprob": float("-inf")}]},  # Null, as JSON has it.
    {"content": [{"token": "a", "logprob": -1}]},
    {"refusal": [{**TOKEN, "token": None}]},
]


@pytest.mark.parametrize("logprobs", WRONG_LOGPROBS, ids=repr)
def test_log_probabilities_of_another_type_are_refused(logprobs: object) -> None:
    assert "log probabilities" in refused(chunk(choice(0, logprobs=logprobs)), choices=1)
    with pytest.raises(InvalidProviderResponseError, match="log probabilities"):
        check_completion(whole(0, logprobs=logprobs), features=ALL)


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"refusal": 5}, "a refusal that is no text"),
        ({"refusal": ["no"]}, "a refusal that is no text"),
        ({"annotations": "here"}, "annotations"),
        ({"annotations": [{}]}, "annotations"),
        ({"annotations": [{**ANNOTATION, "type": "file"}]}, "annotations"),
        ({"audio": "QUE="}, "audio"),
        ({"audio": {**AUDIO, "data": 5}}, "audio"),
        ({"audio": {**AUDIO, "expires_at": "soon"}}, "audio"),
        ({"audio": {**AUDIO, "transcript": []}}, "audio"),
    ],
)
def test_what_is_not_of_its_type_is_refused(said: dict[str, Any], reason: str) -> None:
    assert reason in refused(chunk(choice(0, delta=said)), choices=1)
    with pytest.raises(InvalidProviderResponseError, match=reason):
        check_completion(whole(0, message=said), features=ALL)


def test_audio_comes_in_parts_and_is_whole_at_the_end() -> None:
    parts = [chunk(choice(0, delta={"audio": {name: AUDIO[name]}})) for name in AUDIO]

    assert len(passed(*parts, chunk(choice(0, "stop")), choices=1)) == 5
    for name in AUDIO:
        part = {other: AUDIO[other] for other in AUDIO if other != name}
        with pytest.raises(InvalidProviderResponseError, match="audio that lacks something"):
            check_completion(whole(0, message={"audio": part}), features=ALL)


def test_the_details_of_usage_are_passed_on() -> None:
    counted = CompletionUsage.model_validate(
        {
            "prompt_tokens": 1,
            "completion_tokens": 2,
            "total_tokens": 3,
            "prompt_tokens_details": {"cached_tokens": 1},
            "completion_tokens_details": {"reasoning_tokens": 1, "own_tokens": 1},
        }
    )
    end = chunk(choice(0, "stop"))
    end.usage = counted

    assert passed(end, choices=1)[-1].usage == counted
