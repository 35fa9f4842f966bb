"""Peers in Python: ours, FastAPI, the raw ASGI application, the upstream itself."""

import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.peers.peer import Setup


def veneer(*options: str) -> "Command":
    """Give the gateway's own command, with more options."""
    return Command([str(Path(sys.executable).with_name("veneer")), "serve", *options])


def uvicorn(application: str) -> "Command":
    """Give uvicorn in its fastest form, with httptools, uvloop and without an access log."""
    options = ("--http=httptools", "--loop=uvloop", "--no-access-log", "--log-level=warning")
    return Command([sys.executable, "-m", "uvicorn", application, *options], "--port")


def hypercorn(application: str) -> Callable[[Setup], Sequence[str]]:
    """Give Hypercorn, in one process."""

    def command(setup: Setup) -> Sequence[str]:
        bind = f"--bind=127.0.0.1:{setup.port}"
        return [sys.executable, "-m", "hypercorn", "--workers=0", bind, application]

    return command


def upstream() -> "Command":
    """Give the upstream that gateways are measured in front of."""
    return Command([sys.executable, "-m", "benchmarks.peers.upstream"], "")


def versions(*distributions: str) -> str:
    """Name what is installed."""
    return ", ".join(f"{name} {version(name)}" for name in distributions)


class Command:
    """A command line that ends in the port, or one that reads it from the environment."""

    def __init__(self, words: Sequence[str], port_option: str | None = None) -> None:
        self._words = words
        self._port_option = port_option

    def __call__(self, setup: Setup) -> Sequence[str]:
        """Give the words."""
        if self._port_option is None:
            return self._words
        return [*self._words, *filter(None, [self._port_option]), str(setup.port)]
