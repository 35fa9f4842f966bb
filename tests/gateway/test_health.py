"""What an orchestrator is told."""

import asyncio
from collections.abc import Sequence

import httpx2
from openai.types import Model

from tests.adapters import PlainAdapter
from veneer_gateway.testing import running_gateway
from veneer_protocol import RequestContext


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


def test_adapters_start_together_before_the_first_request_and_stop_after_the_last() -> None:
    meeting = asyncio.Barrier(2)
    events: list[str] = []

    class Counted(PlainAdapter):
        async def startup(self) -> None:
            await meeting.wait()
            events.append("start")

        async def shutdown(self) -> None:
            await meeting.wait()
            events.append("stop")

        async def list_models(self, context: RequestContext) -> Sequence[Model]:
            events.append("asked")
            return []

    with running_gateway(Counted("a"), Counted("b")) as gateway:
        httpx2.get(f"{gateway.url}/v1/models")

    assert events == ["start"] * 2 + ["asked"] * 2 + ["stop"] * 2


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
        gateway.app.in_flight.is_draining = True
        ready = httpx2.get(f"{gateway.url}/readyz")

    assert (ready.status_code, ready.json()["status"]) == (503, "not ready")
