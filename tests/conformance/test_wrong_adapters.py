"""The kit finds what is wrong with an adapter, that and nothing else, and says what it wants."""

import inspect
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.conformance.wrong_adapters import (
    answers,
    cancellation,
    declared,
    headers,
    limits,
    refusals,
    right,
    side_by_side,
)
from tests.conformance.wrong_adapters.right import Check
from veneer_protocol import ProviderAdapter
from veneer_protocol.conformance import AdapterConformance

MODULES = (right, answers, declared, refusals, headers, cancellation, side_by_side, limits)
CHECKS = [
    check
    for module in MODULES
    for name, check in vars(module).items()
    if name.startswith("Test") and issubclass(check, Check)
]
TESTS = [test for name, test in inspect.getmembers(AdapterConformance) if name.startswith("test_")]


@pytest.fixture(scope="session")
def failures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """By class and test, what the kit says of the adapters of `wrong_adapters`."""
    report = tmp_path_factory.mktemp("report") / "report.xml"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        *(str(module.__file__) for module in MODULES),
        f"--junitxml={report}",
    ]
    done = subprocess.run(
        [*command, "-p", "no:cacheprovider", "-o", "junit_logging=all"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert report.exists(), done.stdout + done.stderr

    found: dict[str, dict[str, str]] = defaultdict(dict)
    for case in ElementTree.parse(report).iter("testcase"):
        for kind in ("failure", "error"):
            for failure in case.findall(kind):
                name = case.attrib["name"].partition("[")[0]
                found[case.attrib["classname"].rpartition(".")[2]][name] = failure.text or ""
    return found


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_wrong_adapter_fails_what_is_meant_for_it_and_nothing_else(
    failures: dict[str, dict[str, str]], check: type[Check]
) -> None:
    assert set(failures[check.__name__]) == {check.breaks} - {""}


def test_there_is_a_wrong_adapter_for_every_promise() -> None:
    assert {test.__name__ for test in TESTS} == {check.breaks for check in CHECKS} - {""}


@pytest.mark.parametrize("test", TESTS, ids=lambda test: test.__name__)
def test_a_promise_is_written_where_the_failure_says(test: object) -> None:
    (mark,) = [m for m in test.pytestmark if m.name == "veneer_promise"]  # type: ignore[attr-defined]
    where, sentence, _ = mark.args

    written = ProviderAdapter
    for name in where.removeprefix("veneer_protocol.ProviderAdapter").split(".")[1:]:
        written = getattr(written, name)

    assert sentence in " ".join((inspect.getdoc(written) or "").split())
