"""Each package builds, installs and runs on its own, with only what it declares."""

import subprocess
import sys
import tarfile
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.checkout import ROOT, clone, environment

FOLDERS = {
    "veneer-protocol": "packages/protocol",
    "veneer-providers-dummy": "packages/providers-dummy",
    "veneer-providers-openai": "packages/providers-openai",
    "veneer-gateway": "services/gateway",
    "veneer-providers-acme": "examples/providers-acme",
}
SCRIPTS = Path(__file__).parent / "scripts"
NEEDS: dict[str, list[str]] = {
    "veneer-protocol": [],
    "veneer-providers-dummy": ["veneer-protocol"],
    "veneer-providers-openai": ["veneer-protocol"],
    "veneer-gateway": ["veneer-protocol"],
    "veneer-providers-acme": ["veneer-protocol"],
}


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

    def install(self, *distributions: Path) -> None:
        run("uv", "pip", "install", "--quiet", "--python", self.python, *map(str, distributions))

    def run(self, script: str, *arguments: str) -> str:
        # -I: neither this folder nor the variables of the tests reach the interpreter.
        path = SCRIPTS / script
        return run(self.python, "-I", "-W", "error", str(path), *arguments).strip()

    @property
    def python(self) -> str:
        return str(self.folder / "bin/python")


def run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """Every package, built in its own folder of a fresh clone by its own build backend."""
    checkout = clone(tmp_path_factory.mktemp("clone"))
    shelf = tmp_path_factory.mktemp("shelf")
    for folder in FOLDERS.values():
        run("hatch", "build", str(shelf), cwd=checkout / folder)
    return Shelf(shelf)


@pytest.fixture
def empty(tmp_path: Path) -> Environment:
    """An environment with nothing in it."""
    run("uv", "venv", "--quiet", "--python", sys.executable, str(tmp_path / "env"))
    return Environment(tmp_path / "env")


def test_every_distribution_passes_the_index_checks(shelf: Shelf) -> None:
    files = sorted(str(path) for path in shelf.folder.iterdir() if path.name[0] != ".")

    assert len(files) == 2 * len(FOLDERS)
    run(sys.executable, "-m", "twine", "check", "--strict", *files)


@pytest.mark.parametrize("name", FOLDERS)
def test_a_wheel_ships_its_types_and_its_licence_and_nothing_else(shelf: Shelf, name: str) -> None:
    package = name.replace("-", "_")

    names = zipfile.ZipFile(shelf.wheel(name)).namelist()

    assert f"{package}/py.typed" in names
    assert any(entry.endswith("licenses/LICENSE") for entry in names)
    assert {entry.partition("/")[0].partition("-")[0] for entry in names} == {package}
    assert not any("test" in entry or "__pycache__" in entry for entry in names)


@pytest.mark.parametrize("name", FOLDERS)
def test_an_sdist_holds_what_its_wheel_is_built_from(shelf: Shelf, name: str) -> None:
    with tarfile.open(shelf.sdist(name)) as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers()}

    assert {"LICENSE", "README.md", "CHANGELOG.md", "pyproject.toml"} <= names
    assert f"src/{name.replace('-', '_')}/__init__.py" in names


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
@pytest.mark.parametrize("name", FOLDERS)
def test_a_package_installs_alone_and_all_its_modules_import(
    shelf: Shelf, empty: Environment, name: str, kind: str
) -> None:
    # Its siblings come from the shelf, for they are not on the index before their release.
    wanted = [getattr(shelf, kind)(name), *map(shelf.wheel, NEEDS[name])]

    empty.install(*wanted)

    assert int(empty.run("import_all.py", name.replace("-", "_"))) > 0
    run("uv", "pip", "check", "--quiet", "--python", empty.python)


def test_the_protocol_comes_without_server_and_uses_no_client(
    shelf: Shelf, empty: Environment
) -> None:
    empty.install(shelf.wheel("veneer-protocol"))

    assert empty.run("protocol_alone.py") == "[]"


def test_the_dummy_runs_without_the_gateway(shelf: Shelf, empty: Environment) -> None:
    empty.install(shelf.wheel("veneer-protocol"), shelf.wheel("veneer-providers-dummy"))

    assert empty.run("dummy_alone.py").startswith("The dummy provider heard: hi")


def test_installed_beside_the_gateway_both_providers_are_served(
    shelf: Shelf, empty: Environment
) -> None:
    empty.install(*(shelf.wheel(name) for name in FOLDERS))

    models = run(str(empty.folder / "bin/veneer"), "models")

    assert models.split() == ["acme/chat-1", "dummy/echo-1", "dummy/story-1"]


def test_the_ranges_between_our_packages_hold_their_present_versions() -> None:
    projects = {
        name: tomllib.loads((ROOT / folder / "pyproject.toml").read_text())["project"]
        for name, folder in FOLDERS.items()
    }

    needed = [
        (requirement, projects[requirement.name]["version"])
        for project in projects.values()
        for requirement in map(Requirement, project["dependencies"])
        if requirement.name in projects
    ]

    assert needed
    assert [str(r) for r, version in needed if version not in r.specifier] == []
