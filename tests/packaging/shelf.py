"""Built distributions, and environments to install them in."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.checkout import environment

FOLDERS = {
    "veneer-protocol": "packages/protocol",
    "veneer-providers-dummy": "packages/providers-dummy",
    "veneer-providers-openai": "packages/providers-openai",
    "veneer-gateway": "services/gateway",
    "veneer-providers-acme": "examples/providers-acme",
}
SCRIPTS = Path(__file__).parent / "scripts"


@dataclass
class Shelf:
    """The built distributions, as an index would hold them."""

    folder: Path

    def wheel(self, name: str) -> Path:
        (path,) = self.folder.glob(f"{name.replace('-', '_')}-*.whl")
        return path

    def sdist(self, name: str) -> Path:
        (path,) = self.folder.glob(f"{name.replace('-', '_')}-*.tar.gz")
        return path


@dataclass
class Environment:
    """A virtual environment of its own."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Self:
        """Make one in `folder` with nothing in it."""
        run("uv", "venv", "--quiet", "--python", sys.executable, str(folder))
        return cls(folder)

    def install(self, *distributions: Path | str) -> None:
        run("uv", "pip", "install", "--quiet", "--python", self.python, *map(str, distributions))

    def run(self, script: str, *arguments: str) -> str:
        # -I: neither this folder nor the variables of the tests reach the interpreter.
        path = SCRIPTS / script
        return run(self.python, "-I", "-W", "error", str(path), *arguments).strip()

    @property
    def python(self) -> str:
        return str(self.folder / "bin/python")


def run(*command: str, cwd: Path | None = None, **variables: str) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=environment(**variables), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout
