"""The Docker engine at work: commands, and containers that are gone in the end."""

import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from tests.checkout import ROOT, environment

# Each process that runs tests builds and removes its own.
IMAGE = f"veneer-test-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"


def docker(*arguments: str, cwd: Path = ROOT, **variables: str) -> str:
    done = subprocess.run(
        ["docker", *arguments],
        cwd=cwd,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, f"docker {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
    return done.stdout.strip()


def log_of(container: str) -> str:
    """Give what it has written to its standard error so far."""
    command = ["docker", "logs", container]
    return subprocess.run(command, capture_output=True, text=True, check=True).stderr


def wait_for(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            httpx2.get(url).raise_for_status()
        except httpx2.HTTPError:
            assert time.monotonic() < deadline, f"{url} does not answer"
            time.sleep(0.2)
        else:
            return


def wait_for_health(container: str) -> str:
    deadline = time.monotonic() + 60
    while True:
        state: str = json.loads(docker("inspect", container))[0]["State"]["Health"]["Status"]
        if state != "starting" or time.monotonic() > deadline:
            return state
        time.sleep(0.2)


@contextmanager
def container(*options: str, image: str = IMAGE) -> Iterator[tuple[str, str]]:
    """Run the image, its port published, and give the container's id and URL."""
    port = next((o.removeprefix("PORT=") for o in options if o.startswith("PORT=")), "3000")
    ident = docker("run", "--detach", "--publish", f"127.0.0.1::{port}", *options, image)
    try:
        published = docker("port", ident, port).splitlines()[0]
        wait_for(f"http://{published}/readyz")
        yield ident, f"http://{published}"
    finally:
        docker("rm", "--force", ident)
