"""What the guard lets out of an adapter, and what it refuses."""

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types import CompletionUsage, Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from veneer_protocol import (
    InvalidProviderResponseError,
    Reply,
    StreamGuard,
    check_completion,
    check_models,
    usage,
)

REPLY = Reply(model="dummy/echo-1", id="chatcmpl_1", created=1)
COMPLETION = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
CHUNK = {**COMPLETION, "object": "chat.completion.chunk"}


def choice(
    *,
    role: str | None = None,
    content: str | None = None,
    finish_reason: str | None = None,
    index: int = 0,
) -> dict[str, object]:
    delta = {"content": content} | ({"role": role} if role else {})
    return {"index": index, "delta": delta, "finish_reason": finish_reason}


def chunk(
    *choices: dict[str, object], name: str = "c", usage: CompletionUsage | None = None
) -> ChatCompletionChunk:
    fields = {**CHUNK, "id": name, "choices": choices}
    return ChatCompletionChunk.model_validate(fields | ({"usage": usage} if usage else {}))


def unchecked(**fields: object) -> ChatCompletionChunk:
    """Build a chunk as the official client does: without a look at the types."""
    return ChatCompletionChunk.construct(**{**CHUNK, **fields})  # type: ignore[arg-type]


def passed(chunks: Iterable[object], *, include_usage: bool = False) -> list[ChatCompletionChunk]:
    guard = StreamGuard(include_usage=include_usage)
    sent = [*map(guard.check, chunks), guard.end()]
    return [each for each in sent if each is not None]


def refused(chunks: Iterable[object]) -> str:
    with pytest.raises(InvalidProviderResponseError) as refusal:
        passed(chunks)
    return refusal.value.message


def test_a_role_that_was_left_out_is_added_to_the_first_chunk() -> None:
    sent = passed([REPLY.chunk("a"), REPLY.chunk("b"), REPLY.last_chunk()])

    assert [each.choices[0].delta.role for each in sent] == ["assistant", None, None]


def test_a_role_that_comes_again_is_left_out() -> None:
    sent = passed([chunk(choice(role="assistant", finish_reason=end)) for end in (None, "stop")])

    assert [each.choices[0].delta.role for each in sent] == ["assistant", None]
    assert "role" not in sent[1].model_dump(exclude_unset=True)["choices"][0]["delta"]


def test_the_role_is_added_where_the_end_is_all_there_is() -> None:
    (only,) = passed([REPLY.last_chunk()])

    assert only.choices[0].delta.role == "assistant"


def test_a_legal_chunk_is_passed_on_itself() -> None:
    legal = chunk(choice(role="assistant", content="a"))

    assert StreamGuard().check(legal) is legal


def test_a_chunk_without_choices_says_nothing() -> None:
    assert StreamGuard().check(chunk()) is None


def test_a_finish_reason_that_was_never_set_is_null_on_the_wire() -> None:
    bare = ChatCompletionChunk.model_validate({**CHUNK, "choices": [{"index": 0, "delta": {}}]})

    sent = StreamGuard().check(bare)

    assert sent is not None
    assert sent.model_dump(exclude_unset=True)["choices"][0]["finish_reason"] is None


@pytest.mark.parametrize("on_the_last_chunk", [True, False])
def test_usage_that_was_asked_for_comes_last_and_alone(on_the_last_chunk: bool) -> None:
    counted = usage(1, 2)
    last = REPLY.last_chunk(usage=counted if on_the_last_chunk else None)
    own = [] if on_the_last_chunk else [chunk(name=REPLY.id, usage=counted)]

    sent = passed([REPLY.chunk("a"), last, *own], include_usage=True)

    assert [len(each.choices) for each in sent] == [1, 1, 0]
    assert [each.usage for each in sent] == [None, None, counted]
    assert all("usage" in each.model_fields_set for each in sent)


@pytest.mark.parametrize("on_the_last_chunk", [True, False])
def test_usage_that_nobody_asked_for_is_not_sent(on_the_last_chunk: bool) -> None:
    counted = usage(1, 2)
    last = REPLY.last_chunk(usage=counted if on_the_last_chunk else None)

    sent = passed([REPLY.chunk("a"), last, chunk(name=REPLY.id, usage=counted)])

    assert len(sent) == 2
    assert not [each for each in sent if "usage" in each.model_fields_set]


