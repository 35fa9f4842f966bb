"""The image and the Compose file: really built, started, called and stopped."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest
from openai import OpenAI

from tests.checkout import ROOT, is_listening
from tests.deploy.engine import IMAGE, container, docker, log_of, wait_for_health

PROJECT = "veneer-test"

pytestmark = pytest.mark.usefixtures("docker")


@pytest.fixture(scope="module")
def compose(checkout: Path) -> Iterator[Callable[..., str]]:
    """`docker compose` on a clone, cleaned up in the end."""

    def compose(*arguments: str, **variables: str) -> str:
        return docker("compose", "--project-name", PROJECT, *arguments, cwd=checkout, **variables)

    yield compose
    compose("down", "--volumes", "--remove-orphans")


@pytest.mark.usefixtures("image")
def test_the_image_runs_with_port_and_log_level_from_the_environment() -> None:
    with container("--env", "PORT=8123", "--env", "LOG_LEVEL=debug") as (ident, url):
        models = httpx2.get(f"{url}/v1/models").json()
        log = log_of(ident)

    assert [model["id"] for model in models["data"]] == ["dummy/echo-1", "dummy/story-1"]
    assert '"url": "http://0.0.0.0:8123"' in log
    assert '"level": "debug"' in log


@pytest.mark.usefixtures("image")
def test_the_image_serves_by_uvicorn_where_it_is_told_to() -> None:
    with container("--env", "VENEER_SERVER=uvicorn") as (_, url):
        refused = httpx2.request("BREW", f"{url}/v1/models")

    # Hypercorn would ask the application about the method.
    assert refused.json()["error"]["code"] == "malformed_request"


@pytest.mark.usefixtures("image")
def test_the_official_client_streams_from_the_container() -> None:
    with container() as (_, url), OpenAI(base_url=f"{url}/v1", api_key="any") as client:
        stream = client.chat.completions.create(
            model="dummy/echo-1", messages=[{"role": "user", "content": "hi"}], stream=True
        )
        said = "".join(chunk.choices[0].delta.content or "" for chunk in stream)

    assert said.startswith("The dummy provider heard: hi")


@pytest.mark.usefixtures("image")
def test_the_process_is_not_root_and_needs_to_write_nothing() -> None:
    with container("--read-only", "--cap-drop", "ALL") as (ident, _):
        user = docker("exec", ident, "id", "-u")
        command = docker("exec", ident, "cat", "/proc/1/cmdline").replace("\0", " ")

    assert user == "10001"
    assert "veneer" in command


@pytest.mark.usefixtures("image")
def test_it_stops_cleanly_when_docker_stops_it() -> None:
    with container() as (ident, _):
        begun = time.monotonic()
        docker("stop", "--time", "20", ident)
        code = json.loads(docker("inspect", ident))[0]["State"]["ExitCode"]

    assert code == 0
    assert time.monotonic() - begun < 15


@pytest.mark.usefixtures("image")
def test_a_bad_setting_ends_the_container_with_an_error_that_names_it() -> None:
    ended = subprocess.run(
        ["docker", "run", "--rm", "--env", "PORT=many", IMAGE],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode == 1
    assert "PORT='many'" in ended.stderr


@pytest.mark.usefixtures("image")
def test_neither_tools_nor_sources_are_left_in_the_image() -> None:
    found = docker(
        "run", "--rm", IMAGE, "sh", "-c", "ls /src /opt/veneer/bin; ls -d /root/.cache; true"
    )

    assert "pip" not in found
    assert "pyproject.toml" not in found


def test_compose_up_alone_gives_a_healthy_gateway_on_port_3000(
    compose: Callable[..., str],
) -> None:
    assert not is_listening(3000), "port 3000 is taken; docker compose up needs it"

    compose("up", "--detach", "--wait", "--build")

    models = httpx2.get("http://127.0.0.1:3000/v1/models").json()
    assert [model["id"] for model in models["data"]] == ["dummy/echo-1", "dummy/story-1"]
    (ident,) = compose("ps", "--quiet").splitlines()
    assert wait_for_health(ident) == "healthy"
    compose("down")
    assert not is_listening(3000)


def test_one_line_adds_a_provider_to_the_image(compose: Callable[..., str]) -> None:
    readme = (ROOT / "README.md").read_text()
    line = 'VENEER_PROVIDERS="./examples/providers-acme" docker compose up --build'
    assert line in readme

    compose("up", "--detach", "--wait", "--build", VENEER_PROVIDERS="./examples/providers-acme")

    with OpenAI(base_url="http://127.0.0.1:3000/v1", api_key="mine") as client:
        answer = client.chat.completions.create(
            model="acme/chat-1",
            messages=[{"role": "user", "content": "hi"}],
            extra_headers={"x-tenant-id": "team-7"},
        )
    assert answer.choices[0].message.content == "tenant=team-7, auth=True"
    compose("down")


@pytest.mark.usefixtures("image")
def test_a_new_provider_brings_what_adds_it_to_the_image(tmp_path: Path) -> None:
    me = f"{os.getuid()}:{os.getgid()}"
    here = ("--user", me, "--volume", f"{tmp_path}:/here", "--workdir", "/here")
    docker("run", "--rm", *here, IMAGE, "veneer", "new-provider", "acme")
    # The package's own stand-in, where the gateway finds it on its own loopback.
    (tmp_path / "upstream.yaml").write_text(f"""
