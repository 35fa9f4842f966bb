"""What an orchestrator is told."""

import httpx2

from tests.adapters import PlainAdapter
from tests.running import running_gateway


class LazyAdapter(PlainAdapter):
    async def startup(self) -> None:
        raise OSError("the password is hunter2")


def test_a_gateway_with_an_adapter_is_alive_and_ready() -> None:
    with running_gateway(PlainAdapter()) as gateway:
        alive = httpx2.get(f"{gateway.url}/healthz")
        ready = httpx2.get(f"{gateway.url}/readyz")

    assert (alive.status_code, alive.json()) == (200, {"status": "alive"})
    assert ready.status_code == 200
    assert ready.json() == {
        "status": "ready",
        "providers": [
            {"name": "plain", "prefix": "plain", "origin": "register()", "failure": None}
        ],
    }


def test_a_gateway_without_adapters_is_alive_and_not_ready() -> None:
    with running_gateway() as gateway:
        alive = httpx2.get(f"{gateway.url}/healthz")
        ready = httpx2.get(f"{gateway.url}/readyz")

    assert (alive.status_code, ready.status_code) == (200, 503)


def test_a_provider_that_failed_is_shown_and_the_rest_are_ready() -> None:
    with running_gateway(LazyAdapter("lazy"), PlainAdapter()) as gateway:
        ready = httpx2.get(f"{gateway.url}/readyz")

    assert ready.status_code == 200
    assert [p["failure"] for p in ready.json()["providers"]] == ["OSError", None]
    assert "hunter2" not in ready.text


def test_a_gateway_on_its_way_out_is_not_ready() -> None:
    with running_gateway(PlainAdapter()) as gateway:
        gateway.app.is_draining = True
        ready = httpx2.get(f"{gateway.url}/readyz")

    assert (ready.status_code, ready.json()["status"]) == (503, "not ready")
