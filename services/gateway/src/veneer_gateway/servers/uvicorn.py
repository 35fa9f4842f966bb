"""The application on uvicorn, with httptools and, where it is installed, uvloop."""

import asyncio
import socket
from collections.abc import Generator
from contextlib import contextmanager, suppress
from importlib import import_module

import uvicorn

from veneer_gateway.app import Gateway
from veneer_gateway.servers.listener import BACKLOG, accept_no_more
from veneer_gateway.servers.uvicorn_http1 import Http1Protocol
from veneer_gateway.settings import Settings

_DATE_SECONDS = 1
_INTERVAL_SECONDS = 0.1

try:
    new_event_loop = import_module("uvloop").new_event_loop
except ImportError:  # There is none for some platforms.
    new_event_loop = asyncio.new_event_loop


async def serve(
    app: Gateway, settings: Settings, listener: socket.socket, close: asyncio.Event
) -> None:
    """Serve `app` on `listener` until `close` is set, and then what is open."""
    await _Server(app, _config(app, settings), close).serve(sockets=[listener])


class _Server(uvicorn.Server):
    """Closes when `close` says so; uvicorn's own listens to signals."""

    def __init__(self, app: Gateway, config: uvicorn.Config, close: asyncio.Event) -> None:
        super().__init__(config)
        self._in_flight = app.in_flight
        self._close = close

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signals to others."""
        yield

    async def main_loop(self) -> None:
        """Wait for the end, and keep the clock of the answers right."""
        while not (self._close.is_set() or await self.on_tick(0)):
            with suppress(TimeoutError):
                async with asyncio.timeout(_DATE_SECONDS):
                    await self._close.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close what is idle, and wait for the rest; uvicorn would for ever."""
        for listener in sockets or ():
            if new_event_loop is asyncio.new_event_loop:
                await accept_no_more(listener.fileno())
        for server in self.servers:
            server.close()
        state = self.server_state
        while state.connections or state.tasks:
            for connection in list(state.connections):  # One may just have been taken.
                connection.shutdown()
            is_cut = self._in_flight.is_cutting and not state.tasks
            await asyncio.sleep(_INTERVAL_SECONDS)
            if is_cut:
                # Whoever has not read his answer by now had all the time to drain.
                for connection in list(state.connections):
                    connection.transport.abort()
        await self.lifespan.shutdown()


def _config(app: Gateway, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=Http1Protocol,
        ws="none",
        lifespan="on",
        interface="asgi3",
        backlog=BACKLOG,
        # The bound of our protocol as well.
        h11_max_incomplete_event_size=settings.max_header_bytes,
        server_header=False,
        proxy_headers=False,
        # Its access log would hold decoded paths, in which a line break forges a line.
        access_log=False,
        log_config=None,
        log_level="warning",  # Where it listens, we have said already.
        # Else it would be taken from WEB_CONCURRENCY.
        workers=1,
    )
