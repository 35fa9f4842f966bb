"""An adapter's stream to the frames of a response body."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator

from openai.types.chat import ChatCompletionChunk

from veneer_gateway.errors import adapter_call, as_api_error
from veneer_gateway.exchange import Exchange
from veneer_gateway.length import Length
from veneer_gateway.report import Span
from veneer_protocol import DONE, StreamGuard, encode_error, encode_event

_CHUNKS_BETWEEN_PAUSES = 16
_CLOSE_TIMEOUT_SECONDS = 5

log = logging.getLogger("veneer.streaming")


async def open_event_stream(
    chunks: AsyncIterator[ChatCompletionChunk],
    guard: StreamGuard,
    exchange: Exchange,
    length: Length,
) -> AsyncGenerator[bytes, None]:
    """Wait for the first chunk, then give the frames of the whole stream, which add to `length`.

    The exchange owns `chunks` from here on: it closes them also where the frames are never read.

    Raises:
        Exception: whatever the adapter raises before its first chunk, so that it becomes the
            response. Later, it becomes the last frame.
    """
    legal = _legal(chunks, guard, exchange.span)
    exchange.cleanup.push_async_callback(close_stream, chunks)
    exchange.cleanup.push_async_callback(close_stream, legal)
    exchange.watch.expect_chunk()
    with adapter_call():
        first = await anext(legal)
    exchange.watch.note_chunk()
    frame = length.add(encode_event(first))
    exchange.is_stream = True
    return _frames(frame, legal, exchange, length)


async def _legal(
    chunks: AsyncIterator[ChatCompletionChunk], guard: StreamGuard, span: Span | None
) -> AsyncGenerator[ChatCompletionChunk, None]:
    seen = 0
    task = asyncio.current_task()
    async for chunk in chunks:
        if task is not None and task.cancelling():
            raise asyncio.CancelledError  # The adapter has swallowed the one it got.
        legal = guard.check(chunk)
        if span is not None:
            span.note_answer(chunk)
        if legal is not None:
            yield legal
        seen += 1
        if seen % _CHUNKS_BETWEEN_PAUSES == 0:
            # Sending seldom suspends. Without a pause a stream that is always ready would never
            # learn that its client has left, and would hold up all others.
            await asyncio.sleep(0)
    if (usage := guard.end()) is not None:
        yield usage


async def _frames(
    first: bytes, rest: AsyncIterator[ChatCompletionChunk], exchange: Exchange, length: Length
) -> AsyncGenerator[bytes, None]:
    watch = exchange.watch
    try:
        yield first
        exchange.chunks = 1
        watch.expect_chunk()
        with adapter_call():
            async for chunk in rest:
                watch.note_chunk()
                yield length.add(encode_event(chunk))
                exchange.chunks += 1
                watch.expect_chunk()
    except Exception as error:  # noqa: BLE001  as_api_error logs what nobody foresaw.
        # The upstream is let go before the frame leaves, for a slow reader may take its time.
        await exchange.cleanup.aclose()
        yield encode_error(as_api_error(error))
    else:
        yield DONE


async def close_stream(stream: AsyncIterator[ChatCompletionChunk]) -> None:
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
