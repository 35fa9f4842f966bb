"""What is said without end: to readers who are slow, to none at all, and to nobody any more."""

import time
from contextlib import ExitStack, closing

import psutil
import pytest

import veneer_gateway.servers.listener
from tests.adapters import TirelessAdapter
from tests.contract.test_cancellation import ask, leave, read_until
from tests.faults.process import GatewayProcess, Holdings, is_no_more, process
from tests.faults.test_clients import answers_quickly, connect, streaming
from tests.faults.wire import BODY, POST
from veneer_gateway import Settings
from veneer_gateway.testing import running_gateway

READERS = 30
MIB_FOR_ALL = 24
"""Of which a reader has its share of the buffers of asyncio, and no more."""


def test_memory_is_bounded_however_many_do_not_read() -> None:
    with process() as gateway, ExitStack() as connections:
        before = gateway.holdings()
        for _ in range(READERS):
            connections.enter_context(closing(connect(gateway, streaming(b"tireless/one"))))
        gateway.wait_for_open_requests(READERS)
        # Had it no bound it would grow by a hundred MiB in every second.
        at_first = levelled(gateway)
        later = still_answers(gateway).holdings()
        connections.close()
        after = gateway.settle(before)

    assert later.memory_mib - before.memory_mib < MIB_FOR_ALL
    assert later.memory_mib - at_first.memory_mib < 4
    assert is_no_more(after, before), f"{before}\n{after}"


def still_answers(gateway: GatewayProcess) -> GatewayProcess:
    """Give it after some more answers, in the time for which buffers fill."""
    for _ in range(10):
        assert answers_quickly(gateway)
    return gateway


def levelled(gateway: GatewayProcess) -> Holdings:
    """Give what it holds once it holds no more than a moment ago; buffers take a while to fill."""
    last = gateway.holdings()
    for _ in range(30):
        now = still_answers(gateway).holdings()
        if now.memory_mib - last.memory_mib < 0.25:
            return now
        last = now
    pytest.fail(f"it grows and grows: {last}")


def test_memory_is_bounded_for_one_who_reads_slowly() -> None:
    with process() as gateway:
        before = gateway.holdings()
        with closing(connect(gateway, streaming(b"tireless/one"))) as connection:
            for _ in range(200):
                assert connection.recv(4096)
                time.sleep(0.01)
            during = gateway.holdings()

    assert during.memory_mib - before.memory_mib < MIB_FOR_ALL


@pytest.mark.parametrize("model", [b"tireless/one", b"endless/one", b"mute/one"])
@pytest.mark.parametrize("stream", [False, True])
def test_an_adapter_that_never_waits_ends_with_its_client_and_spins_no_more(
    attacked: GatewayProcess, model: bytes, stream: bool
) -> None:
    if model == b"tireless/one" and not stream:
        model = b"endless/two"  # The other answers by a method of its own.
    body = BODY.replace(b"plain/one", model)
    plain = POST + b"content-length: %d\r\n\r\n" % len(body) + body
    before = attacked.holdings()

    connection = connect(attacked, streaming(model) if stream else plain)
    attacked.wait_for_open_requests(1)
    assert answers_quickly(attacked)
    leave(connection, abruptly=True)
    after = attacked.settle(before)
    attacked.ask("plain/one")
    idle = attacked.holdings()

    assert after.requests == 0
    assert after.memory_mib - before.memory_mib < 64
    # What it takes to count: the spin would take all there is.
    assert idle.seconds - after.seconds < 1


def test_sigterm_is_heard_where_an_adapter_never_waits() -> None:
    with (
        process(VENEER_DRAIN_SECONDS="0") as gateway,
        closing(connect(gateway, streaming(b"mute/one"))),
    ):
        gateway.wait_for_open_requests(1)

        assert gateway.stop() == 0


def test_a_connection_that_is_never_read_is_given_back_some_time_after_its_request(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(veneer_gateway.servers.listener, "_MOST_SECONDS_UNREAD", 2)
    settings = Settings(host="127.0.0.1", port=0, drain_seconds=1, total_timeout_seconds=1)

    with (
        running_gateway(TirelessAdapter(), settings=settings) as gateway,
        ask(gateway, "tireless/one", stream=True) as connection,
    ):
        read_until(connection, b"word ")
        assert sockets_of(gateway.port)

        gateway.wait_for_open_requests(0)
        deadline = time.monotonic() + 15
        while sockets_of(gateway.port):
            assert time.monotonic() < deadline, "the connection is still held"
            time.sleep(0.1)


def sockets_of(port: int) -> list[str]:
    """Give the state of the connections that a gateway in this process holds."""
    return [
        each.status
        for each in psutil.Process().net_connections("tcp")
        if each.laddr.port == port and each.raddr
    ]
