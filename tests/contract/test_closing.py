"""When the upstream of an answer is let go, and who waits for that."""

import asyncio
import time
from collections.abc import AsyncIterator

import httpx2
from openai.types.chat import ChatCompletionChunk

from tests.adapters import ScriptedAdapter
from tests.contract.test_chat import HELLO
from veneer_gateway.testing import running_gateway
from veneer_protocol import ChatCompletionRequest, Reply, RequestContext

CLOSING_SECONDS = 0.6
ASK = {"model": "scripted/x", "messages": HELLO, "stream": True}


class SlowToClose(ScriptedAdapter):
    """Takes its time to let its upstream go."""

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        try:
            for step in self.script:
                yield step  # type: ignore[misc]
        finally:
            await asyncio.sleep(CLOSING_SECONDS)
            self.closed.set()


def test_what_was_said_before_the_break_does_not_wait_for_the_upstream_to_be_closed() -> None:
    came_at = []
    adapter = SlowToClose(Reply(model="scripted/x").chunk("hi"), "rubbish")

    with (
        running_gateway(adapter) as gateway,
        httpx2.stream("POST", f"{gateway.url}/v1/chat/completions", json=ASK) as response,
    ):
        for line in response.iter_lines():
            if line:
                came_at.append(time.monotonic())

    said, broke = came_at
    assert broke - said > CLOSING_SECONDS / 2


def test_the_upstream_is_closed_before_an_error_leaves() -> None:
    adapter = SlowToClose("rubbish")

    with running_gateway(adapter) as gateway:
        response = httpx2.post(f"{gateway.url}/v1/chat/completions", json=ASK)
        is_closed = adapter.closed.is_set()

    assert response.status_code == 502
    assert is_closed
