"""A process that dies is seen to have died, and is replaced."""

import json
import subprocess
import time

import httpx2
import pytest

from tests.deploy.engine import IMAGE, container, docker, wait_for

pytestmark = pytest.mark.usefixtures("image")

# A provider as pip would install it, which brings its process down in the ways that happen.
CRASHING = {
    "crashing-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: crashing\nVersion: 1.0\n",
    "crashing-1.0.dist-info/entry_points.txt": (
        "[veneer.providers]\ncrashing = crashing:CrashingAdapter\n"
    ),
    "crashing.py": """
import ctypes
import os

from veneer_protocol import TextAdapter

if "CRASH_ON_IMPORT" in os.environ:
    ctypes.string_at(0)


class CrashingAdapter(TextAdapter):
    name = "crashing"
    models = ("fault", "memory")

    async def generate(self, request, context):
        match request.model_name:
            case "fault":
                ctypes.string_at(0)
            case "memory":
                held = []
                while True:
                    held.append(b"x" * 2**24)
        yield "never"
""",
}


@pytest.fixture(scope="module")
def crashing(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """The options that put the provider into a container."""
    folder = tmp_path_factory.mktemp("crashing")
    for name, text in CRASHING.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755)
    return ("--volume", f"{folder}:/crashing:ro", "--env", "PYTHONPATH=/crashing")


def crash(url: str, model: str) -> None:
    with pytest.raises(httpx2.TransportError):
        httpx2.post(
            f"{url}/v1/chat/completions",
            json={"model": f"crashing/{model}", "messages": [{"role": "user", "content": "hi"}]},
            timeout=30,
        )


@pytest.mark.parametrize(
    ("model", "code"), [("fault", 139), ("memory", 137)], ids=["fault", "out of memory"]
)
def test_a_crash_ends_the_container_with_a_status_that_says_so(
    crashing: tuple[str, ...], model: str, code: int
) -> None:
    with container(*crashing, "--memory", "256m", "--memory-swap", "256m") as (ident, url):
        crash(url, model)
        status = docker("wait", ident)

    assert status == str(code)


def test_a_crash_is_followed_by_a_new_process_where_the_container_is_to_restart(
    crashing: tuple[str, ...],
) -> None:
    with container(*crashing, "--restart", "unless-stopped") as (ident, url):
        crash(url, "fault")

        deadline = time.monotonic() + 60
        while json.loads(docker("inspect", ident))[0]["RestartCount"] == 0:
            assert time.monotonic() < deadline, "the container is not restarted"
            time.sleep(0.2)
        # The engine may have given it another port.
        wait_for(f"http://{docker('port', ident, '3000').splitlines()[0]}/readyz")


def test_a_crash_while_it_starts_is_seen_too(crashing: tuple[str, ...]) -> None:
    ended = subprocess.run(
        ["docker", "run", "--rm", *crashing, "--env", "CRASH_ON_IMPORT=1", IMAGE],
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 139
