"""An adapter's stream to the body of a response: joined as far as it is ready, never held back."""

import asyncio
import logging
from collections.abc import AsyncIterator
from functools import partial
from time import monotonic

from veneer_gateway.caller import Caller
from veneer_gateway.driving import begin, drive
from veneer_gateway.errors import AdapterCall, as_api_error
from veneer_gateway.exchange import Exchange
from veneer_gateway.length import Length
from veneer_protocol import DONE, Frames, encode_error

_SLICE_SECONDS = 0.001
_SLICE_BYTES = 32 * 1024
_CLOSE_TIMEOUT_SECONDS = 5
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    # nginx buffers a stream unless told not to.
    (b"x-accel-buffering", b"no"),
]

log = logging.getLogger("veneer.streaming")


class EventStream:
    """One stream on its way from an adapter to a client.

    Frames that are ready together leave together, for each write costs more than all else: they
    gather while the adapter does not wait, for a millisecond and to 32 KiB at most.
    """

    def __init__(
        self,
        source: AsyncIterator[object],
        frames: Frames,
        exchange: Exchange,
        caller: Caller,
        length: Length,
    ) -> None:
        """Take `source`, which the exchange closes, however it ends; the frames add to `length`."""
        self._source = source
        self._frames = frames
        self._exchange = exchange
        self._caller = caller
        self._length = length
        self._ready: list[bytes] = []
        self._ready_bytes = 0
        self._chunks = 0
        self._sending: asyncio.Task[None] | None = None
        self._pause_at = monotonic() + _SLICE_SECONDS
        exchange.clean_up_by(partial(close_stream, source))

    async def send(self) -> None:
        """Send it whole. The response begins with the first frame.

        Raises:
            Exception: what the adapter raises before its first frame, so that it becomes the
                response. Later, it becomes the last frame.
        """
        try:
            try:
                with AdapterCall():
                    await drive(self._gather(), self._send_ready)
            except Exception as error:
                if not (self._exchange.is_stream or self._ready):
                    raise
                # The upstream is let go before the last frame leaves, for a slow reader may take
                # his time.
                self._send_ready()
                await self._exchange.clean_up()
                self._ready.append(encode_error(as_api_error(error)))
            else:
                self._ready.append(DONE)
            await self._sent()
        finally:
            if self._sending is not None:
                self._sending.cancel()  # It must not keep the last word from being written.
        await self._write(is_last=True)

    async def _gather(self) -> None:
        task, watch = asyncio.current_task(), self._exchange.watch
        watch.expect_chunk()
        try:
            async for given in self._source:
                if task is not None and task.cancelling():
                    raise asyncio.CancelledError  # The adapter has swallowed the one it got.
                now = monotonic()
                if (frame := self._frames.frame(given)) is not None:
                    watch.note_chunk(now)
                    if not self._ready:
                        self._pause_at = now + _SLICE_SECONDS
                    self._add(frame)
                    if self._sending is not None:
                        await self._sent()
                    watch.expect_chunk()
                if now >= self._pause_at or self._ready_bytes >= _SLICE_BYTES:
                    # Sending seldom suspends. Without a pause a stream that is always ready would
                    # never learn that its client has left, and would hold up all others.
                    await asyncio.sleep(0)
        finally:
            watch.expect_no_more()
        if last := self._frames.end():
            self._add(last)

    def _add(self, frame: bytes) -> None:
        self._ready.append(self._length.add(frame))
        self._ready_bytes += len(frame)
        self._chunks += 1

    async def _sent(self) -> None:
        """Wait for what is being sent; here a slow reader slows the adapter, between its frames."""
        if self._sending is not None:
            await self._sending
            self._sending = None

    def _send_ready(self) -> None:
        """Begin to send what is ready, now that there is nothing else to do."""
        self._caller.follow()
        if self._ready and self._sending is None:
            self._sending = begin(self._write())
        self._pause_at = monotonic() + _SLICE_SECONDS

    async def _write(self, *, is_last: bool = False) -> None:
        exchange = self._exchange
        content, chunks = b"".join(self._ready), self._chunks
        self._ready, self._ready_bytes, self._chunks = [], 0, 0
        if not exchange.is_stream:
            exchange.is_stream = True
            await exchange.start(200, _HEADERS)
        await exchange.send_body(content, more_body=not is_last)
        exchange.chunks += chunks


async def close_stream(stream: AsyncIterator[object]) -> None:
    """Close `stream` if it can be, within a time limit; a failure is logged."""
    if (aclose := getattr(stream, "aclose", None)) is None:
        return
    try:
        async with asyncio.timeout(_CLOSE_TIMEOUT_SECONDS):
            await aclose()
    except asyncio.CancelledError:
        raise
    except BaseException:  # A TaskGroup that is closed in mid-stream raises a group.
        log.exception("adapter stream did not close cleanly")
