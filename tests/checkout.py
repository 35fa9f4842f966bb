"""A fresh clone of the working tree, and commands run in it as a reader would."""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir

ROOT = Path(__file__).parents[1]


def clone(target: Path) -> Path:
    """Copy what git tracks, or would track, to `target`."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).exists():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


def environment(**changes: str) -> dict[str, str]:
    """Give a reader's environment, in which `python3` is the Python that runs the tests.

    No venv is in it, and nothing says that this is continuous integration: told so, pytest and
    others print more than a reader sees.
    """
    ours = (
        *("BUILD_NUMBER", "CI", "COLUMNS", "COVERAGE_", "HATCH_", "HOST", "LOG_LEVEL", "PORT"),
        *("PYTHON", "VENEER_", "VIRTUAL_ENV"),
    )
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    python = Path(sys.base_prefix) / "bin"
    return {**kept, "PATH": f"{python}:{kept['PATH']}", **changes}


def is_listening(port: int) -> bool:
    """Tell whether something answers on `port` of the loopback."""
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def server(command: str, folder: Path, port: int = 3000) -> Iterator[None]:
    """Run `command`, which starts a server on `port`, until the block ends."""
    with _alone_on(port), _running(command, folder, port):
        yield


@contextmanager
def _alone_on(port: int) -> Iterator[None]:
    """Wait for other tests that need `port`, in this process or another."""
    with Path(gettempdir(), f"veneer-tests-{os.getuid()}-{port}").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _running(command: str, folder: Path, port: int) -> Iterator[None]:
    assert not is_listening(port), f"port {port} is taken; what the README starts needs it"
    process = subprocess.Popen(
        ["bash", "-c", command],
        cwd=folder,
        env=environment(**({} if port == 3000 else {"PORT": str(port)})),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        deadline = time.monotonic() + 240
        while not is_listening(port):
            if process.poll() is not None or time.monotonic() > deadline:
                os.killpg(process.pid, signal.SIGKILL)
                raise AssertionError(process.communicate()[0])
            time.sleep(0.1)
        yield
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=30)
