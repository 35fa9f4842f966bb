"""What is ready leaves at once and together, and who reads slowly is nobody else's affair."""

import asyncio
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import httpx2
import pytest

from tests.adapters import PatientAdapter, PlainAdapter
from tests.contract.test_cancellation import SOON, ask, read_until
from tests.contract.test_metrics import post, sample
from veneer_gateway import Settings
from veneer_gateway.testing import RunningGateway, running_gateway
from veneer_protocol import ChatCompletionRequest, RequestContext, TextAdapter


class Saying(TextAdapter):
    """Says what a test has it say."""

    name = "saying"
    models = ("much", "ready", "slowly", "until-a-limit", "waiting")

    def __init__(self) -> None:
        self.may_go_on = threading.Event()
        self.inner: asyncio.Task[None] | None = None
        self.has_said_all = threading.Event()

    async def generate(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[str]:
        match request.model_name:
            case "ready":
                for number in range(100):
                    yield f"{number} "
            case "waiting":
                yield "first "
                while not self.may_go_on.is_set():  # noqa: ASYNC110  Set by another thread.
                    await asyncio.sleep(0.01)
                yield "second "
            case "slowly":
                for _ in range(2):
                    yield "word "
                    await asyncio.sleep(0.1)
            case "much":  # As from an upstream that answers at once, and has a second for it.
                for _ in range(6000):
                    async with asyncio.timeout(1):
                        await asyncio.sleep(0)
                    yield "x" * 1000
            case _:
                while True:
                    yield "x" * 30_000
                    self.inner = asyncio.create_task(asyncio.sleep(0.001))
                    await self.inner
        self.has_said_all.set()


@contextmanager
def saying(**limits: float) -> Iterator[tuple[Saying, RunningGateway]]:
    adapter = Saying()
    settings = Settings(host="127.0.0.1", port=0, drain_seconds=1, **limits)  # type: ignore[arg-type]
    with running_gateway(adapter, settings=settings) as gateway:
        yield adapter, gateway


def read_to_the_end(connection: socket.socket) -> bytes:
    return read_until(connection, b"\r\n0\r\n\r\n")


def test_what_is_ready_together_leaves_together() -> None:
    with saying() as (_, gateway), ask(gateway, "saying/ready", stream=True) as connection:
        received = read_to_the_end(connection)

    # Each write is a piece of the transfer encoding: a line with its length, and a line's end.
    pieces = received.count(b"\r\ndata: ")
    assert received.count(b"data: ") == 102
    assert pieces < 20


def test_what_is_ready_is_never_held_back() -> None:
    with saying() as (adapter, gateway), ask(gateway, "saying/waiting", stream=True) as connection:
        read_until(connection, b"first ")
        adapter.may_go_on.set()
        assert b"second " in read_to_the_end(connection)


def test_a_slow_reader_does_not_use_up_the_adapters_own_time() -> None:
    with saying() as (adapter, gateway), ask(gateway, "saying/much", stream=True) as connection:
        read_until(connection, b"data: ")
        assert not adapter.has_said_all.wait(1.5)  # Longer than the adapter gives its upstream.
        received = read_to_the_end(connection)

    assert b"[DONE]" in received
    assert b'"error"' not in received


def test_a_cut_reaches_what_the_adapter_awaits_also_beside_a_reader_that_stopped() -> None:
    with (
        saying(total_timeout_seconds=1) as (adapter, gateway),
        ask(gateway, "saying/until-a-limit", stream=True) as connection,
    ):
        read_until(connection, b"data: ")
        gateway.wait_for_open_requests(0, 10)
        assert adapter.inner is not None
        assert adapter.inner.done()


def test_one_that_is_cut_and_does_not_read_is_counted_once() -> None:
    with saying(total_timeout_seconds=0.5, max_requests_per_provider=1) as (_, gateway):
        for count in range(1, 4):
            with ask(gateway, "saying/until-a-limit", stream=True) as connection:
                read_until(connection, b"data: ")
                # Twice the time after which an adapter is left behind that does not end.
                gateway.wait_for_open_requests(0, 10)
                time.sleep(2.5)
                assert sample(gateway, "veneer_requests_total", provider="saying") == count
        with ask(gateway, "saying/waiting", stream=True) as connection:
            read_until(connection, b"first ")
            assert (
                httpx2.post(
                    f"{gateway.url}/v1/chat/completions",
                    json={"model": "saying/ready", "messages": [{"role": "user", "content": "x"}]},
                ).status_code
                == 429
            )


def test_no_comment_follows_the_end() -> None:
    with saying(keepalive_seconds=0.1) as (_, gateway):
        for _ in range(8):
            post(gateway, "saying/slowly", stream=True)

        assert sample(gateway, "veneer_requests_total", ended="complete", mode="stream") == 8
        assert sample(gateway, "veneer_requests_total") == 8


@pytest.mark.parametrize(
    "path",
    ["//v1/chat/completions", "/%761/chat/completions", "/v1/chat%2Fcompletions"],
)
def test_however_the_path_is_spelt_it_is_served_and_shed_alike(path: str) -> None:
    settings = Settings(host="127.0.0.1", port=0, drain_seconds=1, max_requests=1)
    body = {"model": "plain/one", "messages": [{"role": "user", "content": "x"}]}

    with running_gateway(PlainAdapter(), PatientAdapter(), settings=settings) as gateway:
        assert httpx2.post(gateway.url + path, json=body).status_code == 200
        with ask(gateway, "patient/one", stream=True):
            gateway.wait_for_open_requests(1, SOON)
            assert httpx2.post(gateway.url + path, json=body).status_code == 503


def test_a_connection_is_kept_for_as_many_requests_as_come() -> None:
    with running_gateway(PlainAdapter()) as gateway:
        head = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
        with socket.create_connection((gateway.host, gateway.port), SOON) as connection:
            for _ in range(1100):
                connection.sendall(head)
                read_until(connection, b'{"status":"alive"}')
