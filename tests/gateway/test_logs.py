"""Log lines for machines and for people."""

import io
import json
import logging
import sys
import threading
from collections.abc import Iterator

import pytest

from veneer_gateway.logs import configure_logging, log_strays
from veneer_gateway.settings import LogLevel
from veneer_protocol import RequestContext

SECRET = "hunter2"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _root_as_before() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers, root.level
    yield
    root.handlers, root.level = before


def fail_with_a_secret() -> None:
    password = "hunter2"
    try:
        raise RuntimeError(f"{len(password)} letters were wrong")
    except RuntimeError:
        logging.getLogger("veneer.test").exception("it failed", extra={"provider": "acme"})


def test_a_line_is_json_away_from_a_terminal() -> None:
    log = io.StringIO()
    configure_logging("info", log)

    RequestContext(request_id="req_1").logger.info("asked %s", "twice")

    line = json.loads(log.getvalue())
    assert line["event"] == "asked twice"
    assert line["request_id"] == "req_1"
    assert line["level"] == "info"
    assert line["logger"] == "veneer.adapter"
    assert line["timestamp"].endswith("Z")


def test_a_line_of_an_adapter_has_the_fields_that_it_gives() -> None:
    log = io.StringIO()
    configure_logging("info", log)
    given = {"tenant": "one", "of": {("a", 1): [1.5, float("nan")]}}

    RequestContext(request_id="req_1").logger.info("asked", extra=given)

    line = json.loads(log.getvalue())
    assert line["request_id"] == "req_1"
    assert line["tenant"] == "one"


@pytest.mark.parametrize("log", [io.StringIO(), Terminal()], ids=["json", "terminal"])
def test_a_line_that_cannot_be_written_is_told_by_its_place_alone(
    log: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("info", log)

    logging.getLogger("acme").info("%s and %s", SECRET)  # noqa: PLE1206

    assert "malformed line of the log" in log.getvalue()
    assert "acme, test_logs.py:" in log.getvalue()
    assert SECRET not in log.getvalue() + capsys.readouterr().err


@pytest.mark.parametrize("log", [io.StringIO(), Terminal()], ids=["json", "terminal"])
def test_a_traceback_is_logged_without_local_variables(log: io.StringIO) -> None:
    configure_logging("info", log)

    fail_with_a_secret()

    assert "7 letters were wrong" in log.getvalue()
    assert "fail_with_a_secret" in log.getvalue()
    assert "acme" in log.getvalue()
    assert "hunter2" not in log.getvalue()


@pytest.mark.parametrize(("level", "lines"), [("debug", 3), ("info", 2), ("error", 1), ("off", 0)])
def test_the_level_says_what_is_logged(level: LogLevel, lines: int) -> None:
    log = io.StringIO()
    configure_logging(level, log)

    logger = logging.getLogger("veneer.test")
    logger.debug("one")
    logger.info("two")
    logger.critical("three")

    assert len(log.getvalue().splitlines()) == lines


def test_clients_that_leave_do_not_fill_the_log() -> None:
    log = io.StringIO()
    configure_logging("debug", log)

    logging.getLogger("asyncio").warning("socket.send() raised exception.")
    logging.getLogger("asyncio").error("Task exception was never retrieved")

    assert len(log.getvalue().splitlines()) == 1


def test_what_asyncio_says_of_a_task_is_told_without_its_exceptions_words() -> None:
    log = io.StringIO()
    configure_logging("info", log)

    try:
        raise RuntimeError(SECRET) from ValueError(SECRET)
    except RuntimeError as error:
        words = f"Task exception was never retrieved\nfuture: <Task exception={error!r}>"
        logging.getLogger("asyncio").error(words, exc_info=error)

    line = json.loads(log.getvalue())
    assert line["event"] == "Task exception was never retrieved"
    assert "builtins.RuntimeError" in line["exception"]
    assert "builtins.ValueError" in line["exception"]
    assert "test_logs.py" in line["exception"]
    assert SECRET not in log.getvalue()


def test_exceptions_that_nobody_can_catch_are_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    log = io.StringIO()
    configure_logging("info", log)
    log_strays()

    class Careless:
        def __del__(self) -> None:
            fail()

    def fail() -> None:
        raise RuntimeError(SECRET)

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    Careless()

    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["a thread failed", "an exception was ignored"]
    assert all("in fail" in line["exception"] for line in lines)
    assert SECRET not in log.getvalue()
