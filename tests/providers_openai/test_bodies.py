"""Upstreams that send without end are stopped; the peak of memory is what is looked at."""

import gzip
import json
import tracemalloc

import pytest

from tests.providers_openai.upstreams import (
    CHUNKED,
    DONE,
    END,
    HANG,
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
from veneer_protocol import (
    InvalidProviderResponseError,
    InvalidRequestError,
    RateLimitError,
    RequestContext,
)

MIB = 1024 * 1024
BLANKS = b" " * MIB


def head(status: int, kind: str, *lines: str) -> bytes:
    sent = (f"HTTP/1.1 {status} Whatever", f"content-type: {kind}", *lines, "connection: close")
    return "\r\n".join([*sent, "", ""]).encode()


def zipped(status: int, body: bytes, kind: str = "application/json") -> Answer:
    return [head(status, kind, "content-encoding: gzip"), gzip.compress(body, 1)]


async def test_an_error_that_inflates_is_cut_and_told_by_its_status() -> None:
    bomb = zipped(429, BLANKS * 64)

    async with serving(bomb) as upstream, asking(upstream.url) as adapter:
        for ask in (whole, streamed):
            tracemalloc.start()
            with pytest.raises(RateLimitError, match="429 without a reason"):
                await ask(adapter)
            assert tracemalloc.get_traced_memory()[1] < 16 * MIB
            tracemalloc.stop()


async def test_an_error_without_end_is_cut_while_it_is_being_sent() -> None:
    endless: Answer = [head(400, "application/json"), BLANKS, BLANKS, HANG]

    async with serving(endless) as upstream, asking(upstream.url) as adapter:
        with pytest.raises(InvalidRequestError, match="400 without a reason"):
            await whole(adapter)


async def test_what_a_compressed_error_says_is_told() -> None:
    error = zipped(400, json.dumps({"error": {"message": "said so"}}).encode())

    async with serving(error) as upstream, asking(upstream.url) as adapter:
        with pytest.raises(InvalidRequestError, match="said so"):
            await whole(adapter)


async def test_a_byte_order_mark_is_no_part_of_an_answer() -> None:
    error, answer = ({"error": {"message": "said so"}}, completion())
    marked = ["\ufeff" + json.dumps(body) for body in (error, answer)]

    async with (
        serving(response(400, marked[0]), response(200, marked[1])) as upstream,
        asking(upstream.url) as adapter,
    ):
        with pytest.raises(InvalidRequestError, match="said so"):
            await whole(adapter)
        assert (await whole(adapter)).choices[0].message.content == "hello"


async def test_a_list_of_models_without_end_is_refused() -> None:
    async with serving(zipped(200, BLANKS * 17)) as upstream, asking(upstream.url) as adapter:
        with pytest.raises(InvalidProviderResponseError, match="16 MiB for one list of models"):
            await adapter.list_models(RequestContext())


async def test_an_answer_without_end_is_refused() -> None:
    async with serving(zipped(200, BLANKS * 65)) as upstream, asking(upstream.url) as adapter:
        with pytest.raises(InvalidProviderResponseError, match="64 MiB for one answer"):
            await whole(adapter)


@pytest.mark.parametrize("line", [b"data: " + BLANKS, BLANKS, b"data:\n" * 10_000], ids=len)
async def test_an_event_without_end_is_refused(line: bytes) -> None:
    first = frame(chunk("hi"))
    body = first + line * (17 * MIB // len(line) + 1)

    async with (
        serving(zipped(200, body, "text/event-stream")) as upstream,
        asking(upstream.url) as adapter,
    ):
        with pytest.raises(InvalidProviderResponseError, match="16 MiB for one event"):
            await streamed(adapter)


async def test_a_long_answer_and_a_long_stream_are_no_affair_of_the_bounds() -> None:
    text = "a" * 4 * MIB
    long = in_chunk(frame(chunk(text)))
    stream: Answer = [CHUNKED, *[long] * 5, in_chunk(frame(chunk(reason="stop")) + DONE), END]
    plain: Answer = [head(200, "application/json"), json.dumps(completion(text * 5)).encode()]

    async with serving(plain, stream) as upstream, asking(upstream.url) as adapter:
        answer = await whole(adapter)
        chunks = await streamed(adapter)

    assert answer.choices[0].message.content == text * 5
    assert len(chunks) == 6
