"""The locked requirements, read."""

import re

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.checkout import ROOT

REQUIREMENTS = ROOT / "requirements"
IN_THE_IMAGE = {
    "os_name": "posix",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": "3.13.0",
    "python_version": "3.13",
    "sys_platform": "linux",
}


def holds(marker: Marker | None) -> bool:
    """Tell whether `marker` is true in the image."""
    return marker is None or marker.evaluate(IN_THE_IMAGE)


def locked(name: str) -> dict[str, list[str]]:
    """Give each pin of a lock, as it is written, and its hashes."""
    text = (REQUIREMENTS / f"{name}.txt").read_text()
    blocks = re.findall(r"^(\w.+?)((?: \\\n    --hash=\S+)+)$", text, re.MULTILINE)
    assert len(blocks) == len(re.findall(r"^\w", text, re.MULTILINE))
    return {pin: re.findall(r"--hash=(\S+)", hashes) for pin, hashes in blocks}


def pins(name: str) -> dict[str, str]:
    """Give the versions that a lock gives to the image."""
    wanted = [Requirement(pin) for pin in locked(name)]
    return {
        canonicalize_name(one.name): str(one.specifier).removeprefix("==")
        for one in wanted
        if holds(one.marker)
    }
