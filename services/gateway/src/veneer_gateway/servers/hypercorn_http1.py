"""Hypercorn's HTTP/1.1 without what it would turn into, and with an end to every connection."""

import asyncio
from typing import Any, NoReturn, cast

import h11
import hypercorn.protocol
from hypercorn.events import Closed, Event
from hypercorn.protocol.h11 import H11Protocol
from hypercorn.protocol.ws_stream import WSStream

_MOST_HELD_BYTES = 64 * 1024


class Http1Protocol(H11Protocol):
    """One connection of HTTP/1.1."""

    _is_over = False

    def __init__(self, *args: Any, **rest: Any) -> None:
        super().__init__(*args, **rest)
        self.connection = _Connection(
            h11.SERVER, max_incomplete_event_size=self.config.h11_max_incomplete_size
        )
        self._parsing = asyncio.Lock()

    async def handle(self, event: Event) -> None:
        """Take what comes in."""
        if isinstance(event, Closed):
            await self._end()
            return
        async with self._parsing:
            await super().handle(event)
        if isinstance(self.stream, WSStream) and self.stream.closed:
            # Refused by Hypercorn itself, as more came with the handshake. It would never close.
            await self.send(Closed())
        while self.stream is not None and self._held_bytes() > _MOST_HELD_BYTES:
            await self.can_read.clear()
            await self.can_read.wait()

    async def _end(self) -> None:
        is_idle = self.stream is None
        await super().handle(Closed())
        self._is_over = True
        self.connection = cast("h11.Connection", _Over())
        await self.can_read.set()
        if is_idle and not self.context.terminated.is_set():
            # Else the connection would be held until the keep-alive timeout, and many that come and
            # go would use up the file descriptors. At the end of the process the timer itself
            # closes it, and would wait here for itself.
            await self.send(Closed())

    async def _check_protocol(self, event: h11.Request) -> None:
        """Let a request be what it is; Hypercorn would change to HTTP/2 where one asks for it.

        In that it holds without a limit what a client does not read, and leaves a connection open
        for ever that says nothing. A server may ignore an `Upgrade` (RFC 9110, section 7.8).
        """

    async def _create_stream(self, request: h11.Request) -> None:
        """Begin to serve `request`, unless the connection was closed while it came in."""
        if not self._is_over:
            await super()._create_stream(request)

    async def _maybe_recycle(self) -> None:
        """Go on with what has come meanwhile, once there is an answer."""
        await super()._maybe_recycle()
        if self.connection.our_state is h11.IDLE and self._held_bytes():
            self.task_group.spawn(self._read_on)

    async def _read_on(self) -> None:
        async with self._parsing:
            await self._handle_events()

    def _held_bytes(self) -> int:
        """Give how much has come behind the request that is being served."""
        return len(self.connection.trailing_data[0])


class _Connection(h11.Connection):
    def next_event(self) -> Any:
        """Give what comes next; what comes behind a whole request is held until it is answered.

        Hypercorn itself reads no more until then, and does not find out that its client leaves.
        """
        event = super().next_event()
        return h11.NEED_DATA if event is h11.PAUSED else event


class _Over:
    """Stands in for the parser of a connection whose client is gone."""

    our_state = their_state = h11.ERROR
    they_are_waiting_for_100_continue = False
    trailing_data = (b"", True)

    def receive_data(self, data: bytes) -> None:
        """Let it pass."""

    def next_event(self) -> type[h11.NEED_DATA]:
        """Say that nothing has come."""
        return h11.NEED_DATA

    def send(self, event: object) -> NoReturn:
        """Refuse to send, which Hypercorn expects of a connection in this state."""
        raise h11.LocalProtocolError("The client is gone.")


def speak_http1_only() -> None:
    """Have the Hypercorn of this process speak nothing else, for which it has no setting."""
    hypercorn.protocol.H11Protocol = Http1Protocol  # type: ignore[attr-defined]  # Not exported.
