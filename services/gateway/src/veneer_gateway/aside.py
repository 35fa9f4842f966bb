"""Work in a thread beside, for a command that must end whatever an adapter does."""

import asyncio
import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any, NoReturn, TypeVar, cast

T = TypeVar("T")

_TELL_EVERY_SECONDS = 3
_SOON_SECONDS = 0.2

_STUCK: set[threading.Thread] = set()


def run_aside(work: Coroutine[Any, Any, T], seconds: float, tell: Callable[[str], object]) -> T:
    """Give what `work` gives, run on an event loop in a thread that nobody waits for at the end.

    While it goes on, `tell` is told from time to time where it is.

    Raises:
        TimeoutError: it took longer than `seconds`, which only code that blocks can do.
        Exception: what `work` raised.
    """
    outcomes: queue.Queue[tuple[T, None] | tuple[None, BaseException]] = queue.Queue()

    def run() -> None:
        loop = asyncio.new_event_loop()
        try:
            outcomes.put((loop.run_until_complete(work), None))
        except BaseException as error:  # noqa: BLE001  Raised where it is waited for.
            outcomes.put((None, error))
        if not asyncio.all_tasks(loop):
            loop.close()

    thread = threading.Thread(target=run, name="aside", daemon=True)
    before = {*threading.enumerate(), thread}
    thread.start()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(queue.Empty):
            value, error = outcomes.get(timeout=_TELL_EVERY_SECONDS)
            _STUCK.update(_still_at_work(before))
            if error is not None:
                raise error
            return cast("T", value)
        tell(_where(thread))
    _STUCK.update(_still_at_work(before))
    raise TimeoutError(f"it did not come to an end within {seconds:g} s")


def _still_at_work(before: set[threading.Thread]) -> Iterator[threading.Thread]:
    """Give the threads, begun since, that a blocking call still holds.

    Those of an executor are waited for at the end of the process even where they are daemons.
    """
    for thread in set(threading.enumerate()) - before:
        thread.join(_SOON_SECONDS)
        if thread.is_alive():
            yield thread


def leave(status: int) -> NoReturn:
    """End the process, whatever the threads of `run_aside` still do."""
    if any(thread.is_alive() for thread in _STUCK):
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)  # The interpreter would wait for them.
    sys.exit(status)


def _where(thread: threading.Thread) -> str:
    frame = sys._current_frames().get(thread.ident or 0)
    *_, last = traceback.extract_stack(frame)
    if last.name == "select":
        return "a provider takes its time"
    return f"a provider is blocked in {last.name}, {last.filename}:{last.lineno}"
