"""What `/metrics` tells, and what it must not."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from prometheus_client.parser import text_string_to_metric_families

from tests.adapters import PatientAdapter, PlainAdapter, ScriptedAdapter
from tests.contract.test_cancellation import ask, leave
from tests.contract.test_chat import HELLO
from veneer_gateway import Settings
from veneer_gateway.testing import RunningGateway, running_gateway
from veneer_protocol import ChatCompletionRequest, Reply, RequestContext

SLOW_SECONDS = 0.3


class SlowAdapter(PlainAdapter):
    """Thinks before it answers."""

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        await asyncio.sleep(SLOW_SECONDS)
        return await super().create_chat_completion(request, context)

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        await asyncio.sleep(SLOW_SECONDS)
        async for chunk in super().stream_chat_completion(request, context):
            yield chunk


@pytest.fixture
def gateway() -> Iterator[RunningGateway]:
    with running_gateway(PlainAdapter(), SlowAdapter("slow")) as gateway:
        yield gateway


def post(gateway: RunningGateway, model: str, *, stream: bool = False, **headers: str) -> None:
    body = {"model": model, "messages": HELLO, "stream": stream}
    httpx2.post(f"{gateway.url}/v1/chat/completions", json=body, headers=headers)


def sample(gateway: RunningGateway, name: str, **labels: str) -> float:
    """Add up the samples of `name` that have these labels."""
    text = httpx2.get(f"{gateway.url}/metrics").text
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def test_requests_are_counted_by_provider_mode_and_end(gateway: RunningGateway) -> None:
    post(gateway, "plain/one")
    post(gateway, "plain/one", stream=True)
    post(gateway, "plain/one", stream=True)
    httpx2.get(f"{gateway.url}/v1/models/plain/one")

    name = "veneer_requests_total"
    whole = {"endpoint": "chat", "provider": "plain", "status": "200", "ended": "complete"}
    assert sample(gateway, name, mode="plain", **whole) == 1
    assert sample(gateway, name, mode="stream", **whole) == 2
    assert sample(gateway, name, endpoint="models", provider="plain", status="200") == 1
    assert sample(gateway, "veneer_chunks_total", provider="plain") == 6
    assert sample(gateway, "veneer_first_chunk_seconds_count", provider="plain") == 2


def test_refusals_and_broken_streams_are_told_apart() -> None:
    reply = Reply(model="scripted/one")
    broken = ScriptedAdapter(reply.chunk("a"), RuntimeError())

    with running_gateway(broken) as gateway:
        post(gateway, "scripted/one", stream=True)
        post(gateway, "nobody/one")

        assert sample(gateway, "veneer_requests_total", status="200", ended="error frame") == 1
        assert sample(gateway, "veneer_requests_total", status="404", provider="none") == 1


def test_a_client_that_leaves_is_counted_as_cut() -> None:
    adapter = PatientAdapter()

    with running_gateway(adapter) as gateway:
        connection = ask(gateway, "patient/one", stream=True)
        gateway.wait_for_open_requests(1)
        assert sample(gateway, "veneer_requests_in_flight") == 2  # And the one that asks.
        leave(connection, abruptly=False)
        gateway.wait_for_open_requests(0)

        assert sample(gateway, "veneer_requests_total", status="499", ended="cut") == 1


def test_what_is_shed_is_counted() -> None:
    settings = Settings(host="127.0.0.1", port=0, drain_seconds=1, max_requests=1)

    with running_gateway(PatientAdapter(), settings=settings) as gateway:
        connection = ask(gateway, "patient/one", stream=True)
        gateway.wait_for_open_requests(1)
        post(gateway, "patient/one")

        assert sample(gateway, "veneer_requests_total", endpoint="chat", status="503") == 1
        leave(connection, abruptly=False)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_the_adapters_time_is_not_the_gateways(gateway: RunningGateway, *, stream: bool) -> None:
    post(gateway, "slow/one", stream=stream)

    took = sample(gateway, "veneer_request_seconds_sum", provider="slow")
    own = sample(gateway, "veneer_overhead_seconds_sum", provider="slow")
    assert 0 < own < took - SLOW_SECONDS / 2  # uvloop's timers may be a millisecond early.


def test_a_body_that_never_arrives_is_not_the_gateways_time() -> None:
    settings = Settings(host="127.0.0.1", port=0, drain_seconds=1, body_timeout_seconds=0.5)

    with running_gateway(PlainAdapter(), settings=settings) as gateway:
        with socket.create_connection((gateway.host, gateway.port), 10) as connection:
            connection.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"
                b"content-type: application/json\r\ncontent-length: 9\r\n\r\n"
            )
            while connection.recv(4096):
                pass

        assert sample(gateway, "veneer_requests_total", status="408") == 1
        assert sample(gateway, "veneer_request_seconds_sum", endpoint="chat") >= 0.5
        assert sample(gateway, "veneer_overhead_seconds_sum", endpoint="chat") < 0.4


def test_no_caller_can_make_up_a_label(gateway: RunningGateway) -> None:
    def series() -> int:
        text = httpx2.get(f"{gateway.url}/metrics").text
        return len([line for line in text.splitlines() if not line.startswith("#")])

    post(gateway, "nobody/x")
    post(gateway, "plain/x")
    httpx2.get(f"{gateway.url}/v1/models/x/y")
    httpx2.get(f"{gateway.url}/x")
    before = series()

    for number in range(20):
        post(gateway, f"nobody{number}/x")
        post(gateway, f"plain/{number}")
        httpx2.get(f"{gateway.url}/v1/models/x{number}/y")
        httpx2.get(f"{gateway.url}/{number}")

    assert series() == before


@pytest.mark.parametrize(
    "path", ["//v1/chat/completions", "/v1%2Fchat/completions", "/v1/chat/completion%73"]
)
def test_a_path_is_counted_for_what_serves_it(gateway: RunningGateway, path: str) -> None:
    body = {"model": "plain/one", "messages": HELLO}
    answer = httpx2.post(f"{gateway.url}{path}", json=body)

    assert answer.status_code == 200
    assert answer.request.url.raw_path == path.encode()
    assert sample(gateway, "veneer_requests_total", endpoint="chat") == 1
    assert sample(gateway, "veneer_requests_total", endpoint="other") == 0


def test_no_secret_is_told(gateway: RunningGateway) -> None:
    post(gateway, "plain/one", authorization="Bearer hunter2", cookie="hunter2")
    httpx2.get(f"{gateway.url}/v1/models?key=hunter2")

    assert "hunter2" not in httpx2.get(f"{gateway.url}/metrics").text


def test_two_gateways_in_one_process_count_apart(gateway: RunningGateway) -> None:
    post(gateway, "plain/one")

    with running_gateway(PlainAdapter()) as other:
        assert sample(other, "veneer_requests_total") == 0
