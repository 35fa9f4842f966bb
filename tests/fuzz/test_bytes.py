"""The parser, handed bytes by atheris, which is led by what they reach."""

import re
from pathlib import Path

import pytest

from tests.fuzz.fuzzers import HAS_ATHERIS, NO_ATHERIS, parse


@pytest.mark.skipif(not HAS_ATHERIS, reason=NO_ATHERIS)
def test_of_any_bytes_only_the_apis_errors_come(tmp_path: Path) -> None:
    parsed = parse(tmp_path, "-seed=1", "-runs=100000")

    assert parsed.returncode == 0, parsed.stdout
    first, *_, last = re.findall(r"cov: (\d+)", parsed.stdout)
    assert int(first) < int(last), parsed.stdout  # It sees where the bytes lead.
