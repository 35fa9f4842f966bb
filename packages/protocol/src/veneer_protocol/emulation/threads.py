"""The threads in which schemas are checked, apart from those that all else waits for."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

THREADS: Final = 2
"""How many there are: the work is all Python, and more would only share one processor."""

Result = TypeVar("Result")

# None is started before the first is needed.
_POOL = ThreadPoolExecutor(THREADS, thread_name_prefix="veneer-emulation")


def in_thread(work: Callable[..., Result], *args: Any) -> asyncio.Future[Result]:
    """Do `work` where it does not hold up the loop."""
    return asyncio.get_running_loop().run_in_executor(_POOL, work, *args)
