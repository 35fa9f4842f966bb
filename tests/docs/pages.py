"""The pages of docs/, taken apart into their code blocks.

A comment above a block tells what its looks do not: `<!-- test: not run, REASON -->` or
`<!-- test: exits with NUMBER -->`. It is not seen on the page.
"""

import re
from dataclasses import dataclass

from tests.checkout import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md"))

_BLOCK = re.compile(
    r'^(?:<!-- test: (.+?) -->\n)?```(\w+)(?: title="([^"\n]+)")?\n(.*?)^```$',
    re.MULTILINE | re.DOTALL,
)
_NOT_RUN = "not run, "
_EXITS = "exits with "


@dataclass(frozen=True)
class Block:
    """One fenced block of a page."""

    remark: str
    language: str
    title: str
    """The name of a file or, for a command, of the terminal."""
    text: str

    @property
    def is_run(self) -> bool:
        return not self.remark.startswith(_NOT_RUN)

    @property
    def exit_status(self) -> int:
        return int(self.remark.removeprefix(_EXITS)) if self.remark.startswith(_EXITS) else 0


def blocks(page: str) -> list[Block]:
    """Give the blocks of `page`, in order."""
    text = (DOCS / page).read_text()
    found = [Block(*groups) for groups in _BLOCK.findall(text)]
    assert text.count("```") == 2 * len(found), f"a block of {page} is written in another way"
    remarks = [block.remark for block in found if block.remark]
    assert all(remark.startswith((_NOT_RUN, _EXITS)) for remark in remarks), remarks
    return found


def files(page: str) -> dict[str, str]:
    """Give the files that `page` shows, by their names."""
    return {
        block.title: block.text
        for block in blocks(page)
        if block.title and block.language not in {"diff", "sh"}
    }
