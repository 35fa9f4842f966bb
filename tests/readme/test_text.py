"""What the READMEs say without being run."""

import re

import pytest

from tests.checkout import ROOT
from tests.readme.readme import READMES, blocks
from veneer_gateway import Settings


def test_both_readmes_show_the_same_code() -> None:
    assert blocks("README.md") == blocks("README.ko.md")


@pytest.mark.parametrize(
    "readme", [*READMES, "services/gateway/README.md", "docs/reference/settings.md"]
)
def test_every_setting_is_listed_with_its_default(readme: str) -> None:
    rows = re.findall(r"^\| `([A-Z_]+)` \| `([^`]*)` \|", (ROOT / readme).read_text(), re.MULTILINE)
    by_field = {name.removeprefix("VENEER_").lower(): value for name, value in rows}

    defaults = {
        name: f"{value:g}" if isinstance(value, float) else str(value) or "unset"
        for name, value in Settings().model_dump().items()
    }

    assert by_field == defaults


@pytest.mark.parametrize(
    "readme",
    sorted(
        str(path.relative_to(ROOT))
        for pattern in ("*.md", "packages/*/*.md", "services/*/*.md", "examples/*/*.md")
        for path in ROOT.glob(pattern)
    ),
)
def test_links_lead_somewhere(readme: str) -> None:
    page = ROOT / readme

    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []
