"""Fuzzes for so many minutes, five unless told otherwise: `hatch run fuzz 30`.

One after the other, each for a third of the time: any bytes, by atheris; any values, by hypothesis;
any requests on a socket, by schemathesis. The first that finds something tells it and ends the run.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.checkout import ROOT
from tests.fuzz.fuzzers import HAS_ATHERIS, NO_ATHERIS, ask, parse
from veneer_gateway import configure_logging
from veneer_gateway.testing import running_gateway
from veneer_providers_dummy import DummyAdapter


def fuzz_bytes(seconds: int) -> None:
    """Fuzz the parser by bytes."""
    if not HAS_ATHERIS:
        print(NO_ATHERIS)
        return
    # Kept, for a finding lies there.
    folder = Path(tempfile.mkdtemp(prefix="veneer-fuzz-"))
    report(
        "atheris",
        parse(folder, f"-max_total_time={seconds}", "-verbosity=0", "-print_final_stats=1"),
    )


def fuzz_values(seconds: int) -> None:
    """Run the property tests, with other examples each time, until a run ends after `seconds`."""
    properties = ["-m", "hypothesis", "-q", "-x", "--hypothesis-profile=fuzz", "tests"]
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        tested = subprocess.run(
            [sys.executable, "-m", "pytest", *properties], cwd=ROOT, check=False
        )
        if tested.returncode != 0:
            sys.exit("hypothesis has a finding")


def fuzz_http(seconds: int) -> None:
    """Fuzz a gateway on a socket."""
    options = [f"--max-time={seconds}", "--phases=coverage,fuzzing", "--max-failures=1"]
    with running_gateway(DummyAdapter()) as gateway, tempfile.TemporaryDirectory() as folder:
        report("schemathesis", ask(gateway.url, Path(folder), *options))


def report(name: str, run: "subprocess.CompletedProcess[str]") -> None:
    """Show what a fuzzer said; leave if it has found something."""
    print(run.stdout, flush=True)
    if run.returncode != 0:
        sys.exit(f"{name} has a finding")


if __name__ == "__main__":
    configure_logging("error")  # That clients leave is no news here.
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 5
    for fuzz in (fuzz_bytes, fuzz_values, fuzz_http):
        fuzz(max(1, round(minutes * 60 / 3)))
