"""Work that outlives its request, for adapters that finish what they have begun."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from openai.types.chat import ChatCompletionChunk

from veneer_gateway.errors import AdapterCall, gave_up
from veneer_gateway.in_flight import InFlight
from veneer_gateway.length import Length
from veneer_gateway.streaming import close_stream
from veneer_protocol import encode_event

T = TypeVar("T")

log = logging.getLogger("veneer.background")


@dataclass(frozen=True)
class _End:
    """Of a stream that is handed over."""

    error: Exception | None = None


async def finish(work: Coroutine[Any, Any, T], in_flight: InFlight) -> T:
    """Await `work`, which goes on as one of the tasks in flight when the caller is cancelled.

    As long as any request may take.
    """

    async def bounded() -> T:
        async with asyncio.timeout(in_flight.limits.total):
            with AdapterCall():  # In this task already: what ends it would end the process.
                return await work

    task = _start(bounded(), in_flight)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        task.add_done_callback(_log_failure)
        raise


async def finish_stream(
    chunks: AsyncIterator[object], in_flight: InFlight, length: Length
) -> AsyncGenerator[object, None]:
    """Give `chunks`, which go on to their end in a task in flight when this is closed.

    While it is read, a slow reader slows them as ever. Then they add to `length` here, and take as
    long as any request may.
    """
    queue: asyncio.Queue[object] = asyncio.Queue(maxsize=1)
    is_read = True

    async def hand_over(item: object) -> None:
        if is_read:
            await queue.put(item)
        else:
            await asyncio.sleep(0)

    async def pump() -> None:
        try:
            async with asyncio.timeout(in_flight.limits.total):
                with AdapterCall():
                    async for chunk in chunks:
                        if not is_read and isinstance(chunk, ChatCompletionChunk):
                            length.add(encode_event(chunk))
                        await hand_over(chunk)
        except asyncio.CancelledError:
            await hand_over(_End(gave_up()))
            raise
        except Exception as error:
            if not is_read:
                log.exception("adapter failed in the background")
            await hand_over(_End(error))
        else:
            await hand_over(_End())
        finally:
            await close_stream(chunks)

    _start(pump(), in_flight)
    try:
        while not isinstance(item := await queue.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        is_read = False
        if not queue.empty():
            queue.get_nowait()


def _start(work: Coroutine[Any, Any, T], in_flight: InFlight) -> asyncio.Task[T]:
    task = asyncio.create_task(work)
    in_flight.add(task)
    task.add_done_callback(in_flight.discard)
    return task


def _log_failure(task: asyncio.Task[Any]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("adapter failed in the background", exc_info=error)