@pytest.mark.parametrize("include_usage", [False, True])
@pytest.mark.parametrize("is_beside_the_usage", [False, True])
def test_what_moderation_found_is_sent_once_where_it_comes_without_choices(
    include_usage: bool, is_beside_the_usage: bool
) -> None:
    found = {"input": {"type": "error", "code": "c", "message": "m"}}
    counted = {"usage": usage(1, 2).model_dump()} if is_beside_the_usage else {}
    fields = {**CHUNK, "choices": [], "moderation": {**found, "output": found["input"]}, **counted}

    *_, last = passed(
        [
            chunk(choice(content="a", finish_reason="stop")),
            ChatCompletionChunk.model_validate(fields),
        ],
        include_usage=include_usage,
    )

    is_counted = include_usage and is_beside_the_usage
    assert (last.choices, last.usage) == ([], usage(1, 2) if is_counted else None)
    assert last.model_dump()["moderation"]["input"]["code"] == "c"


def test_running_usage_is_sent_once_with_its_last_count() -> None:
    chunks = [chunk(choice(content="a"), usage=usage(1, count)) for count in (1, 2)]

    sent = passed([*chunks, chunk(choice(finish_reason="stop"))], include_usage=True)

    assert [each.usage for each in sent] == [None, None, None, usage(1, 2)]


def test_usage_that_was_never_counted_is_not_made_up() -> None:
    sent = passed([REPLY.last_chunk()], include_usage=True)

    assert [each.usage for each in sent] == [None]


@pytest.mark.parametrize(
    ("chunks", "reason"),
    [
        ([], "without a finish reason"),
        ([chunk()], "without a finish reason"),
        ([chunk(choice(content="a"))], "without a finish reason"),
        ([chunk(usage=usage(1, 1))], "without a finish reason"),
        ([chunk(choice(finish_reason="stop"))] * 2, "went on after its finish reason"),
        ([chunk(choice(finish_reason="stop")), chunk(choice())], "went on after"),
        ([chunk(choice()), chunk(choice(), name="d")], "changed its id from 'c' to 'd'"),
        ([chunk(), chunk(name="d")], "changed its id from 'c' to 'd'"),
        ([chunk(choice(), choice(index=1))], "not have the one choice"),
        ([chunk(choice(index=1, finish_reason="stop"))], "not have the one choice"),
        ([unchecked(choices=[choice(finish_reason="eos")])], "finish reason 'eos'"),
        ([unchecked(choices=[{**choice(), "finish_reason": ["stop"]}])], "finish reason ['stop']"),
        ([unchecked(choices=[choice(role="tool")])], "no assistant's"),
        ([unchecked(choices=[{"index": 0, "delta": {"role": []}}])], "no assistant's"),
        ([unchecked(choices=[{"index": 0, "delta": {"content": 5}}])], "no assistant's"),
        ([unchecked(choices=[], usage="few")], "counts its usage in builtins.str"),
        ([unchecked(choices=5)], "not have the one choice"),
        ([unchecked(id=None, choices=[])], "without an id"),
        ([chunk(name="")], "without an id"),
        ([None], "NoneType"),
        (["text"], "builtins.str"),
        ([CHUNK], "builtins.dict"),
        ([REPLY.completion("a")], "ChatCompletion "),
    ],
)
def test_a_stream_that_breaks_a_rule_is_refused(chunks: list[object], reason: str) -> None:
    assert reason in refused(chunks)


# Adapters over the official client hand on what it built without validation.
@pytest.mark.parametrize("field", [{}, {"delta": None}])
def test_a_chunk_whose_choice_has_no_delta_is_refused(field: dict[str, object]) -> None:
    choices = [{"index": 0, "finish_reason": "stop", **field}]

    assert refused([ChatCompletionChunk.construct(None, **CHUNK, choices=choices)])


ROLES = st.sampled_from([None, "assistant"])
CHOICES = st.builds(
    choice,
    role=ROLES,
    content=st.none() | st.text(max_size=3),
    finish_reason=st.sampled_from([None, None, "stop", "length"]),
    index=st.sampled_from([0] * 9 + [1]),
)
CHUNKS = st.builds(
    lambda choices, name, usage: chunk(*choices, name=name, usage=usage),
    choices=st.lists(CHOICES, max_size=1) | st.lists(CHOICES, max_size=2),
    name=st.sampled_from(["c"] * 9 + ["d"]),
    usage=st.none() | st.builds(usage, st.integers(0, 9), st.integers(0, 9)),
)
JUNK: st.SearchStrategy[object] = st.sampled_from([None, 1, "text", {}, REPLY.completion("a")])
WORDS = st.builds(lambda role, text: chunk(choice(role=role, content=text)), ROLES, st.text())
ENDS = st.builds(lambda role: chunk(choice(role=role, finish_reason="stop")), ROLES)
LAST = st.sampled_from([[], [chunk()], [chunk(usage=usage(1, 2))]])
GOOD = st.builds(lambda words, end, last: [*words, end, *last], st.lists(WORDS), ENDS, LAST)
STREAMS = GOOD | st.lists(CHUNKS | JUNK, max_size=5)


