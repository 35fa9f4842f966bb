"""What an operator copies from `deploy/rolling`: gateways behind a proxy, restarted under load."""

import asyncio
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx2
import pytest
from openai import AsyncOpenAI

from tests.checkout import ROOT
from tests.deploy.engine import docker
from tests.docs.pages import blocks

PAGE = "how-to/restart-without-loss.md"
GATEWAYS = ("gateway-1", "gateway-2")
DRAIN_SECONDS = 7
# In seconds 2; 8, which is more than the delay and less than that and the drain; and 60.
SHORT_STREAM = {"x-dummy-words": "20", "x-dummy-gap-ms": "100"}
MIDDLING_STREAM = {"x-dummy-words": "80", "x-dummy-gap-ms": "100"}
LONG_STREAM = {"x-dummy-words": "600", "x-dummy-gap-ms": "100"}
AT_ONCE = 4

Compose = Callable[..., str]


@pytest.fixture(scope="module")
def compose(image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    """`docker compose` in a copy of the folder; its services run."""
    folder = tmp_path_factory.mktemp("operator") / "rolling"
    shutil.copytree(ROOT / "deploy/rolling", folder)

    def compose(*arguments: str) -> str:
        return docker(
            *("compose", "--project-name", "veneer-test-rolling", *arguments),
            cwd=folder,
            VENEER_IMAGE=image,
            VENEER_DRAIN_SECONDS=str(DRAIN_SECONDS),
            STOP_GRACE_PERIOD="30s",
            PORT="0",
        )

    try:
        compose("up", "--detach", "--wait")
        yield compose
    finally:
        compose("down", "--timeout", "0", "--volumes")


@pytest.fixture(scope="module")
def url(compose: Compose) -> str:
    """Where the proxy answers."""
    return f"http://{compose('port', 'proxy', '3000')}"


@dataclass
class Load:
    """Requests and streams, one after the other in every lane; one that fails is raised."""

    requests: int = 0
    streams: int = 0
    moved: asyncio.Event = field(default_factory=asyncio.Event)

    async def ask(self, client: AsyncOpenAI) -> None:
        while True:
            answer = await client.chat.completions.create(
                model="dummy/echo-1", messages=[{"role": "user", "content": "hi"}]
            )
            assert answer.choices[0].finish_reason == "stop"
            self.requests += 1
            self.moved.set()
            await asyncio.sleep(0.05)

    async def listen(self, client: httpx2.AsyncClient) -> None:
        while True:
            assert_complete(await read(client, SHORT_STREAM), SHORT_STREAM)
            self.streams += 1
            self.moved.set()

    async def go_on(self) -> None:
        """Wait until every lane has come through once more."""
        requests, streams = self.requests + AT_ONCE, self.streams + AT_ONCE
        async with asyncio.timeout(30):
            while self.requests < requests or self.streams < streams:
                self.moved.clear()
                await self.moved.wait()


async def read(client: httpx2.AsyncClient, headers: dict[str, str]) -> bytes:
    body = {
        "model": "dummy/story-1",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
    }
    response = await client.post("/v1/chat/completions", json=body, headers=headers)
    return response.raise_for_status().content


def assert_complete(body: bytes, headers: dict[str, str]) -> None:
    assert body.endswith(b"data: [DONE]\n\n"), body
    assert body.count(b"data: ") == int(headers["x-dummy-words"]) + 2


@asynccontextmanager
async def under_load(url: str) -> AsyncIterator[Load]:
    """Have the block run while requests and streams come in; the first that fails ends it."""
    load = Load()
    async with (
        AsyncOpenAI(base_url=f"{url}/v1", api_key="any", max_retries=0) as client,
        httpx2.AsyncClient(base_url=url, timeout=60) as http,
        asyncio.TaskGroup() as group,
    ):
        lanes = [
            group.create_task(lane)
            for _ in range(AT_ONCE)
            for lane in (load.ask(client), load.listen(http))
        ]
        await load.go_on()
        yield load
        await load.go_on()
        for lane in lanes:
            lane.cancel()


def steps() -> list[list[str]]:
    """Give the commands by which the page restarts the gateways."""
    _, restart = (block.text for block in blocks(PAGE))
    return [line.split()[2:] for line in restart.splitlines()]


@dataclass
class Restarted:
    """What came of both gateways' restart."""

    served: list[tuple[int, int]]
    """How many requests and streams were served during each step."""
    are_new: bool
    """Whether the containers are others than before."""
    long_stream: bytes
    """What was received of a stream that both restarts were too short for."""


@pytest.fixture(scope="module")
def restarted(compose: Compose, url: str) -> Restarted:
    """Take the steps of the page under load, which fails at the first request that is lost."""

    def containers() -> list[str]:
        return [compose("ps", "--quiet", gateway) for gateway in GATEWAYS]

    async def restart() -> Restarted:
        before, served = containers(), []
        async with (
            httpx2.AsyncClient(base_url=url, timeout=60) as client,
            asyncio.TaskGroup() as group,
            under_load(url) as load,
        ):
            long_stream = group.create_task(read(client, LONG_STREAM))
            for step in steps():
                requests, streams = load.requests, load.streams
                middling = [
                    group.create_task(read(client, MIDDLING_STREAM)) for _ in range(AT_ONCE)
                ]
                await asyncio.to_thread(compose, *step)
                for one in middling:
                    assert_complete(await one, MIDDLING_STREAM)
                served.append((load.requests - requests, load.streams - streams))
            are_new = not set(before) & set(containers())
            return Restarted(served, are_new, await long_stream)

    return asyncio.run(restart())


def test_a_rolling_restart_under_load_loses_no_request_and_no_short_stream(
    restarted: Restarted,
) -> None:
    assert restarted.are_new
    assert all(requests > 0 and streams > 0 for requests, streams in restarted.served)


def test_a_stream_longer_than_the_drain_limit_ends_in_an_honest_error(
    restarted: Restarted,
) -> None:
    assert b'data: {"error":{"message":"The gateway is stopping.' in restarted.long_stream
    assert b"[DONE]" not in restarted.long_stream


def test_a_client_that_leaves_the_proxy_takes_the_adapter_along(compose: Compose, url: str) -> None:
    with pytest.raises(httpx2.ReadTimeout):
        httpx2.post(
            f"{url}/v1/chat/completions",
            json={"model": "dummy/echo-1", "messages": [{"role": "user", "content": "hi"}]},
            headers={"x-dummy-delay-ms": "60000", "x-request-id": "left-behind"},
            timeout=1,
        )

    deadline = time.monotonic() + 20
    while not (
        lines := [line for line in compose("logs", *GATEWAYS).splitlines() if "left-behind" in line]
    ):
        assert time.monotonic() < deadline, "the gateway waits on"
        time.sleep(0.2)
    assert '"ended": "cut"' in lines[0]


def test_the_proxy_takes_its_configuration_without_a_warning() -> None:
    folder = ROOT / "deploy/rolling"
    done = subprocess.run(
        [
            *("docker", "run", "--rm", "--volume", f"{folder}:/usr/local/etc/haproxy:ro"),
            *("--add-host", "gateway-1:127.0.0.1", "--add-host", "gateway-2:127.0.0.1"),
            *("haproxy:2.6", "haproxy", "-c", "-q", "-f", "/usr/local/etc/haproxy/haproxy.cfg"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0
    assert "WARNING" not in done.stderr
