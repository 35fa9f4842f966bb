"""The fuzzers that are programs of their own, each bounded by what its caller says."""

import os
import platform
import subprocess
import sys
from pathlib import Path

from tests.checkout import ROOT, environment

HERE = Path(__file__).parent
HAS_ATHERIS = (sys.platform, platform.machine()) == ("linux", "x86_64")
NO_ATHERIS = "ATHERIS HAS NO WHEEL FOR THIS PLATFORM: THE PARSER IS NOT FUZZED BYTE BY BYTE"


def ask(url: str, folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """Have schemathesis ask the gateway at `url` all that its own document allows and forbids."""
    config = ["--config-file", str(HERE / "schemathesis.toml")]
    return _run("schemathesis.cli", *config, "run", f"{url}/openapi.json", *options, cwd=folder)


def parse(folder: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """Have atheris hand the parser bytes, the findings and what is new of them kept in `folder`."""
    news = folder / "corpus"
    news.mkdir(exist_ok=True)
    given = [f"-dict={HERE / 'json.dict'}", "-timeout=10", f"-artifact_prefix={folder}{os.sep}"]
    return _run("tests.fuzz.parse_bytes", *given, *options, str(news), str(HERE / "corpus"))


def _run(module: str, *arguments: str, cwd: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=cwd,
        env=environment(PYTHONPATH=str(ROOT)),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
