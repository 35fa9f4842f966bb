"""Log lines: JSON for machines, readable on a terminal, and nothing of a caller's in them."""

import logging
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from math import isfinite
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor

from veneer_gateway.exchange import current_exchange
from veneer_gateway.redaction import Redaction
from veneer_gateway.settings import LogLevel

# Some write out URLs, headers and bodies, secrets included: HTTP clients, and HTTP/2's decoder.
_TALKATIVE = (
    *("aiohttp", "anthropic", "boto3", "botocore", "hpack", "httpcore", "httpcore2"),
    *("httpx", "httpx2", "openai", "requests", "urllib3"),
)
# A malformed OTEL_EXPORTER_OTLP_HEADERS, which holds a key as a rule, is quoted by this one.
_INDISCREET = ("opentelemetry.util.re",)

_STRAY = "veneer.stray"
# They log of a request from outside of it, where nobody knows what came with it.
_FROM_OUTSIDE = frozenset(
    {"asyncio", "concurrent.futures", "hypercorn.error", "uvicorn.error", _STRAY}
)
_KEPT = frozenset({"_record", "level", "logger", "request_id", "timestamp"})
_DEEPEST = 5
_FRAME = re.compile(r'[ |+-]*File "')


def configure_logging(level: LogLevel, stream: TextIO = sys.stderr) -> None:
    """Send every logger of the process to `stream`, from `level` up; `off` is none.

    Whatever is logged while a request is served carries its id, an adapter's own lines too. What
    is given as `extra` becomes fields of the line. What the caller sent is taken out of what an
    adapter says, exceptions included.
    """
    gather: list[Processor] = [
        _with_request_id,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render: Processor = structlog.processors.JSONRenderer()
    if stream.isatty():
        render = structlog.dev.ConsoleRenderer()
    handler = _Handler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=gather,
            processors=[
                _without_secrets,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                render,
            ],
        )
    )
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in _INDISCREET:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    # It warns of each write to a client that has left, without saying whose.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    logging.getLogger("asyncio").addFilter(_is_no_lost_client)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.CRITICAL + 1 if level == "off" else level.upper())


class _Handler(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  As logging has it.
        """Tell whose line it is that cannot be written; Python would quote what is in it."""
        place = f"{record.name}, {record.filename}:{record.lineno}"
        told = logging.LogRecord(
            "veneer.logs", logging.ERROR, __file__, 0, "malformed line of the log", None, None
        )
        told.__dict__["line"] = place
        with suppress(Exception):  # It may be the stream that fails.
            self.stream.write(self.format(told) + self.terminator)
            self.flush()


def _is_no_lost_client(record: logging.LogRecord) -> bool:
    """Tell whether `record` is more than a client that took nothing until its time was over."""
    error = record.exc_info[1] if record.exc_info else None
    return not (isinstance(error, TimeoutError) and "client_connected_cb" in record.getMessage())


def log_strays() -> None:
    """Send to the log what Python itself would print: exceptions that nobody could catch."""
    threading.excepthook = lambda stray: _stray("a thread failed", stray.exc_value)
    sys.unraisablehook = lambda stray: _stray("an exception was ignored", stray.exc_value)


def _stray(event: str, error: BaseException | None) -> None:
    logging.getLogger(_STRAY).error(event, exc_info=error)


def _with_request_id(_: object, __: str, line: EventDict) -> EventDict:
    """Add to `line` which request it is about."""
    with suppress(LookupError):  # None is being served here.
        line.setdefault("request_id", current_exchange().context.request_id)
    return line


def _without_secrets(_: object, __: str, line: EventDict) -> EventDict:
    """Take out of `line`, and of its exception, what the caller sent."""
    name = line["_record"].name
    error = _error(line.pop("exc_info", None))
    if name in _FROM_OUTSIDE:
        # The rest of asyncio's is the repr of a task, with its exception.
        line["event"] = str(line["event"]).partition("\n")[0]
        told = None if error is None else "".join(_bare(error))
    else:
        redact = _redaction()
        told = None if error is None else _traceback(error, redact)
        if not _is_ours(name):
            hide = redact or str
            for key in line.keys() - _KEPT:
                line[hide(key)] = _told(line.pop(key), hide)
    if told is not None:
        line["exception"] = told.rstrip()
    return line


def _told(value: object, redact: Callable[[str], str], depth: int = 0) -> object:
    """Give `value` as it may be told, in types that JSON knows."""
    if value is None or isinstance(value, int) or (isinstance(value, float) and isfinite(value)):
        return value
    if depth < _DEEPEST and isinstance(value, Mapping):
        return {redact(str(key)): _told(item, redact, depth + 1) for key, item in value.items()}
    if depth < _DEEPEST and isinstance(value, list | tuple | set | frozenset):
        return [_told(item, redact, depth + 1) for item in value]
    return redact(value if isinstance(value, str) else repr(value))


def _redaction() -> Redaction | None:
    try:
        return current_exchange().redaction
    except LookupError:
        return None


def _is_ours(name: str) -> bool:
    """Tell the gateway's own loggers, whose lines quote nothing but exceptions."""
    return name.partition(".")[0] == "veneer" and name != "veneer.adapter"


def _error(exc_info: object) -> BaseException | None:
    return exc_info[1] if isinstance(exc_info, tuple) else None


def _traceback(error: BaseException, redact: Redaction | None) -> str:
    # Never with local variables, and what a frame shows is source code.
    lines = traceback.TracebackException.from_exception(error).format()
    if redact is None:
        return "".join(lines)
    return "".join(line if _FRAME.match(line) else redact(line) for line in lines)


def _bare(error: BaseException | None) -> Iterator[str]:
    """Tell an exception and what led to it by type and place, without their messages."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield from traceback.format_tb(error.__traceback__)
        yield f"{type(error).__module__}.{type(error).__qualname__}\n"
        error = error.__cause__ or error.__context__
