"""The application on Hypercorn, from the socket to the clean stop."""

import asyncio
import logging
import signal
import socket
from contextlib import suppress
from types import FrameType

from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config

from veneer_gateway.app import Gateway, create_app
from veneer_gateway.registry import Registry
from veneer_gateway.settings import Settings

_BACKLOG = 1024
_SERVER_MARGIN_SECONDS = 2

log = logging.getLogger("veneer.server")


def serve(settings: Settings, registry: Registry) -> None:
    """Serve until SIGTERM or SIGINT; open requests may then go on for `drain_seconds`.

    A second signal cuts them at once.

    Raises:
        OSError: the address cannot be bound.
    """
    # Bound before any adapter starts, so that a taken port is told at once.
    listener = listen(settings)
    asyncio.run(_serve_until_signal(create_app(settings, registry), settings, listener))


def listen(settings: Settings) -> socket.socket:
    """Bind `host` and `port`; a port of 0 becomes a free one.

    Raises:
        OSError: the address cannot be bound.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    return socket.create_server((settings.host, settings.port), family=family, backlog=_BACKLOG)


async def serve_until(
    stop: asyncio.Event,
    app: Gateway,
    settings: Settings,
    listener: socket.socket,
    *,
    cut: asyncio.Event | None = None,
) -> None:
    """Serve `app` on `listener`, which is closed in the end, until `stop` is set.

    Open requests may then go on for `drain_seconds`, or until `cut` is set.
    """
    host, port = listener.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    log.info("serving", extra={"url": url})
    async with asyncio.TaskGroup() as tasks:
        drain = tasks.create_task(_drain(app, settings.drain_seconds, stop, cut or asyncio.Event()))
        await hypercorn_serve(app, _config(settings, listener), shutdown_trigger=stop.wait)
        drain.cancel()
    log.info("stopped")


async def _serve_until_signal(app: Gateway, settings: Settings, listener: socket.socket) -> None:
    stop, cut = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal(_signal: int, _frame: FrameType | None) -> None:
        loop.call_soon_threadsafe((cut if stop.is_set() else stop).set)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    await serve_until(stop, app, settings, listener, cut=cut)


async def _drain(app: Gateway, seconds: float, stop: asyncio.Event, cut: asyncio.Event) -> None:
    """Cut, some time after `stop`, the requests for which Hypercorn would wait for ever.

    Its own limit does nothing on CPython 3.12 and newer.
    """
    await stop.wait()
    app.is_draining = True
    log.info("draining", extra={"open_requests": len(app.in_flight), "seconds": seconds})
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await cut.wait()
    await app.cut()


def _config(settings: Settings, listener: socket.socket) -> Config:
    config = Config()
    # Hypercorn makes a socket object of its own from the number, and closes it.
    config.bind = [f"fd://{listener.detach()}"]
    config.graceful_timeout = settings.drain_seconds + _SERVER_MARGIN_SECONDS
    config.include_server_header = False
    # Its access log would hold decoded paths, in which a line break forges a line.
    config.accesslog = None
    config.errorlog = logging.getLogger("hypercorn.error")
    config.errorlog.setLevel(logging.WARNING)  # Where it listens, we have said already.
    return config
