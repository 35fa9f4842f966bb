"""The adapter's answers, asked of upstreams that are made by hand."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from tests.providers_openai.upstreams import (
    CHUNKED,
    DONE,
    END,
    HANG,
    HELLO,
    RESET,
    SOON,
    UNTIL_CLOSED,
    Answer,
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
    ApiError,
    InvalidProviderResponseError,
    ModelNotFoundError,
    RequestContext,
    StreamGuard,
    UpstreamError,
    check_completion,
    check_models,
)
from veneer_providers_openai import OpenAIAdapter

MIB = 1024 * 1024
HEL = in_chunk(frame(chunk("hel")))
LO = in_chunk(frame(chunk("lo", "stop")))
GOOD: Answer = [CHUNKED, HEL, LO, in_chunk(DONE), END]
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


@pytest.mark.parametrize("ask", [whole, streamed])
async def test_a_connection_serves_one_request_after_another(
    ask: Callable[[OpenAIAdapter], Awaitable[object]],
) -> None:
    plain = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
    stream = CHUNKED + LO + in_chunk(DONE) + END
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        for _ in range(3):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            await reader.readexactly(length)
            writer.write(stream if ask is streamed else plain)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with asking(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}") as adapter:
        for _ in range(3):
            await ask(adapter)
    server.close()

    assert connections == 1


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


@pytest.mark.parametrize(
    "answer",
    [
        [CHUNKED, HEL],
        [CHUNKED, HEL, RESET],
        [CHUNKED, HEL, LO],
        [CHUNKED, HEL, LO, RESET],
        [CHUNKED, in_chunk(frame(chunk("hel")))[:-9]],
        [UNTIL_CLOSED, frame(chunk("hel"))],
        [UNTIL_CLOSED, frame(chunk("hel"))[:-9]],
        [UNTIL_CLOSED],
        [CHUNKED, HEL, in_chunk(DONE), END],
        [CHUNKED, END],
        [],
        [RESET],
    ],
    ids=[
        "cut",
        "reset",
        "cut after the finish reason",
        "reset after the finish reason",
        "cut inside a chunk",
        "closed",
        "closed inside a frame",
        "closed at once",
        "done without a finish reason",
        "empty",
        "closed before the answer",
        "reset before the answer",
    ],
)
async def test_a_stream_that_breaks_off_is_an_error(answer: Answer) -> None:
    async with serving(answer) as upstream, asking(upstream.url) as adapter:
        with pytest.raises(UpstreamError) as failure:
            await streamed(adapter)

    assert (failure.value.status, failure.value.code) == (502, "upstream_disconnected")


@pytest.mark.parametrize(
    "answer",
    [
        [CHUNKED, HEL, in_chunk(b'data: {"id": "chat\n\n'), END],
        [CHUNKED, HEL, in_chunk(b"data: [1]\n\n"), END],
        [CHUNKED, HEL, in_chunk(b'data: "text"\n\n'), END],
        [CHUNKED, HEL, in_chunk(b"data: \xff\n\n"), END],
        [CHUNKED, HEL, in_chunk(b"data: %b\n\n" % (b"[" * 100_000)), END],
        response(200, completion()),
        response(200, "hello", "text/html"),
        response(200, ""),
    ],
    ids=[
        "broken JSON",
        "a list",
        "a text",
        "no UTF-8",
        "a nesting bomb",
        "a plain answer",
        "a web page",
        "nothing",
    ],
)
async def test_a_stream_that_is_none_is_an_error(answer: Answer) -> None:
    async with serving(answer) as upstream, asking(upstream.url) as adapter:
        with pytest.raises(InvalidProviderResponseError):
            await streamed(adapter)


async def test_a_plain_answer_to_a_stream_request_is_told_by_its_type() -> None:
    async with serving(response(200, completion())) as upstream, asking(upstream.url) as adapter:
        with pytest.raises(InvalidProviderResponseError, match="with application/json where"):
            await streamed(adapter)


@pytest.mark.parametrize(
    "answer",
    [
        response(200, "[" * 100_000),
        response(200, '{"id": "chat'),
        response(200, "hello", "text/plain"),
        response(200, "<html>", "text/html"),
        response(200, [1]),
        response(200, "null"),
        response(204, ""),
        response(200, completion(), content_encoding="gzip"),
    ],
    ids=["a nesting bomb", "broken JSON", "text", "HTML", "a list", "null", "nothing", "no gzip"],
)
async def test_an_answer_that_is_none_is_an_error(answer: Answer) -> None:
    async with serving(answer) as upstream, asking(upstream.url) as adapter:
        with pytest.raises(InvalidProviderResponseError):
            await whole(adapter)


@pytest.mark.parametrize("frames", [[], [HEL]], ids=["at once", "mid-stream"])
@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        ({"message": "too long", "type": "invalid_request_error", "code": "context"}, 502, None),
        ({"message": "too long", "type": "BadRequestError", "code": 400}, 400, None),
        ({"message": "slow down", "code": "429"}, 429, "rate_limit_exceeded"),
        ({"message": "out", "code": 503}, 503, "service_unavailable"),
        ({"message": "gone", "code": 404}, 404, "model_not_found"),
        ({"message": "odd", "code": 999}, 502, "upstream_error"),
        ("just text", 502, "upstream_error"),
        ({"no": "message"}, 502, "upstream_error"),
    ],
)
async def test_an_error_frame_is_an_error_with_the_status_that_its_code_may_be(
    error: object, status: int, code: str | None, frames: list[bytes]
) -> None:
    broken = in_chunk(frame({"error": error}))

    async with (
        serving([CHUNKED, *frames, broken, END]) as upstream,
        asking(upstream.url) as adapter,
    ):
        with pytest.raises(ApiError) as failure:
            await streamed(adapter)

    assert failure.value.status == status
    assert failure.value.code == (code or (None if status == 400 else "context"))
    if isinstance(error, dict) and "message" in error:
        assert error["message"] in failure.value.message


async def test_a_flat_error_frame_is_an_error_too() -> None:
    flat = {"object": "error", "message": "too long", "type": "BadRequestError", "code": 400}

    async with (
        serving([CHUNKED, HEL, in_chunk(frame(flat)), END]) as upstream,
        asking(upstream.url) as adapter,
    ):
        with pytest.raises(ApiError, match="too long") as failure:
            await streamed(adapter)

    assert (failure.value.status, failure.value.type) == (400, "BadRequestError")


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


async def leave_when_waiting(adapter: OpenAIAdapter, waiting: asyncio.Event, stream: bool) -> None:
    async def ask() -> None:
        await (streamed(adapter) if stream else whole(adapter))

    asking = asyncio.create_task(ask())
    async with asyncio.timeout(SOON):
        await waiting.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking


@pytest.mark.parametrize(
    ("stream", "answer"),
    [(False, [HANG]), (True, [HANG]), (True, [CHUNKED, HANG]), (True, [CHUNKED, HEL, HANG])],
    ids=["plain request", "before the answer", "before the first chunk", "mid-stream"],
)
async def test_when_the_caller_leaves_the_upstream_sees_the_connection_close(
    stream: bool, answer: Answer
) -> None:
    async with serving(answer) as upstream, asking(upstream.url) as adapter:
        await leave_when_waiting(adapter, upstream.is_waiting, stream)

        async with asyncio.timeout(SOON):
            await upstream.was_left.wait()


async def test_when_the_stream_is_closed_the_upstream_sees_the_connection_close() -> None:
    async with serving([CHUNKED, HEL, HANG]) as upstream, asking(upstream.url) as adapter:
        chunks = adapter.stream_chat_completion(asked(), RequestContext())
        await anext(chunks)
        await chunks.aclose()  # type: ignore[attr-defined]  # It is a generator.

        async with asyncio.timeout(SOON):
            await upstream.was_left.wait()


async def test_those_who_leave_make_room_for_others() -> None:
    async with (
        serving([HANG], [CHUNKED, HEL, HANG], response(200, completion())) as upstream,
        asking(upstream.url, max_connections=1) as adapter,
    ):
        for stream in (False, True):
            await leave_when_waiting(adapter, upstream.is_waiting, stream)
            upstream.is_waiting.clear()

        assert (await whole(adapter)).choices


async def test_when_all_connections_are_in_use_the_caller_is_told_to_wait() -> None:
    async with (
        serving([HANG]) as upstream,
        asking(upstream.url, max_connections=1, connect_timeout_seconds=0.1) as adapter,
    ):
        busy = asyncio.create_task(whole(adapter))
        await upstream.is_waiting.wait()
        with pytest.raises(ApiError) as failure:
            await whole(adapter)
        busy.cancel()

    assert (failure.value.status, failure.value.code) == (503, "upstream_pool_exhausted")


@pytest.mark.parametrize(
    ("stream", "answer"),
    [(False, [HANG]), (True, [HANG]), (True, [CHUNKED, HEL, HANG])],
    ids=["plain request", "before the first chunk", "mid-stream"],
)
async def test_an_upstream_that_falls_silent_is_a_timeout(stream: bool, answer: Answer) -> None:
    async with (
        serving(answer) as upstream,
        asking(upstream.url, timeout_seconds=0.1) as adapter,
    ):
        with pytest.raises(ApiError, match=r"silent for 0.1 s") as failure:
            await (streamed(adapter) if stream else whole(adapter))

    assert (failure.value.status, failure.value.code) == (504, "upstream_timeout")


async def test_an_upstream_that_is_not_there_cannot_be_reached() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        async with asking(f"http://127.0.0.1:{unused.getsockname()[1]}") as adapter:
            with pytest.raises(ApiError) as failure:
                await whole(adapter)

    assert (failure.value.status, failure.value.code) == (502, "upstream_unreachable")


async def test_an_upstream_that_has_no_address_cannot_be_reached() -> None:
    async with asking("http://nobody.invalid") as adapter:
        with pytest.raises(ApiError) as failure:
            await whole(adapter)

    assert (failure.value.status, failure.value.code) == (502, "upstream_unreachable")


async def test_an_upstream_that_speaks_no_tls_cannot_be_reached() -> None:
    def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with asking(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}") as adapter:
        with pytest.raises(ApiError) as failure:
            await whole(adapter)
    server.close()

    assert (failure.value.status, failure.value.code) == (502, "upstream_unreachable")


async def test_an_upstream_that_does_not_finish_the_handshake_is_a_timeout() -> None:
    async with (
        serving([HANG]) as upstream,
        asking(upstream.url.replace("http:", "https:"), connect_timeout_seconds=0.1) as adapter,
    ):
        with pytest.raises(ApiError, match=r"reached within 0.1 s") as failure:
            await whole(adapter)

    assert (failure.value.status, failure.value.code) == (504, "upstream_timeout")
