"""Many streams at 50 tokens a second, opened evenly and watched together."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import uvloop

from benchmarks.client import Record, Stream
from benchmarks.figures import milliseconds
from benchmarks.requests import stream
from benchmarks.workload import TOKENS_PER_SECOND

_TICK_SECONDS = 0.01
_OPENED_PER_SECOND = 400
_FIRST_TIMEOUT_SECONDS = 5


@dataclass(frozen=True)
class Pace:
    """What the streams went through."""

    record: Record
    expected: int
    """Chunks that were due while they were counted."""
    client_lag_ms: float
    """How late this client itself was, at the 99th percentile."""

    @property
    def p99_delay_ms(self) -> float | None:
        """Give how late chunks were, None if too few of them came at all."""
        if len(self.record.delays_ns) < 0.9 * self.expected or self.record.broken:
            return None
        return milliseconds(self.record.delays_ns, 0.99)

    @property
    def is_bound_by_client(self) -> bool:
        """Tell whether it is the client that was too slow."""
        return self.client_lag_ms > 50


def watch(port: int, count: int, seconds: float, model: str = "bench/paced") -> Pace:
    """Open `count` streams over a second or more, and then watch all of them for `seconds`."""
    return uvloop.run(_watch(port, count, seconds, model))


async def _watch(port: int, count: int, seconds: float, model: str) -> Pace:
    record = Record()
    ramp_seconds = max(1.0, count / _OPENED_PER_SECOND)
    # They last until the end also where they are slow to begin, and not for ever, as some servers
    # go on for nobody.
    most_seconds = 2 * ramp_seconds + _FIRST_TIMEOUT_SECONDS + seconds + 1
    tokens = round(most_seconds * TOKENS_PER_SECOND)
    crowd = _Crowd(port, stream(model, max_tokens=tokens).raw, record)
    try:
        await crowd.open(count, ramp_seconds)
        record.is_open = True
        with _lag() as lags:
            await asyncio.sleep(seconds)
        record.is_open = False
    finally:
        crowd.close()
    expected = round(count * seconds * TOKENS_PER_SECOND)
    return Pace(record, expected, milliseconds(lags, 0.99) or 0)


class _Crowd:
    def __init__(self, port: int, raw: bytes, record: Record) -> None:
        self._port = port
        self._raw = raw
        self._record = record
        self._streams: list[Stream] = []

    async def open(self, count: int, ramp_seconds: float) -> None:
        """Open them one after the other, and wait for the first chunk of each."""
        began = time.monotonic()
        for number in range(count):
            due = began + number * ramp_seconds / count
            await asyncio.sleep(max(0, due - time.monotonic()))
            try:
                opened = await Stream.open(self._port, self._raw, self._record)
            except OSError:
                self._record.broken += 1
            else:
                self._streams.append(opened)
        with suppress(TimeoutError):
            async with asyncio.timeout(_FIRST_TIMEOUT_SECONDS):
                for one in self._streams:
                    await one.began.wait()

    def close(self) -> None:
        for one in self._streams:
            one.close()


@contextmanager
def _lag() -> Iterator[list[int]]:
    """Note how late timers of this loop are."""
    lags: list[int] = []

    async def tick() -> None:
        while True:
            due = time.monotonic_ns() + round(_TICK_SECONDS * 1e9)
            await asyncio.sleep(_TICK_SECONDS)
            lags.append(time.monotonic_ns() - due)

    task = asyncio.create_task(tick())
    try:
        yield lags
    finally:
        task.cancel()
