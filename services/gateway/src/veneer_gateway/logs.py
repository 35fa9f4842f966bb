"""Log lines: JSON for machines, readable on a terminal."""

import logging
import sys
from typing import TextIO

import structlog

from veneer_gateway.settings import LogLevel


def configure_logging(level: LogLevel, stream: TextIO = sys.stderr) -> None:
    """Send every logger of the process to `stream`, from `level` up; `off` is none.

    Whatever is logged while a request is served carries its id, an adapter's own lines too. What
    is given as `extra` becomes fields of the line.
    """
    gather: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render: list[structlog.typing.Processor]
    if stream.isatty():
        # The default formatter shows local variables, and with them a caller's secrets.
        formatter = structlog.dev.plain_traceback
        render = [structlog.dev.ConsoleRenderer(exception_formatter=formatter)]
    else:
        render = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=gather,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    # Some write out URLs and headers, secrets included: HTTP clients, and HTTP/2's decoder.
    for name in ("hpack", "httpcore", "httpcore2", "httpx", "httpx2"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # It warns of each write to a client that has left, without saying whose.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    logging.getLogger("asyncio").addFilter(_is_no_lost_client)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.CRITICAL + 1 if level == "off" else level.upper())


def _is_no_lost_client(record: logging.LogRecord) -> bool:
    """Tell whether `record` is more than a client that took nothing until its time was over."""
    error = record.exc_info[1] if record.exc_info else None
    return not (isinstance(error, TimeoutError) and "client_connected_cb" in record.getMessage())
