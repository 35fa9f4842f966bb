"""An environment of its own for each client: a venv by uv, or node_modules by npm."""

import asyncio
import json
import os
import re
import shutil
import sys
from collections.abc import Mapping
from importlib.metadata import distributions
from pathlib import Path

from tests.clients.matrix import Client

SCRIPTS = Path(__file__).parent / "scripts"
FOLDER = Path(__file__).parents[2] / ".clients"
_INSTALL_SECONDS = 300
# One loop for all tests: clients keep connections, also from one test to the next.
_PYTEST_SETTINGS = (
    "asyncio_mode=auto",
    "asyncio_default_fixture_loop_scope=session",
    "asyncio_default_test_loop_scope=session",
)
# Proxies and indexes may be set there; what belongs to this process is not the client's.
_NOT_INHERITED = re.compile(
    "COVERAGE|HATCH|LANGCHAIN|LANGSMITH|LITELLM|OPENAI|PYTHON|UV_PROJECT|VENEER|VIRTUAL_ENV"
)


class FailureError(Exception):
    """A client, or what it needs, did not do what it should."""


class Environment:
    """What one client is installed in and runs in."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.folder = FOLDER / client.name

    @property
    def _python(self) -> str:
        return str(self.folder / "bin/python")

    async def install(self) -> None:
        """Install the client, or what is missing of it.

        Raises:
            FailureError: that cannot be done.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        # Node.js looks for modules beside who imports them, and pytest for the settings of others.
        shutil.copytree(SCRIPTS, self.folder, dirs_exist_ok=True)
        if self.client.is_python:
            venv = ("uv", "venv", "--quiet", "--allow-existing", "--python", sys.executable)
            await run(*venv, str(self.folder), seconds=_INSTALL_SECONDS)
            install: tuple[str, ...] = ("uv", "pip", "install", "--quiet", "--python", self._python)
        else:
            (self.folder / "package.json").write_text('{"private": true, "type": "module"}')
            install = ("npm", "install", "--no-package-lock", "--silent", "--prefer-offline")
        await run(*install, *self.client.packages, folder=self.folder, seconds=_INSTALL_SECONDS)

    @property
    def version(self) -> str:
        """The version of the client's first package."""
        package = re.split(r"[\[<>=]|(?<!^)@", self.client.packages[0])[0]
        if self.client.is_python:
            (site,) = self.folder.glob("lib/python*/site-packages")
            return next(iter(distributions(name=package, path=[str(site)]))).version
        manifest = self.folder / "node_modules" / package / "package.json"
        return str(json.loads(manifest.read_text())["version"])

    async def run(self, variables: Mapping[str, str], seconds: float) -> bytes:
        """Run its script and give what it prints.

        Raises:
            FailureError: it fails, or takes longer.
        """
        program = self._python if self.client.is_python else "node"
        script = self.client.script
        return await run(program, script, folder=self.folder, variables=variables, seconds=seconds)

    async def test(self, script: str, variables: Mapping[str, str], seconds: float) -> None:
        """Run the tests that the client brings.

        Raises:
            FailureError: one fails, none runs, or they take longer.
        """
        pytest = (self._python, "-m", "pytest", "-q", "--rootdir=.", "--config-file=/dev/null")
        settings = (f"--override-ini={one}" for one in _PYTEST_SETTINGS)
        output = await run(
            *pytest, *settings, script, folder=self.folder, variables=variables, seconds=seconds
        )
        if b" passed" not in output:
            raise FailureError(f"{script} ran no test:\n{output.decode()}")


async def run(
    *words: str,
    seconds: float,
    folder: Path | None = None,
    variables: Mapping[str, str] | None = None,
) -> bytes:
    """Run a command and give what it prints.

    Raises:
        FailureError: it fails, or takes longer; what it said last is in the message.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            cwd=folder,
            env=inherited() | dict(variables or {}),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except OSError as error:
        raise FailureError(f"{words[0]} cannot be run: {error.strerror}") from None
    try:
        async with asyncio.timeout(seconds):
            output, complaints = await process.communicate()
    except TimeoutError:
        raise FailureError(f"{words[0]} … {words[-1]} took longer than {seconds} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        said = (output + complaints).decode(errors="replace")[-3000:]
        raise FailureError(f"{words[0]} … {words[-1]} failed:\n{said}")
    return output


def inherited() -> dict[str, str]:
    """Give the environment variables that are not ours."""
    return {name: value for name, value in os.environ.items() if not _NOT_INHERITED.match(name)}
