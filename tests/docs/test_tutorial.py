"""A newcomer follows the tutorial from an empty folder, block by block."""

from pathlib import Path

import pytest

from tests.checkout import clone
from tests.docs.reader import Reader


@pytest.mark.timeout(600)
def test_the_tutorial_leads_from_an_empty_folder_to_an_answer(tmp_path: Path) -> None:
    clone(tmp_path / "veneer")

    Reader(tmp_path).follow("tutorials/attach-your-model.md")
