"""The adapter's answers, asked of upstreams that are made by hand."""

import asyncio

import pytest

from tests.providers_openai.upstreams import (
    CHUNKED,
    DONE,
    END,
    GOOD,
    HANG,
    HEL,
    HELLO,
    LO,
    SOON,
    UNTIL_CLOSED,
    asked,
    asking,
    chunk,
    completion,
    frame,
    in_chunk,
    response,
    serving,
    streamed,
    whole,
)
from veneer_protocol import (
    ModelNotFoundError,
    RequestContext,
    StreamGuard,
    check_completion,
    check_models,
)

MIB = 1024 * 1024
USAGE = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}


async def test_a_request_goes_on_as_it_came_under_the_upstreams_own_name() -> None:
    async with serving(response(200, completion())) as upstream, asking(upstream.url) as adapter:
        await whole(adapter, temperature=0.5, max_tokens=7, stop=["a"], n=1, user="u")

    (request,) = upstream.requests
    assert (request.method, request.path) == ("POST", "/v1/chat/completions")
    assert request.json == {
        "model": "one",
        "messages": HELLO,
        "temperature": 0.5,
        "max_tokens": 7,
        "stop": ["a"],
        "n": 1,
        "user": "u",
    }


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ({}, {"stream": True}),
        ({"stream_options": {"include_usage": False}}, {"stream": True}),
        (
            {"stream_options": {"include_usage": True}},
            {"stream": True, "stream_options": {"include_usage": True}},
        ),
    ],
)
async def test_usage_is_asked_for_only_if_the_caller_asked(
    fields: dict[str, object], options: dict[str, object]
) -> None:
    async with serving(GOOD) as upstream, asking(upstream.url) as adapter:
        await streamed(adapter, **fields)

    assert upstream.requests[0].json == {"model": "one", "messages": HELLO, **options}


async def test_an_answer_comes_back_whole_with_what_the_upstream_adds() -> None:
    answer = completion("hi", model="one-2026", usage=USAGE, timings={"ms": 1})

    async with serving(response(200, answer)) as upstream, asking(upstream.url) as adapter:
        given = check_completion(await whole(adapter))

    assert given.model == "up/one-2026"
    assert given.choices[0].message.content == "hi"
    assert given.model_dump(exclude_unset=True)["usage"] == USAGE
    assert given.model_dump()["timings"] == {"ms": 1}


async def test_a_stream_comes_back_chunk_by_chunk() -> None:
    counted = in_chunk(frame({**chunk(), "choices": [], "usage": USAGE}))
    guard = StreamGuard(include_usage=True)

    async with (
        serving([CHUNKED, HEL, LO, counted, in_chunk(DONE), END]) as upstream,
        asking(upstream.url) as adapter,
    ):
        given = [guard.check(each) for each in await streamed(adapter)]

    usage = guard.end()
    assert [each.choices[0].delta.content for each in given if each] == ["hel", "lo"]
    assert {each.model for each in given if each} == {"up/one"}
    assert usage is not None
    assert usage.usage is not None
    assert usage.usage.total_tokens == 3


async def test_what_is_no_data_of_an_event_says_nothing() -> None:
    noise = in_chunk(b": keepalive\n\nevent: ping\n\nretry: 3000\n\nid: 7\n\n")

    async with (
        serving([CHUNKED, noise, HEL, noise, LO, in_chunk(DONE), END]) as upstream,
        asking(upstream.url) as adapter,
    ):
        given = await streamed(adapter)

    assert [each.choices[0].delta.content for each in given] == ["hel", "lo"]


@pytest.mark.parametrize("more", [HANG, b"x" * MIB], ids=["silence", "more than is allowed"])
async def test_what_comes_after_done_is_not_waited_for(more: bytes | str) -> None:
    async with (
        serving([UNTIL_CLOSED, frame(chunk("hi", "stop")), DONE, *[more] * 17]) as upstream,
        asking(upstream.url, timeout_seconds=60) as adapter,
    ):
        async with asyncio.timeout(SOON):
            given = await streamed(adapter)

    assert [each.choices[0].delta.content for each in given] == ["hi"]


async def test_a_stream_that_says_its_end_but_not_done_is_good() -> None:
    async with (
        serving([UNTIL_CLOSED, frame(chunk("hi", "stop"))]) as upstream,
        asking(upstream.url) as adapter,
    ):
        (only,) = await streamed(adapter)

    assert only.choices[0].finish_reason == "stop"


@pytest.mark.parametrize("model", ["up/two", "up/one/more", "up/"])
async def test_with_models_configured_no_other_is_asked_for(model: str) -> None:
    async with serving(GOOD) as upstream, asking(upstream.url, models="one") as adapter:
        with pytest.raises(ModelNotFoundError):
            await adapter.create_chat_completion(asked(model), RequestContext())
        with pytest.raises(ModelNotFoundError):
            await anext(aiter(adapter.stream_chat_completion(asked(model), RequestContext())))
        models = await adapter.list_models(RequestContext())

    assert upstream.requests == []
    assert [each.id for each in check_models(models, "up")] == ["up/one"]


async def test_a_model_name_may_have_slashes_of_its_own() -> None:
    answer = response(200, completion(model="a/b:c"))

    async with serving(answer) as upstream, asking(upstream.url) as adapter:
        given = await adapter.create_chat_completion(asked("up/a/b:c"), RequestContext())

    assert upstream.requests[0].json["model"] == "a/b:c"
    assert given.model == "up/a/b:c"
