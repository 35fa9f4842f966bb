"""What a request may take: time, and a place among the others."""

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import ExitStack

import httpx2
import pytest
from openai import APIError, InternalServerError, OpenAI
from openai.types.chat import ChatCompletionChunk

from tests.adapters import PatientAdapter, PlainAdapter, StubbornAdapter, TirelessAdapter
from tests.contract.test_cancellation import SOON, ask, leave, read_until
from tests.contract.test_chat import HELLO
from veneer_gateway import Settings
from veneer_gateway.testing import RunningGateway, running_gateway
from veneer_protocol import ChatCompletionRequest, ProviderAdapter, Reply, RequestContext


class SlowAdapter(PlainAdapter):
    """Streams for ever, a word from time to time."""

    def __init__(self, gap_seconds: float) -> None:
        super().__init__("slow")
        self.gap_seconds = gap_seconds
        self.was_closed = threading.Event()

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        reply = Reply(model=request.model)
        try:
            while True:
                yield reply.chunk("word ")
                await asyncio.sleep(self.gap_seconds)
        finally:
            self.was_closed.set()


def limited(**limits: float) -> Settings:
    return Settings.model_validate({"host": "127.0.0.1", "port": 0, "drain_seconds": 1, **limits})


def post(gateway: RunningGateway, model: str, *, stream: bool) -> httpx2.Response:
    body = {"model": model, "messages": HELLO, "stream": stream}
    return httpx2.post(f"{gateway.url}/v1/chat/completions", json=body, timeout=10)


@pytest.mark.parametrize(
    ("stream", "limits", "code"),
    [
        (False, {"total_timeout_seconds": 0.2}, "total_timeout"),
        (True, {"total_timeout_seconds": 0.2}, "total_timeout"),
        (True, {"first_token_timeout_seconds": 0.2}, "first_token_timeout"),
    ],
)
def test_an_adapter_that_says_nothing_is_let_go(
    stream: bool, limits: dict[str, float], code: str
) -> None:
    adapter = PatientAdapter()

    with running_gateway(adapter, settings=limited(**limits)) as gateway:
        response = post(gateway, "patient/one", stream=stream)

        assert response.status_code == 504
        assert response.json()["error"]["code"] == code
        assert response.headers["x-request-id"]
        assert adapter.was_cancelled.is_set()
        gateway.wait_for_open_requests(0)


def test_a_plain_request_is_not_held_to_the_limits_of_streams() -> None:
    class Slow(PlainAdapter):
        async def create_chat_completion(self, request, context):  # type: ignore[no-untyped-def]
            await asyncio.sleep(0.3)
            return await super().create_chat_completion(request, context)

    limits = limited(first_token_timeout_seconds=0.05, idle_timeout_seconds=0.05)

    with running_gateway(Slow(), settings=limits) as gateway:
        assert post(gateway, "plain/one", stream=False).status_code == 200


@pytest.mark.parametrize(
    ("adapter", "limits", "code"),
    [
        (PatientAdapter(2), {"idle_timeout_seconds": 0.2}, "idle_timeout"),
        (PatientAdapter(2), {"total_timeout_seconds": 0.3}, "total_timeout"),
        (SlowAdapter(0.02), {"total_timeout_seconds": 0.3}, "total_timeout"),
    ],
    ids=["idle", "total while idle", "total while it goes on"],
)
def test_a_stream_that_takes_too_long_ends_in_an_error_frame(
    adapter: ProviderAdapter, limits: dict[str, float], code: str
) -> None:
    with running_gateway(adapter, settings=limited(**limits)) as gateway:
        text = post(gateway, f"{adapter.name}/one", stream=True).text

        last = text.rstrip().rpartition("data: ")[2]
        assert json.loads(last)["error"]["code"] == code
        assert text.count("word ") >= 2
        gateway.wait_for_open_requests(0)


def test_a_stream_that_goes_on_is_not_idle() -> None:
    adapter = SlowAdapter(0.05)

    with running_gateway(adapter, settings=limited(idle_timeout_seconds=0.5)) as gateway:
        connection = ask(gateway, "slow/one", stream=True)
        received = b""
        while received.count(b"word ") < 20:
            received += connection.recv(65536)
        assert b"error" not in received
        leave(connection, abruptly=False)

        assert adapter.was_closed.wait(SOON)


def test_the_official_client_raises_on_a_stream_that_falls_silent() -> None:
    settings = limited(idle_timeout_seconds=0.2, keepalive_seconds=0.05)

    with (
        running_gateway(PatientAdapter(1), settings=settings) as gateway,
        OpenAI(base_url=f"{gateway.url}/v1", api_key="k", max_retries=0) as client,
    ):
        stream = client.chat.completions.create(model="patient/one", messages=HELLO, stream=True)
        with pytest.raises(APIError) as failure:
            list(stream)

    assert failure.value.code == "idle_timeout"


def test_the_official_client_raises_its_class_for_a_limit() -> None:
    with (
        running_gateway(PatientAdapter(), settings=limited(total_timeout_seconds=0.2)) as gateway,
        OpenAI(base_url=f"{gateway.url}/v1", api_key="k", max_retries=0) as client,
        pytest.raises(InternalServerError) as failure,
    ):
        client.chat.completions.create(model="patient/one", messages=HELLO)

    assert (failure.value.status_code, failure.value.code) == (504, "total_timeout")


