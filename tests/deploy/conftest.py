"""Docker, if it is to be had, and the image; if not, a loud word about it."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.checkout import clone
from tests.deploy.engine import IMAGE
from tests.deploy.engine import docker as run_docker

LOUD = """
================================================================================
  DOCKER DOES NOT ANSWER: nothing about the image or the Compose file was tested.
  Start Docker and run `hatch run test tests/deploy`.
================================================================================"""


def docker_answers() -> bool:
    try:
        asked = subprocess.run(["docker", "version"], capture_output=True, timeout=30, check=False)
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


@pytest.fixture(scope="session")
def docker(pytestconfig: pytest.Config) -> None:
    """A Docker engine; without one, tests are skipped, or fail if VENEER_TEST_DOCKER=required."""
    if docker_answers():
        return
    if os.environ.get("VENEER_TEST_DOCKER") == "required":
        pytest.fail("docker does not answer, and VENEER_TEST_DOCKER=required", pytrace=False)
    reporter = pytestconfig.pluginmanager.get_plugin("terminalreporter")
    assert reporter is not None
    reporter.write_line(LOUD, red=True, bold=True)
    pytest.skip("docker does not answer")


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clone(tmp_path_factory.mktemp("clone"))


@pytest.fixture(scope="session")
def image(docker: None, checkout: Path) -> Iterator[str]:
    """The image as the README builds it, under a name of its own."""
    run_docker("build", "--tag", IMAGE, ".", cwd=checkout)
    yield IMAGE
    run_docker("rmi", "--force", IMAGE)
