"""The HTTP server is chosen by an option or a variable, and told to every worker."""

import signal
import subprocess
import sys

import pytest

from tests.faults.process import GatewayProcess
from tests.faults.wire import talk
from tests.gateway.test_server import VENEER, environment, serving, stop

MALFORMED = b"GET\r\n\r\n"
# By what one can tell them apart: only the one has our error body for it.
CODES = {"hypercorn": [], "uvicorn": ["malformed_request"]}


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(
    ("option", "variable", "server"),
    [
        ("", "", "hypercorn"),
        ("", "uvicorn", "uvicorn"),
        ("uvicorn", "hypercorn", "uvicorn"),
        ("hypercorn", "uvicorn", "hypercorn"),
    ],
)
def test_the_option_comes_before_the_variable(
    workers: str, option: str, variable: str, server: str
) -> None:
    command = [*VENEER, "--server", option] if option else VENEER
    settings = {"VENEER_SERVER": variable, "VENEER_WORKERS": workers}

    with serving(*command, **settings) as (process, url):
        gateway = GatewayProcess(process, port=int(url.rpartition(":")[2]))
        answers = [talk(gateway, MALFORMED) for _ in range(4)]
        status, _ = stop(process, signal.SIGTERM)

    assert [(answer.statuses, answer.codes) for answer in answers] == [([400], CODES[server])] * 4
    assert status == 0


@pytest.mark.parametrize("module", ["uvicorn", "httptools"])
def test_one_that_is_not_installed_is_told_with_what_installs_it(module: str) -> None:
    program = (
        f"import sys; sys.modules[{module!r}] = None; import veneer_gateway.cli as c; c.main()"
    )

    ended = subprocess.run(
        [sys.executable, "-c", program, "serve", "--server=uvicorn"],
        env=environment(VENEER_WORKERS="2"),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert ended.returncode == 1
    assert ended.stderr == (
        f"Error: The server uvicorn needs {module}, which is not installed: "
        "pip install 'veneer-gateway[uvicorn]'\n"
    )


def test_one_that_is_unknown_is_named() -> None:
    ended = subprocess.run(
        VENEER,
        env=environment(VENEER_SERVER="gunicorn"),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert ended.returncode == 1
    assert "VENEER_SERVER='gunicorn' is no good" in ended.stderr
    assert "'hypercorn' or 'uvicorn'" in ended.stderr
