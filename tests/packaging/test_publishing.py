"""Each package builds, installs and runs on its own, with only what it declares."""

import re
import shutil
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.checkout import ROOT
from tests.packaging.shelf import FOLDERS, SCRIPTS, Environment, Shelf, run

NEEDS: dict[str, list[str]] = {
    "veneer-protocol": [],
    "veneer-providers-dummy": ["veneer-protocol"],
    "veneer-providers-openai": ["veneer-protocol"],
    "veneer-gateway": ["veneer-protocol"],
    "veneer-providers-acme": ["veneer-protocol"],
}
NEEDS_EXTRA = [
    "veneer_gateway.tracing",
    "veneer_gateway.servers.uvicorn_cycle",
    "veneer_gateway.servers.uvicorn_http1",
    "veneer_gateway.servers.uvicorn",
    "veneer_protocol.conformance",
    "veneer_protocol.emulation",
    "veneer_protocol.pytest_plugin",
]


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
    modules = [entry for entry in names if not entry.endswith(".jinja")]
    assert not any(re.search(r"/(tests|__pycache__)/|/test_", entry) for entry in modules)


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

    package = name.replace("-", "_")
    assert int(empty.run("import_all.py", package, *NEEDS_EXTRA)) > 0
    run("uv", "pip", "check", "--quiet", "--python", empty.python)


def test_the_protocol_comes_without_server_and_uses_no_client(
    shelf: Shelf, empty: Environment
) -> None:
    empty.install(shelf.wheel("veneer-protocol"))

    assert empty.run("protocol_alone.py") == "[]"


def test_the_dummy_runs_without_the_gateway(shelf: Shelf, empty: Environment) -> None:
    empty.install(shelf.wheel("veneer-protocol"), shelf.wheel("veneer-providers-dummy"))

    assert empty.run("dummy_alone.py").startswith("The dummy provider heard: hi")


def test_the_conformance_kit_brings_all_that_it_needs(
    shelf: Shelf, empty: Environment, tmp_path: Path
) -> None:
    kit = f"veneer-protocol[conformance] @ {shelf.wheel('veneer-protocol').as_uri()}"
    empty.install(kit, shelf.wheel("veneer-gateway"), shelf.wheel("veneer-providers-dummy"))

    shutil.copy(SCRIPTS / "check_dummy.py", tmp_path)

    said = run(empty.python, "-W", "error", "-m", "pytest", "-q", "check_dummy.py", cwd=tmp_path)

    assert " passed" in said
    assert " failed" not in said


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
