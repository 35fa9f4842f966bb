"""Clients that leave, and clients that never come to the point."""

import asyncio
import socket
import time
from contextlib import ExitStack, closing

import pytest

from tests.contract.test_cancellation import SOON, leave
from tests.faults.load import soak
from tests.faults.process import GatewayProcess, is_no_more, process
from tests.faults.wire import BODY, GET, LENGTH, POST
from tests.servers import by_server

MANY = 200


def connect(gateway: GatewayProcess, *pieces: bytes) -> socket.socket:
    connection = socket.create_connection((gateway.host, gateway.port), timeout=10)
    for piece in pieces:
        connection.sendall(piece)
    return connection


def asking(model: bytes, more: bytes = b"") -> bytes:
    body = BODY.replace(b"plain/one", model).replace(b"{", b"{" + more, 1)
    return POST + b"content-length: %d\r\n\r\n" % len(body) + body


def streaming(model: bytes) -> bytes:
    return asking(model, b'"stream":true,')


def answers_quickly(gateway: GatewayProcess) -> bool:
    began = time.monotonic()
    status = gateway.ask("plain/one").status_code
    return status == 200 and time.monotonic() - began < SOON


def test_of_clients_that_leave_at_random_points_nothing_is_left() -> None:
    report = soak(800)
    print(report)

    assert report.is_good, str(report)


def test_an_idle_connection_ends_when_its_client_closes_it(attacked: GatewayProcess) -> None:
    before = attacked.holdings()

    with ExitStack() as connections:
        for _ in range(MANY):
            connections.enter_context(closing(connect(attacked, GET + b"\r\n"))).recv(1)
    began = time.monotonic()
    after = attacked.settle(before)

    assert after.sockets <= before.sockets
    assert time.monotonic() - began < 4  # Sooner than by the keep-alive timeout.


def test_hundreds_that_say_nothing_or_little_are_closed_in_seconds(
    attacked: GatewayProcess,
) -> None:
    beginnings = [b"", b"GET", b"PRI * HTTP/2.0\r\n\r", GET, GET + b"x: y"]

    with ExitStack() as connections:
        open_ = [
            connections.enter_context(closing(connect(attacked, beginnings[n % len(beginnings)])))
            for n in range(MANY)
        ]
        assert answers_quickly(attacked)
        for number, connection in enumerate(open_):
            is_http2 = beginnings[number % len(beginnings)].startswith(b"PRI")
            # On uvicorn HTTP/2 is refused by its first line, on Hypercorn by all of its preface.
            told = by_server(hypercorn=b"", uvicorn=b"H" if is_http2 else b"")
            assert connection.recv(1) == told


async def drip(gateway: GatewayProcess, at_once: bytes, slowly: bytes) -> bytes:
    """Send a byte from time to time, and give what comes back."""
    reader, writer = await asyncio.open_connection(gateway.host, gateway.port)
    writer.write(at_once)

    async def send() -> None:
        for byte in slowly:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.2)

    sending = asyncio.create_task(send())
    try:
        return await reader.read()
    finally:
        sending.cancel()
        writer.close()


async def test_those_who_send_byte_by_byte_are_closed_in_seconds(attacked: GatewayProcess) -> None:
    async with asyncio.timeout(15), asyncio.TaskGroup() as tasks:
        heads = [tasks.create_task(drip(attacked, b"", GET)) for _ in range(MANY // 4)]
        head = POST + LENGTH + b"\r\n"
        bodies = [tasks.create_task(drip(attacked, head, BODY)) for _ in range(MANY // 4)]
        assert await asyncio.to_thread(answers_quickly, attacked)

    assert {head.result() for head in heads} == {b""}
    assert {body.result()[:12] for body in bodies} == {b"HTTP/1.1 408"}


def test_those_who_pipeline_and_leave_leave_nothing_behind(attacked: GatewayProcess) -> None:
    for number in range(MANY // 4):
        connection = connect(attacked, streaming(b"busy/one") * 20)
        connection.recv(1 + number * 100)
        leave(connection, abruptly=number % 2 == 0)

    assert answers_quickly(attacked)


def test_one_who_pipelines_without_reading_is_not_read_without_end(
    attacked: GatewayProcess,
) -> None:
    before = attacked.holdings()

    with closing(connect(attacked, streaming(b"tireless/one"))) as connection:
        connection.settimeout(2)
        with pytest.raises(TimeoutError):
            connection.sendall((GET + b"\r\n") * 1_000_000)

        assert answers_quickly(attacked)
        assert attacked.holdings().memory_mib - before.memory_mib < 16


@pytest.mark.parametrize("abruptly", [False, True], ids=["fin", "rst"])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize(
    "rest",
    [b"\r\n", GET, GET + b"\r\n", (GET + b"\r\n") * 500],
    ids=["a line end", "half a request", "a request", "many requests"],
)
def test_one_who_sends_more_than_his_request_and_leaves_is_noticed(
    attacked: GatewayProcess, rest: bytes, stream: bool, abruptly: bool
) -> None:
    before = attacked.holdings()
    request = streaming(b"patient/one") if stream else asking(b"patient/one")
    connections = [connect(attacked, request, rest) for _ in range(3)]
    attacked.wait_for_open_requests(3)

    for connection in connections:
        leave(connection, abruptly=abruptly)

    assert is_no_more(after := attacked.settle(before), before), f"{before}\n{after}"


def test_what_one_sends_behind_his_request_is_read_after_the_answer(
    attacked: GatewayProcess,
) -> None:
    with closing(connect(attacked, asking(b"busy/one"))) as connection:
        time.sleep(0.01)
        connection.sendall(asking(b"plain/one") + GET)
        time.sleep(0.1)
        connection.sendall(b"connection: close\r\n\r\n")
        answers = b"".join(iter(lambda: connection.recv(65536), b""))

    assert answers.count(b"HTTP/1.1 200") == 3
    places = [answers.index(said) for said in (b"word ", b"hello", b'"model","owned_by"')]
    assert places == sorted(places)


def test_more_connections_are_taken_than_the_usual_limit_of_descriptors() -> None:
    with (
        process("bash", "-c", 'ulimit -Sn 64; exec "$0" "$@"') as gateway,
        ExitStack() as connections,
    ):
        for _ in range(100):
            connections.enter_context(closing(connect(gateway)))

        assert answers_quickly(gateway)
