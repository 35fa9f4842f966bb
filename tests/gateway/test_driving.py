"""A coroutine that is driven does all that it would do when awaited, and is never made to wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from veneer_gateway.driving import begin, drive


class Sent:
    """Notes what was ready each time that there was a wait."""

    def __init__(self) -> None:
        self.ready: list[int] = []
        self.batches: list[list[int]] = []

    def flush(self) -> None:
        if self.ready:
            self.batches.append(self.ready)
            self.ready = []


async def numbers(pause_after: set[int]) -> AsyncIterator[int]:
    for number in range(6):
        yield number
        if number in pause_after:
            await asyncio.sleep(0.001)


@pytest.mark.parametrize(
    ("pauses", "batches"),
    [
        (set(), []),
        ({2}, [[0, 1, 2]]),
        ({0, 4}, [[0], [1, 2, 3, 4]]),
        ({0, 1, 2, 3, 4, 5}, [[0], [1], [2], [3], [4], [5]]),
    ],
)
async def test_what_is_ready_leaves_before_each_wait_and_only_then(
    pauses: set[int], batches: list[list[int]]
) -> None:
    sent = Sent()

    async def work() -> str:
        async for number in numbers(pauses):
            sent.ready.append(number)
        return "done"

    assert await drive(work(), sent.flush) == "done"
    assert sent.batches == batches


async def test_what_it_raises_is_raised_and_it_can_wait_for_anything() -> None:
    sent = Sent()

    async def work() -> None:
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            task = group.create_task(asyncio.sleep(0.001, "slept"))
            assert await asyncio.to_thread(lambda: "from a thread") == "from a thread"
            assert await task == "slept"
        raise LookupError("at the end")

    with pytest.raises(LookupError, match="at the end"):
        await drive(work(), sent.flush)


async def test_its_own_time_limits_hold() -> None:
    sent = Sent()

    async def work() -> str:
        try:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(60)
        except TimeoutError:
            return "too late"
        return "in time"

    assert await drive(work(), sent.flush) == "too late"


async def test_a_cancellation_reaches_it_and_it_tidies_up() -> None:
    waits, tidied = asyncio.Event(), asyncio.Event()

    async def generate() -> AsyncIterator[int]:
        try:
            yield 1
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            tidied.set()

    async def work() -> None:
        async with aclosing(generate()) as numbers:  # type: ignore[type-var]
            async for _ in numbers:
                pass

    async def driven() -> None:
        await drive(work(), waits.set)

    task = asyncio.create_task(driven())
    await waits.wait()
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert tidied.is_set()


async def test_what_was_waited_for_may_be_there_before_the_wait_begins() -> None:
    arrives: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def work() -> str:
        return await arrives

    assert await drive(work(), lambda: arrives.set_result("here")) == "here"


async def test_what_is_begun_and_need_not_wait_is_done_at_once() -> None:
    done: list[int] = []

    async def work() -> None:
        done.append(1)

    assert begin(work()) is None
    assert done == [1]


async def test_what_is_begun_and_waits_is_finished_beside() -> None:
    gate = asyncio.Event()
    done: list[int] = []

    async def work() -> None:
        done.append(1)
        try:
            await gate.wait()
            await asyncio.sleep(0)
            done.append(2)
        finally:
            done.append(3)

    rest, other = begin(work()), begin(work())
    assert rest is not None
    assert other is not None
    assert done == [1, 1]
    other.cancel()
    gate.set()
    await rest
    with pytest.raises(asyncio.CancelledError):
        await other
    assert sorted(done) == [1, 1, 2, 3, 3]
