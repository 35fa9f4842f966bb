"""What every peer says, so that all of them do the same work.

There are three models. `ready` has everything at once: a text, or `CHUNKS` pieces of one. `paced`
speaks as models do: 50 pieces a second, as many as `max_tokens` says. `silent` says one piece and
then nothing more; when its caller has left, it says so by a datagram.
"""

import asyncio
import os
import socket
import time
from collections.abc import AsyncGenerator

MODELS = ("ready", "paced", "silent")

CHUNKS = 100
PIECE = " and so on"
"""One of the pieces that `ready` streams."""
TEXT = "The answer of a model that takes no time at all, long enough to be one, and short as most."

TOKENS_PER_SECOND = 50
SILENCE_SECONDS = 20
"""When `silent` ends by itself, for a server that does not stop what nobody waits for."""

_INTERVAL_NS = 10**9 // TOKENS_PER_SECOND


def names(count: int = 0) -> tuple[str, ...]:
    """Give the names of the models, filled up to `count` with some that nobody asks."""
    return (*MODELS, *(f"extra-{number}" for number in range(len(MODELS), count)))


def stamp(due_ns: int) -> str:
    """Give a piece that tells, by the monotonic clock, when it was due and when it was said."""
    return f"{due_ns} {time.monotonic_ns()} "


async def pieces(model: str, *, limit: int | None, ask: str) -> AsyncGenerator[str, None]:
    """Say what `model` says as a stream, `ask` being the last user text."""
    if model == "paced":
        began = time.monotonic_ns()
        for number in range(limit or CHUNKS):
            due = began + number * _INTERVAL_NS
            # A pause even when it is late, as reading from a socket would be.
            await asyncio.sleep(max(0, due - time.monotonic_ns()) / 1e9)
            yield stamp(due)
    elif model == "silent":
        try:
            yield PIECE
            await asyncio.sleep(SILENCE_SECONDS)
        finally:
            _say_farewell(ask)
    else:
        for _ in range(CHUNKS):
            yield PIECE


async def text(model: str, *, ask: str) -> str:
    """Say what `model` says as a whole."""
    if model == "silent":
        try:
            await asyncio.sleep(SILENCE_SECONDS)
        finally:
            _say_farewell(ask)
    return TEXT


def _say_farewell(ask: str) -> None:
    if port := os.environ.get("BENCH_FAREWELL_PORT"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as farewell:
            farewell.sendto(f"{ask} {time.monotonic_ns()}".encode(), ("127.0.0.1", int(port)))
