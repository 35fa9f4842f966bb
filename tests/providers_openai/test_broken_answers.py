"""Answers that break off, or are none, or turn into an error on the way."""

import pytest

from tests.providers_openai.upstreams import (
    CHUNKED,
    DONE,
    END,
    HEL,
    LO,
    RESET,
    UNTIL_CLOSED,
    Answer,
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
from veneer_protocol import ApiError, InvalidProviderResponseError, UpstreamError


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


async def test_a_stream_under_another_type_is_a_stream() -> None:
    text = (frame(chunk("hel")) + frame(chunk("lo", "stop")) + DONE).decode()

    async with serving(response(200, text)) as upstream, asking(upstream.url) as adapter:
        chunks = await streamed(adapter)

    assert [each.choices[0].delta.content for each in chunks] == ["hel", "lo"]


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
