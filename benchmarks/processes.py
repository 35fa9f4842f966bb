"""A peer as a running process: on a core of its own, awake only while it is measured."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from benchmarks.client import RefusedError, ask
from benchmarks.peers.install import tell
from benchmarks.peers.peer import ROOT, Peer, Setup
from benchmarks.requests import Request, plain

# The rest has no part in this: proxies, credentials, settings of a gateway.
_KEPT = ("HOME", "LANG", "LD_LIBRARY_PATH", "PATH", "TMPDIR")
_STOP_SECONDS = 10
_SETTLE_SECONDS = 10


class PeerError(Exception):
    """A peer did not start, or did not do what it was asked."""


def cores() -> tuple[int, int]:
    """Give the core of the servers and the one of the clients."""
    ours = sorted(_ALLOWED)
    return ours[0], ours[1 % len(ours)]


_ALLOWED = os.sched_getaffinity(0)


def become_client() -> None:
    """Keep this process to the core of the clients, and let it tidy up when it is told to end."""
    servers, clients = cores()
    if servers == clients:
        tell("!!!! THERE IS ONE CORE: SERVER AND CLIENT SHARE IT !!!!")
    os.sched_setaffinity(0, {clients})
    # By default nothing would end the servers, some of which are stopped.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


@dataclass
class Server:
    """A process of a peer."""

    peer: Peer
    port: int
    process: psutil.Popen

    @contextmanager
    def awake(self) -> Iterator[None]:
        """Let it run inside of the block."""
        os.killpg(self.process.pid, signal.SIGCONT)
        try:
            yield
        finally:
            self.stop()

    def stop(self) -> None:
        """Put it to sleep."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGSTOP)

    def cpu_seconds(self) -> float:
        """Give the processor time that it has used, its children included."""
        return sum(sum(one.cpu_times()[:2]) for one in self._tree())

    def memory_bytes(self) -> int:
        """Give its resident memory, its children included."""
        return sum(int(one.memory_info().rss) for one in self._tree())

    def settle(self) -> None:
        """Wait until it has nothing left to do, or for some seconds."""
        deadline = time.monotonic() + _SETTLE_SECONDS
        while time.monotonic() < deadline:
            before = self.cpu_seconds()
            time.sleep(0.25)
            if self.cpu_seconds() - before <= 0.03:
                return
        tell(f"{self.peer.name} is still busy; measured all the same")

    def _tree(self) -> list[psutil.Process]:
        return [self.process, *self.process.children(recursive=True)]


@dataclass(frozen=True)
class Start:
    """How a process is started."""

    models: int = 0
    upstream: str | None = None
    core: int | None = None
    """Its core, if not that of the servers."""
    environment: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def running(peer: Peer, start: Start | None = None) -> Iterator[Server]:
    """Run a process of `peer` until the block ends; it answers when the block begins.

    Raises:
        PeerError: it does not come to answer.
    """
    with launched(peer, start) as (server, log):
        deadline = time.monotonic() + peer.start_timeout_seconds
        while not answers(server.port):
            if server.process.poll() is not None or time.monotonic() > deadline:
                last = log.read_text(errors="replace")[-1500:]
                raise PeerError(f"{peer.name} does not answer:\n{last}")
            time.sleep(0.02)
        yield server


@contextmanager
def launched(peer: Peer, start: Start | None = None) -> Iterator[tuple[Server, Path]]:
    """Start a process of `peer`, which does not answer yet; its log is beside it."""
    start = start or Start()
    with TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        setup = Setup(_free_port(), folder, start.models, start.upstream)
        log = folder / "log"
        words = peer.command(setup)
        with log.open("wb") as output, _on_core(cores()[0] if start.core is None else start.core):
            process = psutil.Popen(
                words,
                cwd=folder,
                env=_environment(peer, setup) | dict(start.environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            yield Server(peer, setup.port, process), log
        finally:
            _stop(process)


def answers(port: int, request: Request | None = None) -> bool:
    """Tell whether a server on `port` gives a completion."""
    try:
        return ask(port, request or plain(), timeout_seconds=10).status == 200
    except RefusedError:
        return False


def _environment(peer: Peer, setup: Setup) -> dict[str, str]:
    given = {name: os.environ[name] for name in _KEPT if name in os.environ}
    given |= {"HOST": "127.0.0.1", "PORT": str(setup.port), "PYTHONPATH": str(ROOT)}
    given |= {"BENCH_MODELS": str(setup.models)}
    if setup.upstream is not None:
        given |= {"BENCH_UPSTREAM": setup.upstream, "VENEER_OPENAI_UP_BASE_URL": setup.upstream}
        given |= {"VENEER_OPENAI_UP_MODELS": "ready,paced,silent"}
    return given | dict(peer.environment)


@contextmanager
def _on_core(core: int) -> Iterator[None]:
    # Children inherit it.
    ours = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, ours)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _stop(process: psutil.Popen) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGCONT)
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(psutil.TimeoutExpired, subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    # What is left of its group.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(_STOP_SECONDS)
