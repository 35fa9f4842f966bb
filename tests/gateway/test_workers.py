"""Several processes on one port: they share the load, are replaced and stop together."""

import json
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.checkout import is_listening
from tests.gateway.conftest import Install
from tests.gateway.test_server import VENEER, environment

# It tells which process answers, and does to it what it is told.
SOURCE = """
import os
from collections.abc import AsyncIterator
from veneer_protocol import ChatCompletionRequest, RequestContext, TextAdapter

class Pid(TextAdapter):
    name = "pid"
    models = ("one",)

    async def generate(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[str]:
        if (signal := context.headers.get("x-signal")) is not None:
            os.kill(os.getpid(), int(signal))
        yield str(os.getpid())
"""
DEADLINE_SECONDS = 30


@dataclass
class Service:
    """Supervisor and workers, and what they have logged so far."""

    process: subprocess.Popen[str]
    lines: list[dict[str, object]] = field(default_factory=list)
    follower: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.follower = threading.Thread(target=self.follow)
        self.follower.start()

    def follow(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as log:
            for line in log:
                self.lines.append(json.loads(line))

    def wait_for(self, event: str, count: int = 1) -> list[dict[str, object]]:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while len(found := [line for line in self.lines if line["event"] == event]) < count:
            assert time.monotonic() < deadline, self.lines
            time.sleep(0.02)
        return found

    @property
    def url(self) -> str:
        return str(self.wait_for("serving")[0]["url"])

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def ask(self, **headers: str) -> str:
        """Say which process answers; each time over a connection of its own."""
        body = {"model": "pid/one", "messages": [{"role": "user", "content": "who?"}]}
        url = f"{self.url}/v1/chat/completions"
        answer = httpx2.post(url, json=body, headers=headers, timeout=DEADLINE_SECONDS)
        return str(answer.raise_for_status().json()["choices"][0]["message"]["content"])

    def ask_many(self, count: int = 20) -> Counter[str]:
        return Counter(self.ask() for _ in range(count))

    def counted(self, name: str) -> float:
        families = text_string_to_metric_families(httpx2.get(f"{self.url}/metrics").text)
        return sum(one.value for each in families for one in each.samples if one.name == name)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_SECONDS)


Serve = Callable[..., Service]


@pytest.fixture
def serve(install: Install, tmp_path: Path) -> Iterator[Serve]:
    """Serve with two workers; at the end nothing is left, however it ended."""
    services: list[Service] = []

    def serve(source: str = SOURCE, **settings: str) -> Service:
        install("veneer-providers-pid", "pid_provider", source, pid="pid_provider:Pid")
        variables = {"VENEER_WORKERS": "2", "PYTHONPATH": str(tmp_path), **settings}
        process = subprocess.Popen(
            VENEER, env=environment(**variables), stderr=subprocess.PIPE, text=True
        )
        services.append(service := Service(process))
        return service

    yield serve
    for service in services:
        service.process.kill()
        service.process.wait()
        for line in service.lines:
            if line["event"] == "serving":
                wait_for_end(int(str(line["pid"])))
        service.follower.join()


def wait_for_end(pid: int) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while is_alive(pid):
        assert time.monotonic() < deadline, f"{pid} goes on"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@contextmanager
def streams(service: Service, count: int, **headers: str) -> Iterator[list[httpx2.Response]]:
    """Open so many streams, each over a connection of its own and past its first chunk."""
    clients = [httpx2.Client(base_url=service.url, timeout=DEADLINE_SECONDS) for _ in range(count)]
    messages = [{"role": "user", "content": "x"}]
    body = {"model": "dummy/story-1", "messages": messages, "stream": True}
    responses = []
    try:
        for client in clients:
            request = client.build_request(
                "POST", "/v1/chat/completions", json=body, headers=headers
            )
            responses.append(client.send(request, stream=True))
        yield responses
    finally:
        for client in clients:
            client.close()


def test_the_workers_share_the_load_and_stop_together(serve: Serve) -> None:
    service = serve()
    pids = {str(line["pid"]) for line in service.wait_for("serving", 2)}

    answered = service.ask_many()
    status = service.stop()

    # That all twenty went to one of the two would be one case in half a million.
    assert set(answered) == pids
    assert status == 0
    assert len(service.wait_for("stopped", 2)) == 2
    assert not is_listening(service.port)


