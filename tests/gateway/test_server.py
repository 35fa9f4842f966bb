"""The `veneer` command as a process: start, serve, drain, stop."""

import asyncio
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import httpx2
import pytest

from tests.adapters import PatientAdapter, PlainAdapter
from tests.checkout import is_listening
from tests.contract.test_cancellation import SOON, ask, read_until
from veneer_gateway import Settings
from veneer_gateway.testing import running_gateway

VENEER = [sys.executable, "-m", "veneer_gateway"]
COMMAND = [sys.executable, "-c", "from veneer_gateway.cli import main; main()"]


def environment(**settings: str) -> dict[str, str]:
    return {**os.environ, "HOST": "127.0.0.1", "PORT": "0", **settings}


@contextmanager
def serving(*arguments: str, **settings: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the gateway as its own process and give it with its URL."""
    process = subprocess.Popen(
        arguments or VENEER, env=environment(**settings), stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if match := re.search(r'"url": "(http://[^"]+)"', line):
                yield process, match[1]
                break
        else:
            pytest.fail("the gateway did not start")
    finally:
        process.kill()
        process.communicate()


def stop(process: subprocess.Popen[str], number: signal.Signals) -> tuple[int, list[str]]:
    process.send_signal(number)
    _, log = process.communicate(timeout=20)
    return process.returncode, [json.loads(line)["event"] for line in log.splitlines()]


def wait_for_event(process: subprocess.Popen[str], event: str) -> None:
    assert process.stderr is not None
    assert any(f'"event": "{event}"' in line for line in process.stderr)


@pytest.mark.parametrize("command", [VENEER, [*COMMAND, "serve"]], ids=["module", "command"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_and_stops_cleanly(command: list[str], number: signal.Signals) -> None:
    with serving(*command) as (process, url):
        listed = httpx2.get(f"{url}/v1/models").json()
        code, events = stop(process, number)

    assert [model["id"] for model in listed["data"]] == ["dummy/echo-1", "dummy/story-1"]
    assert code == 0
    assert "draining" in events
    assert events[-1] == "stopped"


def test_an_idle_keep_alive_connection_does_not_hold_up_the_stop() -> None:
    with (
        serving(VENEER_DRAIN_SECONDS="20") as (process, url),
        httpx2.Client(base_url=url) as http,
    ):
        http.get("/healthz")
        begun = time.monotonic()
        code, _ = stop(process, signal.SIGTERM)

    assert code == 0
    assert time.monotonic() - begun < 10


def test_a_request_that_is_open_at_the_stop_may_go_on() -> None:
    adapter = PatientAdapter(chunks_before=1)
    settings = Settings(host="127.0.0.1", port=0, drain_seconds=60)

    with (
        running_gateway(adapter, settings=settings) as gateway,
        ask(gateway, "patient/one", stream=True) as connection,
    ):
        read_until(connection, b"word ")
        gateway.begin_to_stop()

        deadline = time.monotonic() + 30
        while is_listening(gateway.port):
            assert time.monotonic() < deadline, "new connections are still taken"
            time.sleep(0.05)
        assert gateway.app.in_flight.is_draining
        assert not adapter.was_cancelled.is_set()


def test_a_request_that_goes_on_for_too_long_is_cut_and_its_adapter_cancelled() -> None:
    adapter = PatientAdapter(chunks_before=1)

    with (
        running_gateway(adapter) as gateway,
        ask(gateway, "patient/one", stream=True) as connection,
    ):
        received = read_until(connection, b"word ")
        gateway.begin_to_stop()
        while piece := connection.recv(65536):
            received += piece

    assert adapter.was_cancelled.is_set()
    assert b"[DONE]" not in received
    assert b'data: {"error":{"message":"The gateway is stopping.' in received
    assert received.endswith(b'"code":"shutting_down"}}\n\n\r\n0\r\n\r\n')


def test_a_plain_request_that_goes_on_for_too_long_gets_a_503() -> None:
    adapter = PatientAdapter()

    with (
        running_gateway(adapter) as gateway,
        ask(gateway, "patient/one", stream=False) as connection,
    ):
        assert adapter.is_waiting.wait(5)
        gateway.begin_to_stop()
        received = b""
        while piece := connection.recv(65536):
            received += piece

    assert adapter.was_cancelled.is_set()
    assert received.startswith(b"HTTP/1.1 503")
    assert b"x-request-id: " in received
    assert b'"code":"shutting_down"}}' in received


OWN_PROGRAM = """
import sys
import tests.adapters
import veneer_gateway.server as server
from tests.servers import SERVER
from veneer_gateway import Registry, Settings, configure_logging
from veneer_gateway.servers import find_server

server._LAST_SECONDS = 0
configure_logging("info")
registry = Registry()
registry.register(getattr(tests.adapters, sys.argv[1])())
server.serve(
    Settings(
        host="127.0.0.1",
        port=0,
        drain_seconds=1,
        startup_timeout_seconds=4,
        server=SERVER,
    ),
    registry,
)
"""


def test_what_is_there_when_it_comes_to_serve_is_not_looked_through_for_garbage() -> None:
    with serving(sys.executable, "-c", OWN_PROGRAM, "KeepingAdapter") as (_, url):
        answer = httpx2.post(
            f"{url}/v1/chat/completions",
            json={"model": "keeping/x", "messages": [{"role": "user", "content": "hi"}]},
        )

    assert answer.json()["choices"][0]["message"]["content"] == "left alone"


def test_a_client_that_never_reads_does_not_hold_up_the_stop() -> None:
    with serving(sys.executable, "-c", OWN_PROGRAM, "TirelessAdapter") as (process, url):
        host, port = url.removeprefix("http://").split(":")
        body = b'{"model":"tireless/x","stream":true,"messages":[{"role":"user","content":"hi"}]}'
        head = (
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"
            b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
        )
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            connection.sendall(head + body)
            read_until(connection, b"word ")
            code, events = stop(process, signal.SIGTERM)

    assert code == 0
    assert "stopped" in events


def test_an_adapter_that_swallows_every_cancellation_is_left_by_force_in_the_end() -> None:
    with serving(sys.executable, "-c", OWN_PROGRAM, "StubbornAdapter") as (process, url):
        with pytest.raises(httpx2.ReadTimeout):
            httpx2.post(
                f"{url}/v1/chat/completions",
                json={"model": "stubborn/x", "messages": [{"role": "user", "content": "hi"}]},
                timeout=0.5,
            )
        code, events = stop(process, signal.SIGTERM)

    assert code == 1
    assert events[-1] == "the process does not come to its end; it is left by force"


def test_a_second_signal_cuts_at_once() -> None:
    with serving(VENEER_DRAIN_SECONDS="60") as (process, url):
        host, port = url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=10) as connection:
            # A request whose body never comes is open as long as any.
            connection.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n"
                b"content-type: application/json\r\ncontent-length: 10\r\n\r\n"
            )
            # Answered after the other was read, for the process has one thread.
            httpx2.get(f"{url}/healthz")
            process.send_signal(signal.SIGTERM)
            wait_for_event(process, "draining")
            code, _ = stop(process, signal.SIGTERM)

    assert code == 0


def test_in_the_delay_it_is_not_ready_and_serves_new_requests() -> None:
    with serving(VENEER_SHUTDOWN_DELAY_SECONDS="60") as (process, url):
        process.send_signal(signal.SIGTERM)
        wait_for_event(process, "draining")
        ready = httpx2.get(f"{url}/readyz")
        answer = httpx2.post(
            f"{url}/v1/chat/completions",
            json={"model": "dummy/echo-1", "messages": [{"role": "user", "content": "hi"}]},
        )
        # The second signal ends the delay, too.
        code, events = stop(process, signal.SIGTERM)

    assert ready.status_code == 503
    assert answer.status_code == 200
    assert code == 0
    assert events[-1] == "stopped"


def test_in_the_delay_no_connection_is_kept_for_another_request() -> None:
    with (
        serving(VENEER_SHUTDOWN_DELAY_SECONDS="60") as (process, url),
        httpx2.Client(base_url=url) as http,
    ):
        before = http.get("/v1/models")
        process.send_signal(signal.SIGTERM)
        wait_for_event(process, "draining")
        in_it = [http.get("/v1/models"), http.get("/nowhere")]

    assert "connection" not in before.headers
    assert [answer.headers["connection"] for answer in in_it] == ["close", "close"]


def test_the_delay_ends_by_itself() -> None:
    with serving(VENEER_SHUTDOWN_DELAY_SECONDS="1") as (process, _):
        begun = time.monotonic()
        code, _ = stop(process, signal.SIGTERM)

    assert code == 0
    assert time.monotonic() - begun >= 1


def test_while_its_adapters_start_it_ends_at_once(caplog: pytest.LogCaptureFixture) -> None:
    class StartingAdapter(PlainAdapter):
        def __init__(self, name: str, start_seconds: float) -> None:
            super().__init__(name)
            self.start_seconds = start_seconds
            self.said: list[str] = []
            self.is_starting = threading.Event()

        async def startup(self) -> None:
            self.is_starting.set()
            await asyncio.sleep(self.start_seconds)
            self.said.append("started")

        async def shutdown(self) -> None:
            self.said.append("stopped")

    caplog.set_level(logging.INFO)
    quick, slow = StartingAdapter("quick", 0), StartingAdapter("slow", 60)
    settings = Settings(
        host="127.0.0.1",
        port=0,
        drain_seconds=60,
        shutdown_delay_seconds=60,
        startup_timeout_seconds=60,
    )

    with running_gateway(slow, quick, settings=settings) as gateway:
        assert slow.is_starting.wait(SOON)
        while not gateway.app.registry.providers[1].has_started:
            time.sleep(0.01)
        # Where it takes half a minute to stop, that fails.

    assert quick.said == ["started", "stopped"]
    assert slow.said == []
    messages = [record.message for record in caplog.records if record.name == "veneer.server"]
    assert messages == ["draining", "stopped"]


def test_a_server_that_ends_unasked_is_a_failure_and_no_clean_exit() -> None:
    program = OWN_PROGRAM.replace(
        "server._LAST_SECONDS = 0",
        """
chosen = find_server(SERVER)
plain = chosen._config
def config(*arguments):
    # What both servers do of their own accord where they are told: leave after so many requests.
    config = plain(*arguments)
    config.max_requests = config.limit_max_requests = 1
    return config
chosen._config = config
""",
    )
    with serving(sys.executable, "-c", program, "PlainAdapter") as (process, url):
        for _ in range(2):
            httpx2.get(f"{url}/healthz")
        _, log = process.communicate(timeout=20)

    assert process.returncode == 1
    assert "nobody had asked for it" in log


def test_a_task_of_an_adapter_that_exits_with_0_does_not_end_the_process_with_0() -> None:
    with serving(sys.executable, "-c", OWN_PROGRAM, "LeavingAdapter") as (process, url):
        with suppress(httpx2.HTTPError):  # An answer may still come through.
            httpx2.post(
                f"{url}/v1/chat/completions",
                json={"model": "leaving/x", "messages": [{"role": "user", "content": "hi"}]},
            )
        _, log = process.communicate(timeout=20)

    assert process.returncode == 1
    assert "called sys.exit()" in log


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = subprocess.run(
            VENEER,
            env=environment(PORT=port),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    assert ended.returncode == 1
    assert f"port {port}" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_setting_that_is_misspelt_is_told() -> None:
    process = subprocess.Popen(
        VENEER, env=environment(VENEER_WORKER="4"), stderr=subprocess.PIPE, text=True
    )
    try:
        wait_for_event(process, "unknown setting")
    finally:
        process.kill()
        process.communicate()


def test_an_ipv6_address_can_be_bound() -> None:
    with serving(HOST="::1") as (_, url):
        assert url.startswith("http://[::1]:")
        assert httpx2.get(f"{url}/healthz").status_code == 200


def test_the_log_is_json_with_one_line_a_request() -> None:
    with serving() as (process, url):
        httpx2.post(
            f"{url}/v1/chat/completions",
            json={"model": "dummy/echo-1", "messages": [{"role": "user", "content": "hi"}]},
            headers={"x-request-id": "mine"},
        )
        httpx2.get(f"{url}/healthz")
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=20)

    lines = [json.loads(line) for line in log.splitlines()]
    (line,) = [line for line in lines if line["event"] == "request"]
    assert line["request_id"] == "mine"
    assert line["provider"] == "dummy"
    assert line["model"] == "dummy/echo-1"
    assert line["path"] == "/v1/chat/completions"
    assert line["status"] == 200
    assert line["ended"] == "complete"
    assert line["duration_ms"] > 0