services:
  upstream:
    image: {IMAGE}
    network_mode: service:veneer
    volumes: ["./tests:/here/tests:ro"]
    working_dir: /here
    command: python -m tests.upstream
""")

    def compose(*arguments: str) -> str:
        return docker(
            *("compose", "--project-name", f"{PROJECT}-acme"),
            *("--file", "compose.yaml", "--file", "../upstream.yaml"),
            *arguments,
            cwd=tmp_path / "veneer-providers-acme",
            ACME_BASE_URL="http://127.0.0.1:8765",
            GATEWAY_IMAGE=IMAGE,
            PORT="3997",
        )

    try:
        compose("up", "--detach", "--wait", "--build")
        with OpenAI(base_url="http://127.0.0.1:3997/v1", api_key="mine") as client:
            models = [model.id for model in client.models.list()]
            answer = client.chat.completions.create(
                model="acme/chat-1", messages=[{"role": "user", "content": "hello there"}]
            )
        user = compose("exec", "veneer", "id", "-u")
    finally:
        compose("down", "--volumes", "--remove-orphans")
        docker("rmi", "--force", "veneer-acme")

    assert models == ["acme/chat-1", "dummy/echo-1", "dummy/story-1"]
    assert answer.choices[0].message.content == "hello there"
    assert user == "10001"


WORKERS = ("--env", "VENEER_WORKERS=2", "--read-only", "--cap-drop", "ALL")


def workers(ident: str) -> list[str]:
    """Give the process ids, within the container, of its workers."""
    command = "import glob; [print(p.split('/')[2]) for p in glob.glob('/proc/[0-9]*/cmdline')"
    command += " if open(p, 'rb').read().endswith(b'--worker\\0')]"
    return docker("exec", ident, "python", "-c", command).split()


def wait_until_served(ident: str, by: int) -> None:
    """Wait until so many workers have said that they serve; to be ready, one is enough."""
    deadline = time.monotonic() + 60
    while log_of(ident).count('"event": "serving"') < by:
        assert time.monotonic() < deadline, log_of(ident)
        time.sleep(0.2)


@pytest.mark.usefixtures("image")
def test_a_worker_that_is_killed_is_replaced_and_the_container_stops_cleanly() -> None:
    with container(*WORKERS, "--tmpfs", "/tmp") as (ident, url):
        wait_until_served(ident, by=2)
        before = workers(ident)
        kill = "import os, sys; os.kill(int(sys.argv[1]), 9)"
        docker("exec", ident, "python", "-c", kill, before[0])
        wait_until_served(ident, by=3)
        after = workers(ident)
        models = httpx2.get(f"{url}/v1/models").json()
        docker("stop", "--time", "20", ident)
        code = json.loads(docker("inspect", ident))[0]["State"]["ExitCode"]

    assert len(before) == len(after) == 2
    assert before[0] not in after
    assert models["data"]
    assert code == 0


@pytest.mark.usefixtures("image")
def test_a_container_that_can_write_nowhere_says_what_workers_need() -> None:
    done = subprocess.run(
        ["docker", "run", "--rm", *WORKERS, IMAGE],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr == (
        "Error: VENEER_WORKERS above 1 needs a folder for temporary files, to count together. "
        "TMPDIR names one; a container gets one by --tmpfs /tmp.\n"
    )
