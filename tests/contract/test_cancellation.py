"""The client leaves, and the adapter is let go: in three windows, and in the gaps between them."""

import asyncio
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import suppress

import httpx2
import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionChunk

from tests.adapters import PatientAdapter, TirelessAdapter
from tests.contract.test_chat import HELLO
from veneer_gateway.testing import RunningGateway, running_gateway
from veneer_protocol import ChatCompletionRequest, Reply, RequestContext

SOON = 5
"""Seconds: an upper bound that only a failure reaches."""


def ask(gateway: RunningGateway, model: str, *, stream: bool) -> socket.socket:
    """Send a request on a raw connection, as curl would."""
    body = json.dumps({"model": model, "messages": HELLO, "stream": stream}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: {gateway.host}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    connection = socket.create_connection((gateway.host, gateway.port), timeout=SOON)
    connection.sendall(head.encode() + body)
    return connection


def read_until(connection: socket.socket, wanted: bytes) -> bytes:
    received = b""
    while wanted not in received:
        piece = connection.recv(65536)
        assert piece, received
        received += piece
    return received


def leave(connection: socket.socket, *, abruptly: bool) -> None:
    if abruptly:  # RST instead of FIN
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.mark.parametrize("abruptly", [False, True], ids=["fin", "rst"])
@pytest.mark.parametrize(
    ("stream", "chunks_before"),
    [(False, 0), (True, 0), (True, 3)],
    ids=["plain request", "before the first chunk", "mid-stream"],
)
def test_the_adapter_is_cancelled_when_the_client_leaves(
    stream: bool, chunks_before: int, abruptly: bool
) -> None:
    adapter = PatientAdapter(chunks_before)

    with running_gateway(adapter) as gateway:
        connection = ask(gateway, "patient/one", stream=stream)
        assert adapter.is_waiting.wait(SOON)
        if chunks_before:
            read_until(connection, b"word ")
        leave(connection, abruptly=abruptly)

        assert adapter.was_cancelled.wait(SOON)
        assert httpx2.get(f"{gateway.url}/healthz").status_code == 200
        gateway.wait_for_open_requests(0)


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_that_leaves_as_soon_as_it_has_asked_leaves_nothing_behind(stream: bool) -> None:
    with running_gateway(PatientAdapter()) as gateway:
        for _ in range(20):
            leave(ask(gateway, "patient/one", stream=stream), abruptly=False)
        assert httpx2.get(f"{gateway.url}/healthz").status_code == 200

        gateway.wait_for_open_requests(0)


def test_an_adapter_that_swallows_its_cancellation_is_stopped_at_its_next_chunk() -> None:
    class Stubborn(PatientAdapter):
        async def stream_chat_completion(
            self, request: ChatCompletionRequest, context: RequestContext
        ) -> AsyncIterator[ChatCompletionChunk]:
            reply = Reply(model=request.model)
            yield reply.chunk("word ")
            with suppress(asyncio.CancelledError):
                await self._wait()
            while True:
                await asyncio.sleep(0.01)
                yield reply.chunk("more ")

    adapter = Stubborn()

    with running_gateway(adapter) as gateway:
        connection = ask(gateway, "patient/one", stream=True)
        read_until(connection, b"word ")
        assert adapter.is_waiting.wait(SOON)
        leave(connection, abruptly=False)

        gateway.wait_for_open_requests(0)


def test_an_adapter_with_a_task_group_across_its_chunks_is_closed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Grouped(PatientAdapter):
        async def stream_chat_completion(
            self, request: ChatCompletionRequest, context: RequestContext
        ) -> AsyncIterator[ChatCompletionChunk]:
            reply = Reply(model=request.model)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._wait())
                yield reply.chunk("word ")
                await asyncio.sleep(0)
                yield reply.chunk("\ud800")

    adapter = Grouped()

    with running_gateway(adapter) as gateway:
        response = httpx2.post(
            f"{gateway.url}/v1/chat/completions",
            json={"model": "patient/one", "messages": HELLO, "stream": True},
        )

    assert response.text.endswith('"code":"invalid_provider_response"}}\n\n')
    assert adapter.was_cancelled.is_set()
    assert "did not close cleanly" in caplog.text


@pytest.mark.parametrize("stream", [False, True])
async def test_the_official_client_that_gives_up_cancels_the_adapter(stream: bool) -> None:
    adapter = PatientAdapter()

    with running_gateway(adapter) as gateway:
        async with AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="k") as client:
            asking = asyncio.create_task(
                client.chat.completions.create(model="patient/one", messages=HELLO, stream=stream)
            )
            assert await asyncio.to_thread(adapter.is_waiting.wait, SOON)
            asking.cancel()

            assert await asyncio.to_thread(adapter.was_cancelled.wait, SOON)


async def test_the_official_client_that_closes_a_stream_cancels_the_adapter() -> None:
    adapter = PatientAdapter(chunks_before=1)

    with running_gateway(adapter) as gateway:
        async with AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="k") as client:
            stream = await client.chat.completions.create(
                model="patient/one", messages=HELLO, stream=True
            )
            await anext(aiter(stream))
            await stream.close()

            assert await asyncio.to_thread(adapter.was_cancelled.wait, SOON)


def test_one_that_leaves_does_not_disturb_another() -> None:
    adapter = PatientAdapter(chunks_before=1)

    with running_gateway(adapter) as gateway:
        staying = ask(gateway, "patient/one", stream=True)
        leaving = ask(gateway, "patient/one", stream=True)
        read_until(staying, b"word ")
        read_until(leaving, b"word ")
        leave(leaving, abruptly=False)
        assert adapter.was_cancelled.wait(SOON)

        gateway.wait_for_open_requests(1)
        leave(staying, abruptly=False)


def test_a_stream_that_is_always_ready_ends_when_its_client_leaves() -> None:
    adapter = TirelessAdapter()

    with running_gateway(adapter) as gateway:
        connection = ask(gateway, "tireless/one", stream=True)
        read_until(connection, b"word ")
        leave(connection, abruptly=True)

        assert adapter.was_closed.wait(SOON)
        assert httpx2.get(f"{gateway.url}/healthz").status_code == 200


def test_a_reader_who_stops_reading_and_leaves_lets_the_adapter_go() -> None:
    adapter = TirelessAdapter()

    with running_gateway(adapter) as gateway:
        connection = ask(gateway, "tireless/one", stream=True)
        # The other side's buffers fill; a second client is served meanwhile.
        assert httpx2.get(f"{gateway.url}/healthz").status_code == 200
        assert not adapter.was_closed.is_set()
        leave(connection, abruptly=True)

        assert adapter.was_closed.wait(SOON)
