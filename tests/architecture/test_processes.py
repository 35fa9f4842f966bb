"""What shares a port is left to one of the processes that run the tests."""

import re
import subprocess
import sys

from tests.checkout import ROOT


def test_a_group_is_run_by_one_process() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "2", "-v", "tests/readme/test_text.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    processes = re.findall(r"^\[(gw\d)\]", done.stdout, re.MULTILINE)
    assert len(processes) > 1, done.stdout
    assert len(set(processes)) == 1
