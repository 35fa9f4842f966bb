"""Secrets go through every path at every level, and are in no log, metric, error or trace.

What a caller wrote into a body may be quoted to that caller in the error, as what is wrong: the
model it named, a field, a value, or whatever an adapter or its upstream says of it. A header or a
query never is.
"""

import os
import pty
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from tests.checkout import ROOT
from tests.collectors import Collector, collecting
from tests.contract.test_cancellation import read_until
from tests.gateway.test_server import environment
from tests.redaction.echo import echoing
from tests.redaction.paths import paths
from tests.redaction.secrets import OF_BODY, OF_HEADERS, OF_QUERY, PROMPT, STOP, Ask, chat

PATIENCE_SECONDS = 20
OPERATORS_KEY = "zq-operator-4f81c0d92be7"
# They speak for themselves, and may quote the body to who sent it.
OUTSPOKEN = ("indiscreet", "dutiful", "echo", "keyed")


@dataclass
class Journey:
    """What became of all requests to one gateway."""

    answers: dict[str, bytes] = field(default_factory=dict)
    log: str = ""
    metrics: str = ""
    traces: bytes = b""
    exit_code: int | None = None


def install(folder: Path) -> None:
    """Put the indiscreet provider beside the others, as pip would."""
    info = folder / "indiscreet-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: indiscreet\nVersion: 1.0\n")
    target = "indiscreet = tests.redaction.indiscreet:providers"
    (info / "entry_points.txt").write_text(f"[veneer.providers]\n{target}\n")


def settings(folder: Path, level: str, upstream: str, collector: Collector) -> dict[str, str]:
    return {
        "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}",
        "LOG_LEVEL": level,
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "VENEER_BODY_TIMEOUT_SECONDS": "1",
        "VENEER_DRAIN_SECONDS": "0.3",
        "VENEER_FIRST_TOKEN_TIMEOUT_SECONDS": "2",
        "VENEER_IDLE_TIMEOUT_SECONDS": "2",
        "VENEER_MAX_BODY_BYTES": "2000",
        "VENEER_MAX_REQUESTS_PER_PROVIDER": "12",
        "VENEER_TOTAL_TIMEOUT_SECONDS": "4",
        "VENEER_OPENAI_ECHO_BASE_URL": upstream,
        "VENEER_OPENAI_KEYED_BASE_URL": upstream,
        "VENEER_OPENAI_KEYED_API_KEY": OPERATORS_KEY,
        "VENEER_OPENAI_NOWHERE_BASE_URL": "http://127.0.0.1:9/v1",
    }


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def exchange(port: int, ask: Ask) -> bytes:
    """Send one request; give all that is answered until the connection closes."""
    answer = b""
    with (
        socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as connection,
        suppress(ConnectionError),
    ):
        connection.sendall(ask.to_bytes())
        if ask.leaves:
            connection.settimeout(0.3)
        with suppress(TimeoutError):
            while piece := connection.recv(65536):
                answer += piece
    return answer


@contextmanager
def process(port: int, variables: dict[str, str], *, terminal: bool) -> Iterator[Journey]:
    """Run a gateway; its log is that of the journey when the block has ended."""
    journey, pieces = Journey(), list[bytes]()
    # Both are read as they come, or a full pipe would hold up the gateway.
    reads, writes = pty.openpty() if terminal else os.pipe()
    reader = threading.Thread(target=read_all, args=(reads, pieces))
    reader.start()
    gateway = subprocess.Popen(
        [sys.executable, "-m", "veneer_gateway"],
        env=environment(PORT=str(port), **variables),
        stdout=writes,
        stderr=writes,
    )
    os.close(writes)
    try:
        while not is_alive(port):
            assert gateway.poll() is None, pieces
            time.sleep(0.05)
        yield journey
        assert gateway.poll() is None, pieces[-20:]
        gateway.terminate()
        journey.exit_code = gateway.wait(PATIENCE_SECONDS)
    finally:
        gateway.kill()
        gateway.wait()
        reader.join(PATIENCE_SECONDS)
        os.close(reads)
    journey.log = b"".join(pieces).decode()


def is_alive(port: int) -> bool:
    with suppress(httpx2.TransportError):
        return httpx2.get(f"http://127.0.0.1:{port}/healthz").is_success
    return False