def is_legal(chunks: Sequence[object]) -> bool:
    """The rules once more, all at once: one id, one choice, and the end at the end."""
    legal = [each for each in chunks if isinstance(each, ChatCompletionChunk)]
    choices = [each.choices for each in legal if each.choices]
    return (
        len(legal) == len(chunks)
        and len({each.id for each in legal}) == 1
        and all(len(each) == 1 and each[0].index == 0 for each in choices)
        and [each[0].finish_reason is not None for each in choices]
        == [False] * (len(choices) - 1) + [True]
    )


@given(STREAMS, st.booleans())
def test_any_stream_is_made_legal_or_refused_once(
    chunks: list[object], include_usage: bool
) -> None:
    guard = StreamGuard(include_usage=include_usage)
    sent: list[ChatCompletionChunk] = []
    is_refused = False
    try:
        for each in chunks:
            sent += filter(None, [guard.check(each)])
        sent += filter(None, [guard.end()])
    except InvalidProviderResponseError:
        is_refused = True

    spoken = [each.choices[0] for each in sent if each.choices]
    ends = [each.finish_reason is not None for each in spoken]
    counted = [each.usage is not None for each in sent]
    assert is_refused is not is_legal(chunks)
    assert [each.delta.role for each in spoken[:1]] in ([], ["assistant"])
    assert not [each for each in spoken[1:] if each.delta.role is not None]
    assert len({each.id for each in sent}) <= 1
    assert ends[:-1] == [False] * len(ends[:-1])
    assert is_refused or ends[-1]
    assert counted[:-1] == [False] * len(counted[:-1])
    assert not any(counted) or (include_usage and not sent[-1].choices)


@given(st.lists(CHUNKS, max_size=5), st.booleans())
def test_the_adapters_own_chunks_keep_their_values(
    chunks: list[ChatCompletionChunk], include_usage: bool
) -> None:
    before = [each.model_dump() for each in chunks]
    guard = StreamGuard(include_usage=include_usage)

    try:
        for each in chunks:
            guard.check(each)
        guard.end()
    except InvalidProviderResponseError:
        pass

    assert [each.model_dump() for each in chunks] == before


def test_a_completion_has_what_the_api_requires_null_or_not() -> None:
    bare = {"index": 0, "message": {"role": "assistant"}, "finish_reason": "stop"}

    checked = check_completion(ChatCompletion.model_validate({**COMPLETION, "choices": [bare]}))

    assert checked.model_dump(exclude_unset=True)["choices"] == [
        bare
        | {"logprobs": None, "message": {"role": "assistant", "content": None, "refusal": None}}
    ]


@given(st.text(), st.sampled_from(["stop", "length", "content_filter"]))
def test_a_completion_keeps_its_values(text: str, reason: str) -> None:
    message = {"role": "assistant", "content": text}
    given = ChatCompletion.model_validate(
        {**COMPLETION, "choices": [{"index": 0, "message": message, "finish_reason": reason}]}
    )
    before = given.model_dump()

    assert check_completion(given).model_dump() == before


HALF_CHOICES = [{"index": 0, "finish_reason": "stop"}, {"message": None}, "text"]


@pytest.mark.parametrize(
    "completion",
    [
        *(None, 1, "text", {}, COMPLETION, REPLY.chunk("a")),
        ChatCompletion.model_validate({**COMPLETION, "choices": []}),
        ChatCompletion.construct(None, **COMPLETION),
        *(ChatCompletion.construct(None, **COMPLETION, choices=[half]) for half in HALF_CHOICES),
    ],
)
def test_a_completion_that_holds_no_answer_is_refused(completion: object) -> None:
    with pytest.raises(InvalidProviderResponseError):
        check_completion(completion)


def model(name: str) -> Model:
    return Model(id=name, object="model", created=0, owned_by="dummy")


@given(st.lists(st.sampled_from(["d/a", "d/b", "d/a/b", "d", "/d/a", "D/a", "e/a", "dd/a", ""])))
def test_models_are_listed_as_they_came_if_all_bear_the_prefix(ids: list[str]) -> None:
    models = [model(each) for each in ids]

    if all(each.startswith("d/") for each in ids):
        assert check_models(tuple(models), "d") == models
    else:
        with pytest.raises(InvalidProviderResponseError):
            check_models(models, "d")


@pytest.mark.parametrize(
    "models",
    [
        *(None, 1, {}, {"d/a": model("d/a")}, model("d/a"), iter([model("d/a")])),
        *([None], ["d/a"], [{"id": "d/a"}], [model("d/a"), 1]),
        *("d/a", "", b""),
        [Model.construct(object="model")],
        *([model("d/a\nb")], [model("d/\x1b[31m")]),
    ],
)
def test_what_is_no_list_of_models_is_refused(models: object) -> None:
    with pytest.raises(InvalidProviderResponseError):
        check_models(models, "d")