def test_silence_is_filled_with_comments_which_are_no_progress() -> None:
    settings = limited(idle_timeout_seconds=0.5, keepalive_seconds=0.1)

    with running_gateway(PatientAdapter(1), settings=settings) as gateway:
        text = post(gateway, "patient/one", stream=True).text

    events = [event for event in text.split("\n\n") if event]
    assert events[0].startswith("data: ")
    assert set(events[1:-1]) == {": keepalive"}
    assert 2 <= len(events[1:-1]) <= 4
    assert "idle_timeout" in events[-1]


def test_a_reader_who_stops_reading_is_let_go_in_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    adapter = TirelessAdapter()
    settings = limited(total_timeout_seconds=0.5, idle_timeout_seconds=0.2, keepalive_seconds=0.1)

    with running_gateway(adapter, settings=settings) as gateway:
        connection = ask(gateway, "tireless/one", stream=True)
        read_until(connection, b"word ")

        assert adapter.was_closed.wait(SOON)
        gateway.wait_for_open_requests(0)
        # Where he reads on, he learns why.
        assert b'"code":"total_timeout"' in read_until(connection, b"}}\n\n")
        leave(connection, abruptly=False)

    assert [line for line in caplog.records if line.levelno >= logging.ERROR] == []


def test_the_client_is_answered_also_where_the_adapter_swallows_its_cancellation(
    caplog: pytest.LogCaptureFixture,
) -> None:
    release = threading.Event()

    class Stubborn(StubbornAdapter):
        async def create_chat_completion(self, request, context):  # type: ignore[no-untyped-def]
            while not release.is_set():
                try:
                    await asyncio.sleep(0.05)
                except asyncio.CancelledError:
                    continue
            return Reply(model=request.model).completion("too late")

    with running_gateway(Stubborn(), settings=limited(total_timeout_seconds=0.2)) as gateway:
        response = post(gateway, "stubborn/one", stream=False)
        gateway.wait_for_open_requests(0)
        release.set()
        # The next one is served as ever.
        assert httpx2.get(f"{gateway.url}/healthz").status_code == 200

    assert response.status_code == 504
    assert response.json()["error"]["code"] == "total_timeout"
    assert "limit of time passed" in caplog.text
    assert "adapter does not end when it is cancelled" in caplog.text


def test_one_request_too_many_is_refused_at_once_and_the_others_finish() -> None:
    adapter = PatientAdapter()

    with (
        running_gateway(adapter, PlainAdapter(), settings=limited(max_requests=2)) as gateway,
        ExitStack() as connections,
    ):
        for _ in range(2):
            connection = ask(gateway, "patient/one", stream=True)
            connections.callback(connection.close)
        gateway.wait_for_open_requests(2)

        refused = post(gateway, "plain/one", stream=True)
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "overloaded"
        assert refused.headers["retry-after"] == "1"
        assert httpx2.get(f"{gateway.url}/healthz").status_code == 200
        assert not adapter.was_cancelled.is_set()

        connections.close()
        gateway.wait_for_open_requests(0)
        assert post(gateway, "plain/one", stream=True).status_code == 200


def test_one_provider_that_is_slow_does_not_take_the_place_of_the_others() -> None:
    adapter = PatientAdapter()
    settings = limited(max_requests=10, max_requests_per_provider=2)

    with (
        running_gateway(adapter, PlainAdapter(), settings=settings) as gateway,
        ExitStack() as connections,
    ):
        for _ in range(2):
            connection = ask(gateway, "patient/one", stream=True)
            connections.callback(connection.close)
        gateway.wait_for_open_requests(2)
        assert adapter.is_waiting.wait(SOON)

        refused = post(gateway, "patient/one", stream=False)
        assert refused.status_code == 429
        assert refused.json()["error"]["type"] == "rate_limit_error"
        assert refused.json()["error"]["code"] == "provider_overloaded"
        assert refused.headers["retry-after"] == "1"
        assert post(gateway, "plain/one", stream=False).status_code == 200

        connections.close()
        gateway.wait_for_open_requests(0)
        last = ask(gateway, "patient/one", stream=True)
        gateway.wait_for_open_requests(1)
        leave(last, abruptly=False)


@pytest.mark.parametrize(("most", "is_too_long"), [(10_000, True), (10_000_000, False)])
def test_a_plain_answer_that_is_too_long_is_a_502(most: int, is_too_long: bool) -> None:
    class Talkative(PlainAdapter):
        async def create_chat_completion(self, request, context):  # type: ignore[no-untyped-def]
            return Reply(model=request.model).completion("word " * 2000)

    with running_gateway(Talkative(), settings=limited(max_answer_bytes=most)) as gateway:
        response = post(gateway, "plain/one", stream=False)

    assert response.status_code == (502 if is_too_long else 200)
    assert is_too_long == ("answer_too_long" in response.text)


def test_a_stream_that_is_too_long_ends_in_an_error_frame_and_its_adapter_is_closed() -> None:
    adapter = TirelessAdapter()

    with running_gateway(adapter, settings=limited(max_answer_bytes=100_000)) as gateway:
        text = post(gateway, "tireless/one", stream=True).text
        gateway.wait_for_open_requests(0)

    last = text.rstrip().rpartition("data: ")[2]
    assert json.loads(last)["error"]["code"] == "answer_too_long"
    assert "[DONE]" not in text
    assert 90_000 < len(text) < 101_000
    assert adapter.was_closed.is_set()


def test_a_stream_whose_first_chunk_is_too_long_is_a_502() -> None:
    with running_gateway(TirelessAdapter(), settings=limited(max_answer_bytes=100)) as gateway:
        response = post(gateway, "tireless/one", stream=True)

    assert response.status_code == 502
    assert response.json()["error"]["code"] == "answer_too_long"
