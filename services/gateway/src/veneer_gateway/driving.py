"""Runs a coroutine, and does something first whenever it is about to wait."""

from collections.abc import Awaitable, Callable, Coroutine, Generator
from types import coroutine
from typing import Any, TypeVar

T = TypeVar("T")


@coroutine
def drive(
    work: Coroutine[Any, Any, T], before_waiting: Callable[[], Awaitable[None]]
) -> Generator[Any, None, T]:
    """Give what `work` gives; each time it would suspend the task, `before_waiting` comes first.

    All of it runs in the present task: what `work` awaits is awaited there, and a cancellation
    reaches `work` also while `before_waiting` takes its time.
    """
    problem: BaseException | None = None
    while True:
        try:
            waited_for = work.send(None) if problem is None else work.throw(problem)
        except StopIteration as end:
            result: T = end.value
            return result
        problem = None
        try:
            yield from before_waiting().__await__()
            yield waited_for
        except BaseException as error:  # noqa: BLE001  It is raised in `work`.
            problem = error
