"""One request as a server hands it over, and what comes of it where its client does not wait."""

import asyncio
import json
import logging
from typing import Any

import pytest

from tests.adapters import PatientAdapter
from tests.gateway.test_leftovers import BriefAdapter
from veneer_gateway import Registry, Settings, create_app
from veneer_gateway.app import Gateway
from veneer_protocol import ProviderAdapter

LEAVES: Any = {"type": "http.disconnect"}


def app_of(adapter: ProviderAdapter, **settings: float) -> Gateway:
    registry = Registry()
    registry.register(adapter)
    return create_app(Settings.model_validate(settings), registry)


async def serve(
    app: Gateway,
    model: str,
    *messages: Any,
    stream: bool = False,
    media_type: bytes = b"application/json",
    blocks: bool = False,
) -> list[Any]:
    """Hand `app` a request, and then what its server would tell of its client, if anything.

    A connection that `blocks` does not take what is sent first.
    """
    given = {"model": model, "messages": [{"role": "user", "content": "Hi"}], "stream": stream}
    body = json.dumps(given).encode()
    scope: Any = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": "/v1/chat/completions",
        "raw_path": b"/v1/chat/completions",
        "query_string": b"",
        "root_path": "",
        "headers": [(b"content-type", media_type)],
    }
    incoming = [{"type": "http.request", "body": body, "more_body": False}, *messages]
    sent: list[Any] = []

    async def receive() -> Any:
        if not incoming:
            await asyncio.Event().wait()
        return incoming.pop(0)

    async def send(message: Any) -> None:
        nonlocal blocks
        if blocks:
            blocks = False
            await asyncio.Event().wait()
        sent.append(message)

    await app(scope, receive, send)
    return sent


async def test_nobody_looks_out_for_a_client_that_has_its_answer() -> None:
    sent = await serve(app_of(BriefAdapter()), "brief/later")
    await asyncio.sleep(0)

    assert sent[0]["status"] == 200
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_request_ends_quietly_when_its_client_leaves() -> None:
    app = app_of(PatientAdapter())

    assert await serve(app, "patient/one", LEAVES) == []
    assert len(app.in_flight) == 0


async def test_one_that_the_server_cancels_is_cancelled() -> None:
    adapter = PatientAdapter()
    app = app_of(adapter)
    task = asyncio.create_task(serve(app, "patient/one"))
    assert await asyncio.to_thread(adapter.is_waiting.wait, 5)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(app.in_flight) == 0


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
async def test_one_whose_answer_could_not_begin_in_time_is_told_so(
    caplog: pytest.LogCaptureFixture, *, stream: bool
) -> None:
    caplog.set_level(logging.INFO)
    app = app_of(BriefAdapter(), total_timeout_seconds=0.05)

    start, body = await serve(app, "brief/at-once", stream=stream, blocks=True)

    assert start["status"] == 504
    assert dict(start["headers"])[b"content-type"] == b"application/json"
    assert json.loads(body["body"])["error"]["code"] == "total_timeout"
    assert caplog.records[-1].__dict__["ended"] == "complete"


async def test_one_that_is_refused_on_the_way_out_is_told_once_that_its_connection_ends() -> None:
    app = app_of(BriefAdapter())
    app.in_flight.is_draining = True

    start, _ = await serve(app, "brief/at-once", media_type=b"text/plain")

    assert start["status"] == 415
    assert start["headers"].count((b"connection", b"close")) == 1
