"""An adapter's stream to the frames of a response body."""

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator

from openai.types.chat import ChatCompletionChunk

from veneer_gateway.errors import as_api_error, failing_if_cancelled
from veneer_gateway.exchange import Exchange
from veneer_protocol import DONE, StreamGuard, encode_error, encode_event

_CHUNKS_BETWEEN_PAUSES = 16
_CLOSE_TIMEOUT_SECONDS = 5

log = logging.getLogger("veneer.streaming")


async def open_event_stream(
    chunks: AsyncIterator[ChatCompletionChunk], guard: StreamGuard, exchange: Exchange
) -> AsyncGenerator[bytes, None]:
    """Wait for the first chunk, then give the frames of the whole stream.

    The exchange owns `chunks` from here on: it closes them also where the frames are never read.

    Raises:
        Exception: whatever the adapter raises before its first chunk, so that it becomes the
            response. Later, it becomes the last frame.
    """
    legal = _legal(chunks, guard)
    exchange.cleanup.push_async_callback(close_stream, chunks)
    exchange.cleanup.push_async_callback(close_stream, legal)
    with failing_if_cancelled():
        first = await anext(legal)
    exchange.is_stream = True
    return _frames(first, legal, exchange)


async def _legal(
    chunks: AsyncIterator[ChatCompletionChunk], guard: StreamGuard
) -> AsyncGenerator[ChatCompletionChunk, None]:
    seen = 0
    async for chunk in chunks:
        if (legal := guard.check(chunk)) is not None:
            yield legal
        seen += 1
        if seen % _CHUNKS_BETWEEN_PAUSES == 0:
            # Sending seldom suspends. Without a pause a stream that is always ready would never
            # learn that its client has left, and would hold up all others.
            await asyncio.sleep(0)
    if (usage := guard.end()) is not None:
        yield usage


async def _frames(
    first: ChatCompletionChunk, rest: AsyncIterator[ChatCompletionChunk], exchange: Exchange
) -> AsyncGenerator[bytes, None]:
    sent = 1
    try:
        yield encode_event(first)
        with failing_if_cancelled():
            async for chunk in rest:
                yield encode_event(chunk)
                sent += 1
    except Exception as error:  # noqa: BLE001  as_api_error logs what nobody foresaw.
        # The upstream is let go before the frame leaves, for a slow reader may take its time.
        await exchange.cleanup.aclose()
        yield encode_error(as_api_error(error))
    else:
        yield DONE
    finally:
        exchange.facts["chunks"] = sent


async def close_stream(stream: AsyncIterator[ChatCompletionChunk]) -> None:
    """Close `stream` if it can be, within a time limit; a failure is logged."""
    if not isinstance(stream, AsyncGenerator):
        return
    try:
        async with asyncio.timeout(_CLOSE_TIMEOUT_SECONDS):
            await stream.aclose()
    except Exception:
        log.exception("adapter stream did not close cleanly")
