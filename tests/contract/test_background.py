"""An adapter that finishes what it has begun, though its client has left."""

import asyncio
import threading
from collections.abc import AsyncIterator

import httpx2
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.adapters import PlainAdapter, TirelessAdapter
from tests.contract.test_cancellation import SOON, ask, leave, read_until
from tests.contract.test_chat import HELLO
from veneer_gateway import Settings
from veneer_gateway.testing import running_gateway
from veneer_protocol import ChatCompletionRequest, RateLimitError, Reply, RequestContext


class DutifulAdapter(PlainAdapter):
    """Says a word, waits to be told, says another, and notes how it ended."""

    finishes_in_background = True

    def __init__(self, *, chunks_before: int = 0, failure: BaseException | None = None) -> None:
        super().__init__("dutiful")
        self.chunks_before = chunks_before
        self.failure = failure
        self.is_waiting = threading.Event()
        self.may_go_on = threading.Event()
        self.ended = threading.Event()
        self.was_cancelled = False

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        await self._wait()
        return Reply(model=request.model).completion("done")

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        reply = Reply(model=request.model)
        for _ in range(self.chunks_before):
            yield reply.chunk("word ")
        await self._wait()
        for _ in range(100):
            yield reply.chunk("more ")
        yield reply.last_chunk()

    async def _wait(self) -> None:
        self.is_waiting.set()
        try:
            while not self.may_go_on.is_set():  # noqa: ASYNC110  Set by another thread.
                await asyncio.sleep(0.01)
            if self.failure is not None:
                raise self.failure
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        finally:
            self.ended.set()


WINDOWS = pytest.mark.parametrize(
    ("stream", "chunks_before"),
    [(False, 0), (True, 0), (True, 3)],
    ids=["plain request", "before the first chunk", "mid-stream"],
)


@WINDOWS
def test_it_goes_on_to_its_end_when_the_client_leaves(stream: bool, chunks_before: int) -> None:
    adapter = DutifulAdapter(chunks_before=chunks_before)

    with running_gateway(adapter) as gateway:
        connection = ask(gateway, "dutiful/one", stream=stream)
        assert adapter.is_waiting.wait(SOON)
        if chunks_before:
            read_until(connection, b"word ")
        leave(connection, abruptly=True)
        gateway.wait_for_open_requests(1)  # The work is there, the request is not.
        adapter.may_go_on.set()
        gateway.wait_for_open_requests(0)

    assert adapter.ended.is_set()
    assert not adapter.was_cancelled


@WINDOWS
def test_a_client_that_stays_gets_the_whole_answer(stream: bool, chunks_before: int) -> None:
    adapter = DutifulAdapter(chunks_before=chunks_before)
    adapter.may_go_on.set()

    with running_gateway(adapter) as gateway:
        response = httpx2.post(
            f"{gateway.url}/v1/chat/completions",
            json={"model": "dutiful/one", "messages": HELLO, "stream": stream},
        )

    if stream:
        assert response.text.count('"content":"word "') == chunks_before
        assert response.text.count('"content":"more "') == 100
        assert response.text.endswith("data: [DONE]\n\n")
    else:
        assert response.json()["choices"][0]["message"]["content"] == "done"


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (RateLimitError("no"), 429),
        (RuntimeError("hunter2"), 500),
        (asyncio.CancelledError(), 500),
        (SystemExit("hunter2"), 500),
    ],
    ids=["known", "unknown", "cancels itself", "ends the process"],
)
@pytest.mark.parametrize("stream", [False, True])
def test_its_failure_reaches_a_client_that_stays(
    failure: BaseException, status: int, stream: bool
) -> None:
    adapter = DutifulAdapter(failure=failure)
    adapter.may_go_on.set()

    with running_gateway(adapter) as gateway:
        response = httpx2.post(
            f"{gateway.url}/v1/chat/completions",
            json={"model": "dutiful/one", "messages": HELLO, "stream": stream},
        )

    assert response.status_code == status
    assert "hunter2" not in response.text


@WINDOWS
def test_its_failure_is_logged_when_the_client_has_left(
    stream: bool, chunks_before: int, caplog: pytest.LogCaptureFixture
) -> None:
    adapter = DutifulAdapter(chunks_before=chunks_before, failure=RuntimeError("boom"))

    with running_gateway(adapter) as gateway:
        connection = ask(gateway, "dutiful/one", stream=stream)
        assert adapter.is_waiting.wait(SOON)
        if chunks_before:
            read_until(connection, b"word ")
        leave(connection, abruptly=True)
        gateway.wait_for_open_requests(1)
        adapter.may_go_on.set()
        gateway.wait_for_open_requests(0)

    assert "adapter failed in the background" in caplog.text


@WINDOWS
def test_the_process_waits_for_it_and_then_ends_it(stream: bool, chunks_before: int) -> None:
    adapter = DutifulAdapter(chunks_before=chunks_before)

    with running_gateway(adapter) as gateway:
        connection = ask(gateway, "dutiful/one", stream=stream)
        assert adapter.is_waiting.wait(SOON)
        leave(connection, abruptly=True)
        gateway.wait_for_open_requests(1)

    assert adapter.was_cancelled


@WINDOWS
def test_it_takes_no_longer_than_any_request(
    stream: bool, chunks_before: int, caplog: pytest.LogCaptureFixture
) -> None:
    adapter = DutifulAdapter(chunks_before=chunks_before)
    settings = Settings(host="127.0.0.1", port=0, drain_seconds=1, total_timeout_seconds=1)

    with running_gateway(adapter, settings=settings) as gateway:
        connection = ask(gateway, "dutiful/one", stream=stream)
        assert adapter.is_waiting.wait(SOON)
        leave(connection, abruptly=True)
        gateway.wait_for_open_requests(0)

    assert adapter.was_cancelled
    assert "adapter failed in the background" in caplog.text


@pytest.mark.parametrize("leaves", [False, True])
def test_it_says_no_more_than_any_answer(leaves: bool) -> None:
    class Tireless(TirelessAdapter):
        finishes_in_background = True

    adapter = Tireless()
    settings = Settings(host="127.0.0.1", port=0, drain_seconds=1, max_answer_bytes=5_000_000)

    with running_gateway(adapter, settings=settings) as gateway:
        connection = ask(gateway, "tireless/one", stream=True)
        if leaves:
            read_until(connection, b"word ")
            leave(connection, abruptly=True)
        else:
            read_until(connection, b"answer_too_long")
            connection.close()

        assert adapter.was_closed.wait(SOON)
        gateway.wait_for_open_requests(0)


def test_what_is_no_chunk_is_not_taken_for_the_end() -> None:
    class Odd(DutifulAdapter):
        async def stream_chat_completion(
            self, request: ChatCompletionRequest, context: RequestContext
        ) -> AsyncIterator[ChatCompletionChunk]:
            yield Reply(model=request.model).last_chunk()
            yield None  # type: ignore[misc]  # That is the test.

    with running_gateway(Odd()) as gateway:
        body = {"model": "dutiful/one", "messages": HELLO, "stream": True}
        answer = httpx2.post(f"{gateway.url}/v1/chat/completions", json=body)

    assert '"code":"invalid_provider_response"' in answer.text
    assert "[DONE]" not in answer.text
