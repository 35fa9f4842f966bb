"""The dummy adapter, asked as the gateway asks it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from veneer_protocol import (
    ApiError,
    ChatCompletionRequest,
    Headers,
    InvalidRequestError,
    ModelNotFoundError,
    RequestContext,
    StreamGuard,
    UpstreamError,
    check_completion,
    check_models,
)
from veneer_providers_dummy import DummyAdapter

ECHO = "The dummy provider heard: hello proxy x-dummy-tag=none. authorization_forwarded=false."
FAILING = RequestContext(Headers({"X-Dummy-Fail": "true"}))
LOCAL = RequestContext()
MODELS = ["dummy/echo-1", "dummy/story-1"]


def asked(text: str = "hello proxy", /, **fields: object) -> ChatCompletionRequest:
    messages = [{"role": "user", "content": text}]
    return ChatCompletionRequest.model_validate(
        {"model": "dummy/echo-1", "messages": messages, **fields}
    )


async def whole(request: ChatCompletionRequest, context: RequestContext = LOCAL) -> ChatCompletion:
    return check_completion(await DummyAdapter().create_chat_completion(request, context))


async def streamed(
    request: ChatCompletionRequest, context: RequestContext = LOCAL
) -> list[ChatCompletionChunk]:
    chunks = DummyAdapter().stream_chat_completion(request, context)
    return [chunk async for chunk in chunks]


async def refused(request: ChatCompletionRequest, context: RequestContext, how: str) -> ApiError:
    with pytest.raises(ApiError) as refusal:
        await (whole if how == "whole" else streamed)(request, context)
    return refusal.value


in_both_ways = pytest.mark.parametrize("how", ["whole", "streamed"])


async def test_it_lists_exactly_two_models() -> None:
    adapter = DummyAdapter()

    models = check_models(await adapter.list_models(LOCAL), adapter.model_prefix)

    assert [model.id for model in models] == MODELS
    assert {(model.object, model.owned_by) for model in models} == {("model", "dummy")}


async def test_its_list_never_changes() -> None:
    first, second = [await DummyAdapter().list_models(LOCAL) for _ in range(2)]

    assert first == second


async def test_it_answers_whole() -> None:
    completion = await whole(asked())

    (choice,) = completion.choices
    assert choice.message.content == ECHO
    assert choice.message.role == "assistant"
    assert choice.finish_reason == "stop"
    assert (completion.model, completion.object) == ("dummy/echo-1", "chat.completion")


async def test_it_streams_word_by_word() -> None:
    chunks = await streamed(asked())

    words = [chunk.choices[0].delta.content for chunk in chunks]
    assert words == ["The", *(f" {word}" for word in ECHO.split()[1:]), None]
    assert [chunk.choices[0].finish_reason for chunk in chunks[-2:]] == [None, "stop"]


async def test_both_models_tell_what_came_with_the_request() -> None:
    context = RequestContext(Headers({"x-dummy-tag": "t1", "authorization": "Bearer x"}))

    said = [(await whole(asked(model=model), context)).choices[0].message for model in MODELS]

    for message in said:
        assert message.content is not None
        assert "hello proxy" in message.content
        assert "x-dummy-tag=t1." in message.content
        assert "authorization_forwarded=true." in message.content


async def test_it_answers_the_last_user_message() -> None:
    messages = [
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "between"},
        {"role": "user", "content": [{"type": "text", "text": part} for part in ("a", "b")]},
        {"role": "system", "content": "after"},
    ]

    content = (await whole(asked(messages=messages))).choices[0].message.content

    assert content is not None
    assert content.startswith("The dummy provider heard: a\nb x-dummy-tag=")


async def test_its_ids_are_marked_and_never_repeat() -> None:
    adapter = DummyAdapter()

    ids = [(await adapter.create_chat_completion(asked(), LOCAL)).id for _ in range(500)]

    assert len(set(ids)) == 500
    assert all(each.startswith("chatcmpl_dummy_") for each in ids)


async def test_the_chunks_of_a_stream_share_one_new_id() -> None:
    (first,), (second,) = [{chunk.id for chunk in await streamed(asked())} for _ in range(2)]

    assert first != second
    assert first.startswith("chatcmpl_dummy_")


@pytest.mark.parametrize(
    ("fields", "prompt_tokens", "completion_tokens"),
    [
        ({}, 2, 8),
        ({"max_tokens": 3}, 2, 3),
        ({"stop": "hello"}, 2, 4),
        ({"stop": "The"}, 2, 0),
        (
            {
                "messages": [
                    {"role": "system", "content": " a  b\nc "},
                    {"role": "user", "content": "d"},
                ]
            },
            4,
            7,
        ),
    ],
)
async def test_usage_is_counted_in_words(
    fields: dict[str, object], prompt_tokens: int, completion_tokens: int
) -> None:
    counted = (await whole(asked(**fields))).usage

    assert counted is not None
    assert (counted.prompt_tokens, counted.completion_tokens, counted.total_tokens) == (
        prompt_tokens,
        completion_tokens,
        prompt_tokens + completion_tokens,
    )


@pytest.mark.parametrize(
    ("fields", "text", "reason"),
    [
        ({"max_tokens": 2}, "The dummy", "length"),
        ({"max_completion_tokens": 7}, ECHO.rpartition(" ")[0], "length"),
        ({"max_tokens": 8}, ECHO, "stop"),
        ({"stop": " heard"}, "The dummy provider", "stop"),
        ({"stop": ["proxy", "hello"]}, "The dummy provider heard: ", "stop"),
        ({"stop": "The"}, "", "stop"),
        ({"stop": "heard", "max_tokens": 2}, "The dummy", "length"),
    ],
)
async def test_stop_and_limits_are_honoured(
    fields: dict[str, object], text: str, reason: str
) -> None:
    (choice,) = (await whole(asked(**fields))).choices
    *words, end = [chunk.choices[0] for chunk in await streamed(asked(**fields))]

    assert (choice.message.content, choice.finish_reason) == (text, reason)
    assert ("".join(word.delta.content or "" for word in words), end.finish_reason) == (
        text,
        reason,
    )


@in_both_ways
@pytest.mark.parametrize("model", ["dummy/nobody", "dummy/", "dummy/ECHO-1", "other/echo-1"])
async def test_an_unknown_model_is_refused(how: str, model: str) -> None:
    error = await refused(asked(model=model), LOCAL, how)

    assert isinstance(error, ModelNotFoundError)
    assert (error.status, error.param, error.code) == (404, "model", "model_not_found")


@in_both_ways
@pytest.mark.parametrize("model", MODELS)
async def test_a_conversation_without_a_user_is_refused(how: str, model: str) -> None:
    messages = [{"role": role, "content": "x"} for role in ("system", "assistant")]

    error = await refused(asked(model=model, messages=messages), LOCAL, how)

    assert isinstance(error, InvalidRequestError)
    assert (error.status, error.param, error.code) == (400, "messages", "missing_user_message")


@in_both_ways
@pytest.mark.parametrize("model", MODELS)
async def test_it_fails_as_an_upstream_would_if_it_is_told_to(how: str, model: str) -> None:
    error = await refused(asked(model=model), FAILING, how)

    assert isinstance(error, UpstreamError)
    assert (error.status, error.type, error.code) == (502, "server_error", "dummy_upstream_failed")


@pytest.mark.parametrize("value", ["false", "", "0"])
async def test_it_fails_for_nothing_but_true(value: str) -> None:
    completion = await whole(asked(), RequestContext(Headers({"x-dummy-fail": value})))

    assert completion.choices[0].message.content == ECHO


@given(
    st.text(min_size=1),
    st.sampled_from(MODELS),
    st.none() | st.text(min_size=1, max_size=2),
    st.none() | st.integers(1, 60),
)
async def test_a_stream_is_legal_and_says_exactly_what_the_whole_answer_says(
    text: str, model: str, stop: str | None, limit: int | None
) -> None:
    request = asked(text, model=model, stop=stop, max_tokens=limit)
    guard = StreamGuard()

    chunks = [guard.check(chunk) for chunk in await streamed(request)]
    answer = await whole(request)

    spoken = [chunk.choices[0] for chunk in chunks if chunk is not None]
    assert guard.end() is None
    assert "".join(each.delta.content or "" for each in spoken) == answer.choices[0].message.content
    assert spoken[-1].finish_reason == answer.choices[0].finish_reason


async def test_both_ways_count_the_same_usage() -> None:
    request = asked(max_tokens=5)

    *chunks, last = await streamed(request)

    assert last.usage == (await whole(request)).usage
    assert [chunk.usage for chunk in chunks] == [None] * 5
