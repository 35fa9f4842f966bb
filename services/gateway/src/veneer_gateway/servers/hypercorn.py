"""The application on Hypercorn."""

import asyncio
import logging
import socket
import sys

from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config

from veneer_gateway.app import Gateway
from veneer_gateway.servers.hypercorn_http1 import speak_http1_only
from veneer_gateway.servers.listener import BACKLOG, accept_no_more
from veneer_gateway.settings import Settings

new_event_loop = asyncio.new_event_loop


async def serve(
    app: Gateway, settings: Settings, listener: socket.socket, close: asyncio.Event
) -> None:
    """Serve `app` on `listener` until `close` is set, and then what is open."""
    number = listener.fileno()

    async def wait_for_close() -> None:
        await close.wait()
        await accept_no_more(number)

    speak_http1_only()
    await hypercorn_serve(app, _config(settings, listener), shutdown_trigger=wait_for_close)


def _config(settings: Settings, listener: socket.socket) -> Config:
    config = Config()
    # Hypercorn makes a socket object of its own from the number, and closes it.
    config.bind = [f"fd://{listener.detach()}"]
    config.backlog = BACKLOG
    # It would close a connection without a word to a client who is about to send the next request.
    config.keep_alive_max_requests = sys.maxsize
    # Ours comes first, and is told to the clients.
    config.graceful_timeout = settings.drain_seconds + 60
    config.include_server_header = False
    config.h11_max_incomplete_size = settings.max_header_bytes
    # Its access log would hold decoded paths, in which a line break forges a line.
    config.accesslog = None
    config.errorlog = logging.getLogger("hypercorn.error")
    config.errorlog.setLevel(logging.WARNING)  # Where it listens, we have said already.
    return config