def read_all(descriptor: int, pieces: list[bytes]) -> None:
    with suppress(OSError):  # A terminal whose other side is closed.
        while piece := os.read(descriptor, 65536):
            pieces.append(piece)


# What the others log is a part of what "info" does.
LEVELS = ("debug", "info", "off")


@pytest.fixture(
    scope="module",
    params=[*((level, False) for level in LEVELS), ("debug", True)],
    ids=[*LEVELS, "debug on a terminal"],
)
def journey(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Journey:
    """All requests, to a gateway that logs from a level up; then one more, which it has to cut."""
    level, terminal = request.param
    folder = tmp_path_factory.mktemp("installed")
    install(folder)
    port = free_port()
    with echoing() as upstream, collecting() as collector:
        variables = settings(folder, level, upstream, collector)
        with process(port, variables, terminal=terminal) as journey, ThreadPoolExecutor(16) as many:
            # Those that take their time first, or all would wait for them in the end.
            asks = sorted(paths(), key=lambda ask: "hang" not in ask.name)
            with ThreadPoolExecutor(10) as some:
                answers = some.map(lambda ask: exchange(port, ask), asks)
            journey.answers = {ask.name: answer for ask, answer in zip(asks, answers, strict=True)}
            assert len(journey.answers) == len(asks)
            hanging = Ask("", body=chat("indiscreet/one", stream=True), extra=HANG)
            for number, answer in enumerate(many.map(lambda _: exchange(port, hanging), range(16))):
                journey.answers[f"one of too many {number}"] = answer
            journey.metrics = httpx2.get(f"http://127.0.0.1:{port}/metrics").text
            last = socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)
            last.sendall(hanging.to_bytes())
            begun = read_until(last, b"hello")
        with last:
            journey.answers["drained"] = begun + read_until(last, b"}}")
        journey.traces = b"".join(collector.requests)
    return journey


HANG = (("x-way", "hang"), ("x-when", "middle"))


def found(secrets: list[str], text: str) -> list[str]:
    return [secret for secret in secrets if secret in text]


EVERY = [*OF_HEADERS, *OF_QUERY, *OF_BODY, OPERATORS_KEY]


def test_the_log_has_none(journey: Journey) -> None:
    lines = [line for line in journey.log.splitlines() if "zq-" in line]

    assert found(EVERY, journey.log) == [], "\n".join(lines[:5])


def test_the_metrics_have_none(journey: Journey) -> None:
    assert "veneer_requests_total" in journey.metrics
    assert found(EVERY, journey.metrics) == []


def test_the_traces_have_none(journey: Journey) -> None:
    assert b"chat dummy/echo-1" in journey.traces
    # Stop sequences are told, as one of the settings of a request.
    told = [secret for secret in EVERY if secret != STOP]
    assert found(told, journey.traces.decode(errors="replace")) == []


def test_no_error_quotes_a_header_or_the_query(journey: Journey) -> None:
    guilty = {
        name: found([*OF_HEADERS, *OF_QUERY, OPERATORS_KEY], answer.decode(errors="replace"))
        for name, answer in journey.answers.items()
        if b'"error"' in answer
    }

    assert len(guilty) > 200
    assert {name: secrets for name, secrets in guilty.items() if secrets} == {}


def test_no_error_of_the_gateways_own_quotes_a_message(journey: Journey) -> None:
    guilty = {
        name: found(PROMPT, answer.decode(errors="replace"))
        for name, answer in journey.answers.items()
        if b'"error"' in answer and not any(who in name for who in OUTSPOKEN)
    }

    assert len(guilty) > 50
    assert {name: secrets for name, secrets in guilty.items() if secrets} == {}


def test_it_was_all_that_was_meant(journey: Journey) -> None:
    answers = b"".join(journey.answers.values()).decode(errors="replace")
    statuses = set(re.findall(r"HTTP/1.1 (\d{3})", answers))
    codes = set(re.findall(r'"code":"(\w+)"', answers))

    assert journey.exit_code == 0
    assert {"200", "400", "404", "405", "408", "413", "415", "429"} <= statuses
    assert {"500", "502", "503", "504"} <= statuses
    assert {"first_token_timeout", "idle_timeout", "total_timeout", "provider_overloaded"} <= codes
    assert {"shutting_down", "provider_unavailable", "upstream_unreachable"} <= codes
    assert journey.answers["answered"].startswith(b"HTTP/1.1 200")
