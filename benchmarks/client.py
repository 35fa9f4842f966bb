"""A client that knows when each byte came, at as little cost as Python allows."""

import asyncio
import re
import time
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException

from benchmarks.requests import Request

_STAMPS = re.compile(rb'"content": ?"(\d+) (\d+) "')
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
# Longer than the start of an event that came in two parts.
_KEPT_BYTES = 1024


class RefusedError(Exception):
    """A server refused, broke off, or did not answer."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: bytes


def ask(port: int, request: Request, timeout_seconds: float) -> Answer:
    """Ask once, on a connection of its own.

    Raises:
        RefusedError: no answer came.
    """
    connection = HTTPConnection("127.0.0.1", port, timeout=timeout_seconds)
    try:
        connection.request(request.method, request.path, request.body, request.headers)
        response = connection.getresponse()
        return Answer(response.status, response.read())
    except (OSError, HTTPException) as error:
        raise RefusedError(f"{type(error).__name__}: {error}") from error
    finally:
        connection.close()


@dataclass(frozen=True)
class Times:
    """When an answer came, in nanoseconds after the request was sent."""

    first_event_ns: int
    """The first event of a stream; of another answer, its first byte."""
    whole_ns: int


class Connection(asyncio.Protocol):
    """A connection that is kept, for one request at a time."""

    @classmethod
    async def open(cls, port: int) -> "Connection":
        """Connect to the loopback."""
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(cls, "127.0.0.1", port)
        return connection

    def __init__(self) -> None:
        self._transport: asyncio.Transport
        self._done: asyncio.Future[Times] | None = None
        self._received = bytearray()
        self._sent_ns = 0
        self._first_ns = 0
        self._whole: int | None = None

    async def exchange(self, raw: bytes) -> Times:
        """Send `raw`, and wait for the whole answer.

        Raises:
            RefusedError: the answer is no 200, or breaks off.
        """
        self._received.clear()
        self._first_ns, self._whole = 0, None
        self._done = asyncio.get_running_loop().create_future()
        self._sent_ns = time.monotonic_ns()
        self._transport.write(raw)
        return await self._done

    def close(self) -> None:
        """Hang up."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to write."""
        self._transport = transport  # type: ignore[assignment]  # A connection has both ways.

    def data_received(self, data: bytes) -> None:
        """Look whether it is all."""
        now = time.monotonic_ns()
        received = self._received
        received += data
        if not self._first_ns:
            end = received.find(b"\r\n\r\n") + 4
            # A head without a body yet is no event.
            if end < 4 or len(received) == end:
                return
            self._first_ns = now
            if not received.startswith(b"HTTP/1.1 200"):
                self._fail(bytes(received[:200]).decode(errors="replace"))
                return
            found = _LENGTH.search(received, 0, end)
            self._whole = end + int(found[1]) if found else None
        is_whole = (
            received.endswith(b"\r\n0\r\n\r\n")
            if self._whole is None
            else len(received) >= self._whole
        )
        if is_whole and self._done is not None and not self._done.done():
            self._done.set_result(Times(self._first_ns - self._sent_ns, now - self._sent_ns))

    def connection_lost(self, exc: Exception | None) -> None:
        """End what waits."""
        self._fail("the connection was closed")

    def _fail(self, reason: str) -> None:
        if self._done is not None and not self._done.done():
            self._done.set_exception(RefusedError(reason))


@dataclass
class Record:
    """What many streams noted together."""

    is_open: bool = False
    """Whether chunks are noted; the first ones always are."""
    first_ns: list[int] = field(default_factory=list)
    """From the request to the first chunk."""
    added_ns: list[int] = field(default_factory=list)
    """From the moment that a chunk was said to its arrival."""
    delays_ns: list[int] = field(default_factory=list)
    """From the moment that a chunk was due, had nothing been late, to its arrival."""
    broken: int = 0
    """Streams that ended before they were to."""


class Stream(asyncio.Protocol):
    """One stream of `paced` or `silent`, on a connection of its own."""

    def __init__(self, raw: bytes, record: Record) -> None:
        self._raw = raw
        self._record = record
        self._transport: asyncio.Transport
        self._tail = b""
        self._sent_ns = 0
        self._is_first = True
        self._is_left = False
        self.began = asyncio.Event()
        """The first chunk is here, or none will come."""
        self.ended = asyncio.Event()
        """The connection is closed."""

    @classmethod
    async def open(cls, port: int, raw: bytes, record: Record) -> "Stream":
        """Connect to the loopback and send `raw`."""
        loop = asyncio.get_running_loop()
        _, stream = await loop.create_connection(lambda: cls(raw, record), "127.0.0.1", port)
        return stream

    def close(self) -> None:
        """Hang up, in the middle of it."""
        self._is_left = True
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask."""
        self._transport = transport  # type: ignore[assignment]  # A connection has both ways.
        self._sent_ns = time.monotonic_ns()
        self._transport.write(self._raw)

    def data_received(self, data: bytes) -> None:
        """Note when what came was said."""
        now = time.monotonic_ns()
        record = self._record
        if self._is_first and b"data: " in data:
            self._is_first = False
            record.first_ns.append(now - self._sent_ns)
            self.began.set()
        if not record.is_open:
            return
        seen = self._tail + data
        end = 0
        for found in _STAMPS.finditer(seen):
            record.delays_ns.append(now - int(found[1]))
            record.added_ns.append(now - int(found[2]))
            end = found.end()
        self._tail = seen[max(end, len(seen) - _KEPT_BYTES) :]

    def connection_lost(self, exc: Exception | None) -> None:
        """Note one that was not left by us."""
        self._record.broken += not self._is_left
        self.began.set()
        self.ended.set()
