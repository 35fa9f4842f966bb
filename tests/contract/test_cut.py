"""A request that is cut: what its client and the log are told, whatever its adapter makes of it."""

import asyncio
import io
import json
import logging
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import httpx2
import pytest
from openai.types import Model

from tests.contract.test_cancellation import SOON, ask, leave, read_until
from tests.contract.test_chat import HELLO
from veneer_gateway import Settings
from veneer_gateway.logs import configure_logging
from veneer_gateway.testing import RunningGateway, running_gateway
from veneer_protocol import ChatCompletionRequest, RequestContext, TextAdapter, UpstreamError

GOES_ON_SECONDS = 0.5
LONG_ANSWER = 30_000_000
LONGER_THAN_A_LAST_WORD_SECONDS = 1.8


class WordyAdapter(TextAdapter):
    """Says a word, waits to be cancelled, and then does what its model is called."""

    name = "wordy"
    models = ("falls-silent", "says-more", "fails", "fails-as-an-upstream", "goes-on", "long")

    async def generate(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[str]:
        if request.model_name == "long":
            yield "x" * LONG_ANSWER
            return
        yield "word "
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if request.model_name == "says-more":
                yield "more "
            elif request.model_name == "fails":
                raise ValueError("hunter2") from None
            elif request.model_name == "fails-as-an-upstream":
                raise UpstreamError("It broke.") from None
            elif request.model_name == "goes-on":
                await asyncio.sleep(GOES_ON_SECONDS)
                raise


class HastyAdapter(TextAdapter):
    """Cancels the task in which it is called."""

    name = "hasty"
    models = ("one",)

    async def generate(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[str]:
        yield "word "
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)


class DutifulHastyAdapter(HastyAdapter):
    """Does so in the background."""

    name = "dutiful-hasty"
    finishes_in_background = True


CUT = pytest.mark.parametrize("model", WordyAdapter.models[:-1])
STREAM = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])


@pytest.fixture
def lines() -> Iterator["Lines"]:
    """The log, as it is written."""
    root = logging.getLogger()
    before = root.handlers, root.level
    log = Lines()
    configure_logging("info", log)
    yield log
    root.handlers, root.level = before


class Lines(io.StringIO):
    """The log, line by line."""

    def of(self, request_id: str) -> list[dict[str, Any]]:
        told = map(json.loads, self.getvalue().splitlines())
        return [line for line in told if line.get("request_id") == request_id]


@contextmanager
def limited(**limits: float) -> Iterator[RunningGateway]:
    settings = Settings.model_validate(
        {"host": "127.0.0.1", "port": 0, "drain_seconds": 1} | limits
    )
    adapters = WordyAdapter(), HastyAdapter(), DutifulHastyAdapter()
    with running_gateway(*adapters, settings=settings) as gateway:
        yield gateway


def post(
    gateway: RunningGateway, model: str, *, stream: bool, timeout: float = SOON
) -> httpx2.Response:
    return httpx2.post(
        f"{gateway.url}/v1/chat/completions",
        json={"model": model, "messages": HELLO, "stream": stream},
        headers={"x-request-id": "mine"},
        timeout=timeout,
    )


@CUT
@STREAM
def test_what_its_adapter_says_after_that_is_not_told(
    model: str, lines: Lines, *, stream: bool
) -> None:
    with limited(total_timeout_seconds=0.2) as gateway:
        response = post(gateway, f"wordy/{model}", stream=stream)
        gateway.wait_for_open_requests(0)

    last = response.text.removesuffix("\n\n").rpartition("data: ")[2] if stream else response.text
    assert json.loads(last)["error"]["code"] == "total_timeout"
    assert response.status_code == (200 if stream else 504)
    assert '"content":"more "' not in response.text
    assert "[DONE]" not in response.text
    told = lines.of("mine")
    assert "limit of time passed" in [line["event"] for line in told]
    assert told[-1]["ended"] == ("error frame" if stream else "complete")
    assert told[-1]["error"] == "total_timeout"


