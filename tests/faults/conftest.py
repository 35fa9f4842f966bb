"""One gateway for all onslaughts of a module; each leaves it as it was."""

from collections.abc import Iterator

import pytest

from tests.faults.process import MIB, GatewayProcess, Holdings, is_no_more, process


@pytest.fixture(scope="module")
def shared() -> Iterator[tuple[GatewayProcess, Holdings]]:
    """The gateway of a module, with what it held at first."""
    limits = {
        "VENEER_BODY_TIMEOUT_SECONDS": "2",
        "VENEER_MAX_BODY_BYTES": str(MIB),
        "VENEER_MAX_HEADER_BYTES": str(32 * 1024),
    }
    with process(**limits) as gateway:
        yield gateway, gateway.holdings()


@pytest.fixture
def attacked(shared: tuple[GatewayProcess, Holdings]) -> Iterator[GatewayProcess]:
    """That gateway, which must serve on, hold nothing more and have failed at nothing."""
    gateway, at_first = shared
    gateway.log.clear()
    yield gateway
    assert gateway.ask("plain/one").status_code == 200
    after = gateway.settle(at_first)
    assert is_no_more(after, at_first), f"{at_first}\n{after}"
    assert [line for line in gateway.log if line["level"] in {"error", "critical"}] == []
    assert [line for line in gateway.log if line.get("status") == 500] == []
