"""The client that takes times, against servers that answer in every odd way."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from benchmarks.client import Connection, Record, RefusedError, Stream
from benchmarks.requests import plain, stream

WITH_LENGTH = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfour"
IN_CHUNKS = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"


@asynccontextmanager
async def answering(*parts: bytes) -> AsyncIterator[int]:
    """Serve `parts` to every request, with pauses between, and hang up after the third."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for _ in range(3):
                await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(len(plain().body))
                for part in parts:
                    writer.write(part)
                    await writer.drain()
                    await asyncio.sleep(0.02)
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize(
    "parts",
    [
        [WITH_LENGTH],
        [WITH_LENGTH[:20], WITH_LENGTH[20:-2], WITH_LENGTH[-2:]],
        [IN_CHUNKS + b"4\r\nfour\r\n" + END],
        [IN_CHUNKS, b"4\r\nfo", b"ur\r\n0\r", b"\n\r\n"],
    ],
)
async def test_an_answer_ends_where_it_ends_and_the_connection_is_kept(parts: list[bytes]) -> None:
    async with answering(*parts) as port, asyncio.timeout(10):
        connection = await Connection.open(port)
        seen = [await connection.exchange(plain().raw) for _ in range(3)]
        connection.close()

    assert all(0 < times.first_event_ns <= times.whole_ns for times in seen)


async def test_the_head_of_a_stream_is_not_its_first_event() -> None:
    async with answering(IN_CHUNKS, b"4\r\nfour\r\n" + END) as port, asyncio.timeout(10):
        connection = await Connection.open(port)
        times = await connection.exchange(plain().raw)
        connection.close()

    assert times.first_event_ns > 0.015 * 1e9


async def test_a_refusal_is_told() -> None:
    async with answering(b"HTTP/1.1 503 No\r\ncontent-length: 2\r\n\r\nno") as port:
        connection = await Connection.open(port)
        with pytest.raises(RefusedError, match="503"):
            await connection.exchange(plain().raw)
        connection.close()


async def test_each_stamp_is_noted_once_also_where_it_comes_in_two_parts() -> None:
    now = time.monotonic_ns()
    event = f'data: {{"content":"{now} {now + 1} "}}\n\n'.encode()
    record = Record(is_open=True)
    async with answering(IN_CHUNKS + event, event[:25], event[25:] + event) as port:
        opened = await Stream.open(port, 3 * plain().raw, record)
        async with asyncio.timeout(10):
            await opened.ended.wait()

    assert len(record.first_ns) == 1
    assert len(record.added_ns) == 9
    assert all(
        delay == added + 1 for delay, added in zip(record.delays_ns, record.added_ns, strict=True)
    )
    assert record.broken == 1  # It was not we who hung up.


def test_a_stream_asks_for_one() -> None:
    assert b'"stream": true' in stream().raw
    assert f"content-length: {len(stream().body)}".encode() in stream().raw