@CUT
@STREAM
def test_one_whose_client_left_is_no_failure(model: str, lines: Lines, *, stream: bool) -> None:
    with limited(total_timeout_seconds=0.3) as gateway:
        connection = ask(gateway, f"wordy/{model}", stream=stream)
        if stream:
            read_until(connection, b"word ")
        else:
            gateway.wait_for_open_requests(1)
        leave(connection, abruptly=False)
        gateway.wait_for_open_requests(0)

    told = [json.loads(line) for line in lines.getvalue().splitlines()]
    request = next(line for line in told if line["event"] == "request")
    assert request["ended"] == "cut"
    assert "error" not in request
    assert "limit of time passed" not in [line["event"] for line in told]


def test_a_list_whose_client_left_is_no_failure(lines: Lines) -> None:
    class ThinkingAdapter(WordyAdapter):
        async def list_models(self, context: RequestContext) -> Sequence[Model]:
            await asyncio.Event().wait()
            raise AssertionError("nobody waits that long")

    with running_gateway(ThinkingAdapter()) as gateway:
        with pytest.raises(httpx2.ReadTimeout):
            httpx2.get(f"{gateway.url}/v1/models", headers={"x-request-id": "mine"}, timeout=0.2)
        gateway.wait_for_open_requests(0)

    [line] = lines.of("mine")
    assert line["event"] == "request"
    assert line["ended"] == "cut"


@STREAM
@pytest.mark.parametrize("leaves", [False, True], ids=["stays", "leaves"])
def test_one_whose_adapter_does_not_end_is_named_in_the_log(
    lines: Lines, *, stream: bool, leaves: bool
) -> None:
    may_end = threading.Event()

    class StayingAdapter(WordyAdapter):
        async def generate(
            self, request: ChatCompletionRequest, context: RequestContext
        ) -> AsyncIterator[str]:
            yield "word "
            while not may_end.is_set():
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(0.05)

    settings = Settings(host="127.0.0.1", port=0, drain_seconds=1, total_timeout_seconds=0.2)
    with running_gateway(StayingAdapter(), settings=settings) as gateway:
        if leaves:
            with pytest.raises(httpx2.ReadTimeout):
                post(gateway, "wordy/goes-on", stream=stream, timeout=0.1)
        else:
            response = post(gateway, "wordy/goes-on", stream=stream)
            assert "total_timeout" in response.text
        gateway.wait_for_open_requests(0)
        may_end.set()

    told = lines.of("mine")
    assert [line["event"] for line in told] == [
        *([] if leaves else ["limit of time passed"]),
        "adapter does not end when it is cancelled",
        "request",
    ]
    assert (told[-1]["ended"] == "cut") is leaves


@pytest.mark.parametrize("model", ["hasty/one", "dutiful-hasty/one"])
@STREAM
def test_an_adapter_that_cancels_the_gateways_task_has_failed(
    model: str, lines: Lines, *, stream: bool
) -> None:
    with limited() as gateway:
        response = post(gateway, model, stream=stream)
        gateway.wait_for_open_requests(0)

    assert "The provider gave up on the request." in response.text
    assert "[DONE]" not in response.text
    assert {line["level"] for line in lines.of("mine")} - {"info"}


@STREAM
def test_one_whose_client_does_not_read_yet_gets_its_error_or_nothing(*, stream: bool) -> None:
    with limited(total_timeout_seconds=0.3) as gateway, socket.socket() as connection:
        connection.settimeout(SOON)
        connection.connect((gateway.host, gateway.port))
        for model, is_stream in (("wordy/long", False), ("wordy/falls-silent", stream)):
            body = json.dumps({"model": model, "messages": HELLO, "stream": is_stream}).encode()
            connection.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"
                b"content-type: application/json\r\n"
                b"content-length: %d\r\n\r\n%b" % (len(body), body)
            )
        time.sleep(LONGER_THAN_A_LAST_WORD_SECONDS)
        answers = b"".join(iter(lambda: connection.recv(1 << 20), b""))

    assert answers.count(b"x" * LONG_ANSWER) == 1
    assert answers.count(b"HTTP/1.1") == 1
