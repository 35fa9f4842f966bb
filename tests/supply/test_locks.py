"""The locks fit what the packages ask for, and hold it to its hashes."""

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.checkout import ROOT
from tests.supply.locks import REQUIREMENTS, holds, locked, pins

LOCKS = ["build", "image"]


def inputs(name: str) -> list[str]:
    lines = (REQUIREMENTS / f"{name}.in").read_text().splitlines()
    return [line for line in lines if not line.startswith("#")]


def members() -> list[str]:
    workspace = tomllib.loads((ROOT / "pyproject.toml").read_text())
    patterns = workspace["tool"]["hatch"]["envs"]["default"]["workspace"]["members"]
    return sorted(f"./{p.relative_to(ROOT)}" for pattern in patterns for p in ROOT.glob(pattern))


def asked() -> list[Requirement]:
    """Give what the members ask for, with their extras in the image, but for each other."""
    found = []
    for member, _, extra in (one.rstrip("]").partition("[") for one in inputs("image")):
        project = tomllib.loads((ROOT / member / "pyproject.toml").read_text())["project"]
        lines = project["dependencies"] + project.get("optional-dependencies", {}).get(extra, [])
        found += [Requirement(line) for line in lines]
    return [one for one in found if not one.name.startswith("veneer-")]


def test_every_member_is_locked() -> None:
    assert sorted(one.partition("[")[0] for one in inputs("image")) == members()


def test_the_lock_of_the_image_fits_what_the_members_ask_for() -> None:
    versions = pins("image")
    wrong = [
        str(one)
        for one in asked()
        if holds(one.marker) and versions.get(canonicalize_name(one.name), "") not in one.specifier
    ]

    assert asked()
    assert wrong == [], "`hatch run lock` renews it"


def test_the_lock_of_the_image_names_what_asks_for_each_pin() -> None:
    text = (REQUIREMENTS / "image.txt").read_text()
    wanted = {canonicalize_name(one.name) for one in asked()}

    of_ours = {
        block.partition("==")[0]
        for block in re.findall(r"^\w.+(?:\n    .+)+", text, re.MULTILINE)
        if "veneer-" in block
    }

    assert of_ours == wanted, "`hatch run lock` renews it"


def test_the_lock_of_the_build_fits_its_input() -> None:
    versions = pins("build")

    for one in map(Requirement, inputs("build")):
        assert versions[one.name] in one.specifier, "`hatch run lock` renews it"


@pytest.mark.parametrize("name", LOCKS)
def test_every_pin_is_exact_and_has_hashes_but_no_address(name: str) -> None:
    text = (REQUIREMENTS / f"{name}.txt").read_text()

    assert all(re.fullmatch(r"[\w.-]+==[\w.]+(?: ; .+)?", pin) for pin in locked(name))
    assert all(h.startswith("sha256:") for hashes in locked(name).values() for h in hashes)
    assert all(locked(name).values())
    assert "://" not in text
    assert "index" not in text