def test_what_they_count_adds_up_and_outlives_them(serve: Serve) -> None:
    service = serve()
    service.wait_for("serving", 2)

    service.ask_many()
    with streams(service, 20, **{"x-dummy-hang-after": "1"}):
        in_flight = service.counted("veneer_requests_in_flight")
    before = service.counted("veneer_chunks_total")
    with pytest.raises(httpx2.RemoteProtocolError):
        service.ask(**{"x-signal": "9"})
    service.wait_for("serving", 3)

    assert in_flight == 21  # And the one that asks.
    assert service.counted("veneer_requests_total") >= 20
    assert service.counted("veneer_chunks_total") == before >= 20


def test_one_that_dies_is_replaced_and_the_other_goes_on(serve: Serve) -> None:
    service = serve()
    first, second = (str(line["pid"]) for line in service.wait_for("serving", 2))

    with pytest.raises(httpx2.RemoteProtocolError):
        service.ask(**{"x-signal": "9"})
    (died,) = service.wait_for("worker died")
    alive = second if str(died["worker"]) == first else first
    meanwhile = service.ask()
    new = str(service.wait_for("serving", 3)[-1]["pid"])
    while not service.ask_many(5).keys() & {new}:
        pass
    status = service.stop()

    assert died["exit_status"] == -signal.SIGKILL
    assert meanwhile in {alive, new}
    assert new not in {first, second}
    assert status == 0


def test_a_stream_that_is_open_at_the_stop_goes_on_in_every_worker(serve: Serve) -> None:
    service = serve(VENEER_DRAIN_SECONDS="20")
    service.wait_for("serving", 2)

    with streams(service, 10, **{"x-dummy-gap-ms": "50", "x-dummy-words": "30"}) as responses:
        service.process.terminate()
        service.wait_for("draining", 2)
        texts = [response.read().decode() for response in responses]

    assert all(text.endswith("data: [DONE]\n\n") for text in texts)
    assert service.process.wait(DEADLINE_SECONDS) == 0


def test_a_second_signal_cuts_in_every_worker(serve: Serve) -> None:
    service = serve(VENEER_DRAIN_SECONDS="60")
    service.wait_for("serving", 2)

    with streams(service, 10, **{"x-dummy-hang-after": "1"}) as responses:
        service.process.terminate()
        service.wait_for("draining", 2)
        service.process.terminate()
        texts = [response.read().decode() for response in responses]

    assert all('"code":"shutting_down"' in text and "[DONE]" not in text for text in texts)
    assert service.process.wait(DEADLINE_SECONDS) == 0


def test_workers_end_when_their_supervisor_is_killed(serve: Serve) -> None:
    service = serve()
    pids = [int(str(line["pid"])) for line in service.wait_for("serving", 2)]
    service.ask()

    service.stop(signal.SIGKILL)

    for pid in pids:
        wait_for_end(pid)
    assert not is_listening(service.port)


def test_ctrl_c_in_a_terminal_is_told_once(serve: Serve) -> None:
    service = serve(VENEER_DRAIN_SECONDS="20")
    pids = [int(str(line["pid"])) for line in service.wait_for("serving", 2)]

    # A terminal tells all processes of the group, not only their first.
    assert {os.getpgid(pid) for pid in pids}.isdisjoint({os.getpgid(service.process.pid)})
    with streams(service, 4, **{"x-dummy-gap-ms": "50", "x-dummy-words": "10"}) as responses:
        service.process.send_signal(signal.SIGINT)
        texts = [response.read().decode() for response in responses]

    assert all(text.endswith("data: [DONE]\n\n") for text in texts)
    assert service.process.wait(DEADLINE_SECONDS) == 0


def test_the_first_that_end_before_they_serve_end_it_all(serve: Serve) -> None:
    service = serve("import os\nos.abort()")

    assert service.process.wait(DEADLINE_SECONDS) == 1
    assert {line["exit_status"] for line in service.wait_for("worker died")} == {-signal.SIGABRT}


def test_a_taken_port_is_named_also_where_workers_share_it(serve: Serve) -> None:
    service = serve()
    service.wait_for("serving", 2)

    second = subprocess.run(
        VENEER,
        env=environment(VENEER_WORKERS="2", PORT=str(service.port)),
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )

    assert second.returncode == 1
    told = f"Error: Cannot listen on 127.0.0.1 port {service.port}: Address already in use"
    assert second.stderr.startswith(told)
