"""Our packages as an index would hold them, and an environment to try them in."""

from pathlib import Path

import pytest

from tests.checkout import clone
from tests.packaging.shelf import FOLDERS, Environment, Shelf, run


@pytest.fixture(scope="session")
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
    return Environment.make(tmp_path / "env")
