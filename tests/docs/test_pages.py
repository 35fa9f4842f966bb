"""Every page does what it says, and no block of one is left out."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.docs.adapters import TRIED
from tests.docs.pages import PAGES, blocks, files
from tests.docs.reader import Reader
from veneer_gateway.registry import ENTRY_POINT_GROUP
from veneer_gateway.scaffold import write_provider

TOOLS = Path(sys.executable).parent
TUTORIAL = "tutorials/attach-your-model.md"
PUBLISH = "how-to/publish.md"


@pytest.mark.parametrize("page", [page for page in PAGES if page != TUTORIAL and blocks(page)])
def test_what_a_page_says_can_be_done(page: str, tmp_path: Path) -> None:
    folder = write_provider("acme", tmp_path) if page == PUBLISH else tmp_path

    Reader(folder, TOOLS).follow(page)


def test_every_file_on_a_page_is_run_by_its_commands_or_asked_by_a_test() -> None:
    unused = [
        (page, name)
        for page in PAGES
        for name, text in files(page).items()
        if name.endswith(".py") and not is_used(page, name)
    ]

    assert unused == []


def is_used(page: str, name: str) -> bool:
    if (page, name) in TRIED:
        return True
    typed = [block.text for block in blocks(page) if block.language == "sh" and block.is_run]
    return any(name in text or "pytest" in text for text in typed)


# The tutorial runs the checks of its own package.
@pytest.mark.parametrize("page", [page for page in PAGES if page != TUTORIAL and files(page)])
def test_the_code_on_a_page_is_formatted(page: str, tmp_path: Path) -> None:
    for name, text in files(page).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)

    for command in (["check", "--select=B,E,F,I,RUF,SIM,UP"], ["format", "--check", "--diff"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--isolated", "--line-length=100", "."],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_metadata_on_a_page_announces_a_provider() -> None:
    shown = [block.text for page in PAGES for block in blocks(page) if block.language == "toml"]

    assert shown
    for text in shown:
        assert ENTRY_POINT_GROUP in tomllib.loads(text)["project"]["entry-points"]


def test_a_whole_provider_takes_fifteen_lines() -> None:
    assert len(files("index.md")["echo.py"].splitlines()) <= 15
