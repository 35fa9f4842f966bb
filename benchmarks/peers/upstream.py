"""An upstream that costs next to nothing, for gateways to be measured in front of.

It speaks just enough HTTP for that: bodies with a length, answers in chunks. What it says was made
beforehand, apart from the stamps of `paced`.
"""

import asyncio
import re
import sys
import time

import uvloop

from benchmarks.peers.raw_asgi import LAST, MODELS, completion, event
from benchmarks.workload import CHUNKS, PIECE, TEXT, TOKENS_PER_SECOND, stamp

_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_LIMIT = re.compile(rb'"max_tokens": ?(\d+)')
_STREAM = re.compile(rb'"stream": ?true')
_PACED = re.compile(rb'"model": ?"[^"]*paced"')
_INTERVAL_NS = 10**9 // TOKENS_PER_SECOND


def _whole(body: bytes) -> bytes:
    length = str(len(body)).encode()
    return b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %b\r\n\r\n%b" % (
        length,
        body,
    )


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


_END = _chunk(LAST) + b"0\r\n\r\n"
_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
)
_READY = _STREAM_HEAD + CHUNKS * _chunk(event(f'{{"content":"{PIECE}"}}')) + _END
_PLAIN = _whole(completion(TEXT))
_MODELS = _whole(MODELS)


class Upstream(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._speaker: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self._transport = transport  # type: ignore[assignment]  # A connection has both ways.

    def data_received(self, data: bytes) -> None:
        """Answer every request that is complete."""
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            found = _LENGTH.search(self._received, 0, end)
            whole = end + 4 + int(found[1] if found else 0)
            if len(self._received) < whole:
                return
            self._answer(bytes(self._received[:whole]))
            del self._received[:whole]

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop speaking."""
        if self._speaker is not None:
            self._speaker.cancel()

    def _answer(self, request: bytes) -> None:
        if request.startswith(b"GET"):
            self._transport.write(_MODELS)
        elif not _STREAM.search(request):
            self._transport.write(_PLAIN)
        elif not _PACED.search(request):
            self._transport.write(_READY)
        else:
            found = _LIMIT.search(request)
            self._speaker = asyncio.create_task(self._speak(int(found[1]) if found else CHUNKS))

    async def _speak(self, count: int) -> None:
        self._transport.write(_STREAM_HEAD)
        began = time.monotonic_ns()
        for number in range(count):
            due = began + number * _INTERVAL_NS
            await asyncio.sleep(max(0, due - time.monotonic_ns()) / 1e9)
            self._transport.write(_chunk(event(f'{{"content":"{stamp(due)}"}}')))
        self._transport.write(_END)


async def main(port: int) -> None:
    """Listen on the loopback for ever."""
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
