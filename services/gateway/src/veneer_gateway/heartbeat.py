"""Names what blocks the event loop: an adapter that calls a library that waits, as a rule."""

import asyncio
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

_BLOCKED_AFTER_SECONDS = 1.0
_INTERVAL_SECONDS = 0.25

log = logging.getLogger("veneer.heartbeat")


@contextmanager
def heartbeat() -> Iterator[None]:
    """Watch the running event loop from another thread, and log where it is held up.

    Once each time it does not come round for a second, with the stack, as nobody else is served.
    """
    stop = threading.Event()
    arguments = (asyncio.get_running_loop(), threading.get_ident(), stop)
    threading.Thread(target=_watch, args=arguments, name="heartbeat", daemon=True).start()
    try:
        yield
    finally:
        stop.set()


def _watch(loop: asyncio.AbstractEventLoop, thread: int, stop: threading.Event) -> None:
    while not stop.is_set():
        came_round = threading.Event()
        asked = time.monotonic()
        try:
            loop.call_soon_threadsafe(came_round.set)
        except RuntimeError:  # The loop is closed.
            return
        if not came_round.wait(_BLOCKED_AFTER_SECONDS):
            _tell(thread)
            while not (came_round.wait(_INTERVAL_SECONDS) or stop.is_set()):
                pass
            log.warning(
                "event loop was blocked", extra={"seconds": round(time.monotonic() - asked, 1)}
            )
        stop.wait(_INTERVAL_SECONDS)


def _tell(thread: int) -> None:
    frame = sys._current_frames().get(thread)
    # The stack only: local variables may be a caller's secrets.
    stack = "".join(traceback.format_stack(frame)) if frame is not None else "unknown"
    log.error(
        "event loop is blocked, and this process serves nobody",
        extra={"stack": stack, "pid": os.getpid()},
    )
