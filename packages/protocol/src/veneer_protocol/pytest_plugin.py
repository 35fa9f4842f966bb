"""Tells, beside each failure of the conformance kit, which promise was broken."""

from collections.abc import Generator

import pytest

_MARKER = "veneer_promise"
_BROKEN = pytest.StashKey[dict[type, set[str]]]()


def pytest_configure(config: pytest.Config) -> None:
    """Make the kit's marker known."""
    config.stash[_BROKEN] = {}
    config.addinivalue_line(
        "markers",
        f"{_MARKER}(where, sentence, after): what an adapter promises, where it is written, and "
        "the tests that must not have failed for this one to say anything",
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Spare the author what only follows from another failure."""
    if (promise := item.get_closest_marker(_MARKER)) is None:
        return
    _, _, after = promise.args
    if broken := _broken(item).intersection(after):
        pytest.skip(f"not looked at until {', '.join(sorted(broken))} passes")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the promise below the report of a failure."""
    report = yield
    promise = item.get_closest_marker(_MARKER)
    if report.failed and promise is not None:
        where, sentence, _ = promise.args
        report.sections.append(("the contract", f"{sentence}\nWritten in: {where}"))
        _broken(item).add(getattr(item, "originalname", item.name))
    return report


def _broken(item: pytest.Item) -> set[str]:
    return item.config.stash[_BROKEN].setdefault(getattr(item, "cls", type(item)), set())
