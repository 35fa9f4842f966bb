"""Waiting for an adapter no longer than is said, whatever it does."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from veneer_gateway.errors import AdapterCall

T = TypeVar("T")

# Those that swallow their cancellation; they are left behind, and must not be collected unfinished.
_LEFT_BEHIND: set[asyncio.Task[Any]] = set()


async def within(seconds: float, work: Coroutine[Any, Any, T], what: str) -> T:
    """Give what an adapter's `work` gives, in a task of its own.

    Raises:
        TimeoutError: it took longer; the message says `what` it was. It is cancelled, and left
            behind where it swallows that.
        Exception: what `work` raised, where an adapter may raise that.
    """

    async def call() -> T:
        with AdapterCall():
            return await work

    task = asyncio.create_task(call())
    _LEFT_BEHIND.add(task)
    task.add_done_callback(_LEFT_BEHIND.discard)
    try:
        done, _ = await asyncio.wait({task}, timeout=seconds)
    except asyncio.CancelledError:
        task.cancel()
        raise
    if not done:
        task.cancel()
        raise TimeoutError(f"{what} did not end within {seconds:g} s")
    return task.result()
