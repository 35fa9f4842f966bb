"""That gateway seen from outside: what it holds, and what it says."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import psutil

from tests.checkout import ROOT

MIB = 1024 * 1024
HELLO = [{"role": "user", "content": "hello"}]
QUICKLY = 5
"""Seconds: an upper bound that only a failure reaches."""


@dataclass(frozen=True)
class Holdings:
    """What a process holds."""

    requests: int
    tasks: int
    at_work: int
    """For how many requests an adapter works."""
    sockets: int
    descriptors: int
    memory_mib: float
    seconds: float
    """CPU time so far."""

    def __str__(self) -> str:
        return (
            f"{self.requests} requests, {self.tasks} tasks, {self.at_work} adapter calls, "
            f"{self.sockets} sockets, {self.descriptors} file descriptors, "
            f"{self.memory_mib:.1f} MiB of memory, {self.seconds:.1f} s of CPU time"
        )


def is_no_more(now: Holdings, before: Holdings) -> bool:
    """Tell whether nothing is left but memory, in which Python keeps what it may need again."""
    return all(
        getattr(now, name) <= getattr(before, name)
        for name in ("requests", "tasks", "at_work", "sockets", "descriptors")
    )


@dataclass
class GatewayProcess:
    """A gateway that serves the adapters of `tests.faults.program`."""

    process: subprocess.Popen[str]
    host: str = "127.0.0.1"
    port: int = 0
    log: list[dict[str, Any]] = field(default_factory=list)
    http: httpx2.Client = field(
        # One that is kept open would be counted.
        default_factory=lambda: httpx2.Client(
            limits=httpx2.Limits(max_keepalive_connections=0), timeout=QUICKLY
        )
    )

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def ask(self, model: str, **fields: object) -> httpx2.Response:
        body = {"model": model, "messages": HELLO, **fields}
        return self.http.post(f"{self.url}/v1/chat/completions", json=body)

    def holdings(self) -> Holdings:
        """Count; the one request that asks is not among them."""
        seen = psutil.Process(self.process.pid)
        requests = self.open_requests()
        census = self.ask("census/one").json()["choices"][0]["message"]["content"]
        tasks, at_work = map(int, census.split())
        return Holdings(
            requests=requests,
            tasks=tasks,
            at_work=at_work,
            sockets=len(seen.net_connections("tcp")),
            descriptors=seen.num_fds(),
            memory_mib=seen.memory_info().rss / MIB,
            seconds=sum(seen.cpu_times()[:2]),
        )

    def open_requests(self) -> int:
        """Give how many requests are served, without the one that asks."""
        metrics = self.http.get(f"{self.url}/metrics").text
        match = re.search(r"^veneer_requests_in_flight (\d+)", metrics, re.MULTILINE)
        assert match
        return int(match[1]) - 1

    def wait_for_open_requests(self, count: int) -> None:
        """Wait until so many requests are served.

        Raises:
            TimeoutError: it does not come to that.
        """
        deadline = time.monotonic() + 10
        while (served := self.open_requests()) != count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{served} requests are open where {count} are due")
            time.sleep(0.02)

    def settle(self, before: Holdings, seconds: float = 15) -> Holdings:
        """Count until no more is held than `before`, or until it does not come to that."""
        deadline = time.monotonic() + seconds
        while True:
            now = self.holdings()
            if is_no_more(now, before) or time.monotonic() > deadline:
                return now
            time.sleep(0.1)

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.log if line["event"] == name]

    def wait_for_log(self, name: str, count: int) -> None:
        """Wait until so many lines of the log tell of the event.

        Raises:
            TimeoutError: it does not come to that.
        """
        deadline = time.monotonic() + 30
        while len(self.events(name)) < count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{len(self.events(name))} of {count} lines {name!r}")
            time.sleep(0.01)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=30)


@contextmanager
def process(*under: str, **settings: str) -> Iterator[GatewayProcess]:
    """Run a gateway until the block ends, `under` another command if one is given."""
    # Under coverage it would take twice the time and more memory, and reach no line that is new.
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    environment = {**kept, "HOST": "127.0.0.1", "PORT": "0", **settings}
    started = subprocess.Popen(
        [*under, sys.executable, "-m", "tests.faults.program"],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    gateway = GatewayProcess(started)
    serves = threading.Event()

    def listen() -> None:
        assert started.stderr is not None
        for line in started.stderr:
            # Else the pipe would fill, and the gateway wait for its reader.
            gateway.log.append(json.loads(line))
            if gateway.log[-1]["event"] == "serving":
                gateway.port = int(gateway.log[-1]["url"].rpartition(":")[2])
                serves.set()
        serves.set()

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        assert serves.wait(60)
        assert gateway.port, gateway.log
        yield gateway
    finally:
        gateway.http.close()
        started.kill()
        started.wait()
        listener.join()
        assert started.stderr is not None
        started.stderr.close()
