"""Runs a coroutine, and does something first whenever it is about to wait."""

import asyncio
from collections.abc import Callable, Coroutine, Generator
from types import coroutine
from typing import Any, TypeVar

T = TypeVar("T")


@coroutine
def drive(
    work: Coroutine[Any, Any, T], before_waiting: Callable[[], None]
) -> Generator[Any, None, T]:
    """Give what `work` gives; each time it would suspend the task, `before_waiting` comes first.

    All of it runs in the present task: what `work` awaits is awaited there, and a cancellation of
    the task reaches it as ever.
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
            before_waiting()
            yield waited_for
        except BaseException as error:  # noqa: BLE001  It is raised in `work`.
            problem = error


def begin(work: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
    """Do `work` as far as it needs not wait; give the task that does the rest, if there is one."""
    try:
        waited_for = work.send(None)
    except StopIteration:
        return None
    return asyncio.create_task(_finish(work, waited_for))


async def _finish(work: Coroutine[Any, Any, None], waited_for: Any) -> None:
    await _rest(work, waited_for)


@coroutine
def _rest(work: Coroutine[Any, Any, None], waited_for: Any) -> Generator[Any, None, None]:
    while True:
        problem: BaseException | None = None
        try:
            yield waited_for
        except BaseException as error:  # noqa: BLE001  It is raised in `work`.
            problem = error
        try:
            waited_for = work.send(None) if problem is None else work.throw(problem)
        except StopIteration:
            return
