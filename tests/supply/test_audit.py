"""The audit fails on what is vulnerable, and only speaks up where nobody can be asked."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.checkout import ROOT
from tests.docs.upstreams import Upstream, serving
from tests.supply.locks import pins

VULNERABILITY = {
    "id": "PYSEC-0000-1",
    "affected": [
        {
            "package": {"name": "quart", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]}],
        }
    ],
}


def audit(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "scripts/audit.py", *arguments],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@contextmanager
def database(answer: Callable[[str], Any], status: int = 200) -> Iterator[tuple[str, list[str]]]:
    """A database of vulnerabilities, and what it has been asked."""
    names: list[str] = []

    def reply(body: bytes) -> Iterator[bytes]:
        names.append(json.loads(body)["package"]["name"])
        yield json.dumps(answer(names[-1])).encode()

    with serving(Upstream(reply, status=status)) as upstream:
        yield f"--osv-url={upstream.url}", names


def test_every_locked_package_is_asked_about() -> None:
    with database(lambda _: {}) as (url, names):
        done = audit(url)

    assert done.returncode == 0, done.stderr
    assert "none of them known to be vulnerable" in done.stdout
    assert set(names) >= {*pins("image"), *pins("build")}


def test_a_vulnerable_package_fails_and_is_named_with_its_cure() -> None:
    with database(lambda name: {"vulns": [VULNERABILITY]} if name == "quart" else {}) as (url, _):
        done = audit(url)

    assert done.returncode == 1
    assert f"quart {pins('image')['quart']}: PYSEC-0000-1, mended in 99.1" in done.stderr


def test_a_database_that_cannot_be_reached_is_told_loudly() -> None:
    done = audit("--osv-url=http://127.0.0.1:9")

    assert done.returncode == 0
    assert "NOT AUDITED: the database does not answer" in done.stderr
    assert done.stdout == ""


def test_a_database_that_is_broken_is_no_clean_bill_and_a_failure_where_one_is_required() -> None:
    with database(lambda _: {}, status=500) as (url, _):
        done = audit(url, VENEER_AUDIT="required")

    assert done.returncode == 1
    assert "NOT AUDITED" in done.stderr


def test_a_mistake_in_the_arguments_is_no_missing_database() -> None:
    done = audit("--nonsense")

    assert done.returncode == 2
    assert "NOT AUDITED" not in done.stderr
