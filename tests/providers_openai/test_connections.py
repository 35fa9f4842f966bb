"""The connections to an upstream: kept, left, awaited in vain, or never made."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.providers_openai.upstreams import (
    CHUNKED,
    DONE,
    END,
    HANG,
    HEL,
    LO,
    SOON,
    Answer,
    asked,
    asking,
    completion,
    in_chunk,
    response,
    serving,
    streamed,
    whole,
)
from veneer_protocol import ApiError, RequestContext
from veneer_providers_openai import OpenAIAdapter, SettingsError, Upstream


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


@pytest.mark.parametrize("name", ["nowhere.pem", "empty.pem"])
async def test_certificates_that_cannot_be_read_are_told_with_their_variable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    (tmp_path / "empty.pem").touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / name))

    with pytest.raises(SettingsError, match=r"of SSL_CERT_FILE, .* cannot be read"):
        await OpenAIAdapter(Upstream(name="up", base_url="https://up.test/v1")).startup()
