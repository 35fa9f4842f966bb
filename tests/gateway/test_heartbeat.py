"""An adapter that blocks the event loop is named."""

import logging
import time
from typing import Any

import httpx2
import pytest

from tests.adapters import PlainAdapter
from tests.contract.test_chat import HELLO
from veneer_gateway.testing import running_gateway
from veneer_protocol import ChatCompletionRequest, RequestContext

BLOCKED = "event loop is blocked"


class Blocking(PlainAdapter):
    def _remember(self, request: ChatCompletionRequest, context: RequestContext) -> None:
        sleep_through_the_secret(context.headers["authorization"])


def sleep_through_the_secret(secret: str) -> None:
    time.sleep(1.6)


def test_who_blocks_the_event_loop_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    body: dict[str, Any] = {"model": "plain/one", "messages": HELLO}

    with caplog.at_level(logging.WARNING), running_gateway(Blocking()) as gateway:
        httpx2.post(
            f"{gateway.url}/v1/chat/completions",
            json=body,
            headers={"authorization": "Bearer hunter2"},
        )

    (blocked,) = (record for record in caplog.records if BLOCKED in record.getMessage())
    stack = vars(blocked)["stack"]
    assert "sleep_through_the_secret" in stack
    assert "test_heartbeat.py" in stack
    assert "hunter2" not in caplog.text
    assert "hunter2" not in stack


def test_one_that_waits_blocks_nobody(caplog: pytest.LogCaptureFixture) -> None:
    with running_gateway(PlainAdapter()) as gateway:
        for _ in range(5):
            httpx2.get(f"{gateway.url}/v1/models")

    assert BLOCKED not in caplog.text
