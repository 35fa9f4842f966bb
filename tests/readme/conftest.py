"""A fresh clone for the commands of the READMEs."""

from pathlib import Path

import pytest

from tests.checkout import clone


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clone(tmp_path_factory.mktemp("clone"))
