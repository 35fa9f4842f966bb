"""Ways to install what is missing."""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.peer import UnavailableError

_TIMEOUT_SECONDS = 600


def from_debian(program: str, package: str) -> None:
    """Have `program` on the path, by apt-get where that is ours to use.

    Raises:
        UnavailableError: it is not there, and cannot be installed.
    """
    if shutil.which(program) or Path("/usr/sbin", program).exists():
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise UnavailableError(f"{program} is not installed; on Debian: apt-get install {package}")
    tell(f"installing {package} by apt-get")
    run(["apt-get", "update", "-qq"])
    # What it serves by default is not wanted.
    no_service = {"DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    run(["apt-get", "install", "-qq", "--no-install-recommends", package], no_service)


def run(command: Sequence[str], environment: dict[str, str] | None = None) -> None:
    """Run a command of an installation.

    Raises:
        UnavailableError: it failed; what it said last is in the message.
    """
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(f"{command[0]} cannot be run: {error}") from error
    if done.returncode != 0:
        last = " ".join(done.stdout.split()[-40:])
        raise UnavailableError(f"{' '.join(command[:2])} failed: {last}")


def tell(text: str) -> None:
    """Say what goes on."""
    print(text, file=sys.stderr, flush=True)
