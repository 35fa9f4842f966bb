"""The commands of the READMEs that need nothing but a fresh clone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.checkout import server
from tests.readme.readme import commands, curls, run_curl


@pytest.fixture(scope="module")
def dummy_server(checkout: Path) -> Iterator[None]:
    """What the README's first command starts in a fresh clone."""
    with server(commands("README.md")[0], checkout):
        yield


@pytest.mark.parametrize(("command", "language", "shown"), curls(acme=False))
@pytest.mark.usefixtures("dummy_server")
def test_every_command_for_the_dummy_answers_as_shown(
    command: str, language: str, shown: str
) -> None:
    run_curl(command, language, shown)
