"""The application served by a process, from the first signal that it hears to the clean stop."""

import asyncio
import gc
import logging
import os
import signal
import socket
import threading
from collections.abc import Coroutine
from contextlib import suppress
from types import FrameType
from typing import Any

from veneer_gateway.app import Gateway, create_app
from veneer_gateway.descriptors import raise_descriptor_limit
from veneer_gateway.heartbeat import heartbeat
from veneer_gateway.registry import Registry
from veneer_gateway.report import Tracing
from veneer_gateway.servers import Server, find_server
from veneer_gateway.servers.listener import join, listen
from veneer_gateway.settings import Settings

# Short, so that drain and end stay within the ten seconds that `docker stop` waits.
_STUCK_AFTER_SECONDS = 0.5
_LAST_SECONDS = 5

log = logging.getLogger("veneer.server")


def serve(settings: Settings, registry: Registry, *, tracing: Tracing | None = None) -> None:
    """Serve until SIGTERM or SIGINT, and then as `serve_until` does.

    It does so in this process alone, whatever `workers` says, which is for the command. A second
    signal cuts what is open at once, a third ends the process; so does the time that all limits
    together allow, and five seconds. `tracing` is as in `create_app`.

    Raises:
        OSError: the address cannot be bound.
        RuntimeError: the server came to its end unasked.
        SettingsError: `server` is not installed.
    """
    server = find_server(settings.server)
    # Bound before any adapter starts, so that a taken port is told at once.
    listener = listen(settings)
    app = create_app(settings, registry, tracing=tracing)
    _run(server, _serve_until_signal(app, settings, listener))


def work(
    settings: Settings,
    registry: Registry,
    supervisor: socket.socket,
    metrics_folder: str,
    *,
    tracing: Tracing | None = None,
) -> None:
    """Serve as `serve` does, on a port shared with others, for `supervisor`.

    It is sent a byte once the adapters have started; when it is gone, that counts as a signal.

    Raises:
        OSError: the address cannot be bound.
        RuntimeError: the server came to its end unasked.
        SettingsError: `server` is not installed.
    """
    server = find_server(settings.server)
    app = create_app(settings, registry, metrics_folder, tracing=tracing)

    @app.before_serving
    async def tell() -> None:
        supervisor.send(b"!")

    _run(server, _serve_until_signal(app, settings, join(settings), supervisor))


def _run(server: Server, serving: Coroutine[Any, Any, None]) -> None:
    raise_descriptor_limit()
    try:
        with asyncio.Runner(loop_factory=server.new_event_loop) as runner:
            runner.run(serving)
    except SystemExit as error:
        # Its status may be 0, which would look as if a signal had asked for the end.
        raise RuntimeError("A task of a provider called sys.exit().") from error


def patience_seconds(settings: Settings) -> float:
    """Give how long a process may take to end after it was told to."""
    return (
        settings.shutdown_delay_seconds
        + settings.drain_seconds
        + settings.startup_timeout_seconds
        + _LAST_SECONDS
    )


async def serve_until(
    stop: asyncio.Event,
    app: Gateway,
    settings: Settings,
    listener: socket.socket,
    *,
    cut: asyncio.Event | None = None,
) -> None:
    """Serve `app` on `listener`, which is closed in the end, until `stop` is set.

    It is not ready then, takes new requests for `shutdown_delay_seconds` more, and lets open ones
    go on for `drain_seconds`; `cut` ends both. While the adapters start, it ends at once.

    Raises:
        RuntimeError: the server came to its end unasked.
    """
    host, port = listener.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"

    @app.before_serving  # After the adapters, which may take their time to start.
    async def tell() -> None:
        if not stop.is_set():
            log.info("serving", extra={"url": url, "pid": os.getpid()})

    server = find_server(settings.server)
    close = asyncio.Event()
    cut = cut or asyncio.Event()
    drain = asyncio.create_task(_drain(app, stop, close, cut))
    serving = asyncio.create_task(server.serve(app, settings, listener, close))
    try:
        with heartbeat():
            await asyncio.wait({drain, serving}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({serving}, timeout=_STUCK_AFTER_SECONDS)
    finally:
        drain.cancel()
        await _end(serving, app)
    if not stop.is_set():
        raise RuntimeError("The server came to its end, and nobody had asked for it.")
    log.info("stopped")


async def _end(serving: asyncio.Task[None], app: Gateway) -> None:
    """Collect what became of the server, or leave it where it waits for a client that never reads.

    On CPython 3.12 and newer Hypercorn waits for every connection to close, without a limit, and
    would not come to the end of the application's life.
    """
    if serving.done() or app.is_stopping:
        await serving
        return
    log.warning("connections do not close; they are left behind")
    serving.cancel()
    await asyncio.wait({serving}, timeout=_STUCK_AFTER_SECONDS)
    await app.stop()


async def _serve_until_signal(
    app: Gateway,
    settings: Settings,
    listener: socket.socket,
    supervisor: socket.socket | None = None,
) -> None:
    stop, cut = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    steps = iter((stop.set, cut.set))
    # A thread of its own, for an adapter may block the loop, or swallow its cancellation.
    watchdog = threading.Timer(patience_seconds(settings), _leave)
    watchdog.daemon = True

    def take_a_step() -> None:
        loop.call_soon_threadsafe(next(steps, _leave))
        if watchdog.ident is None:
            watchdog.start()

    def on_signal(_signal: int, _frame: FrameType | None) -> None:
        take_a_step()

    @app.before_serving
    async def settle() -> None:
        # What is there now, stays. To look through all of it for garbage again and again, as
        # requests leave some, would hold up all of them for a tenth of a second each time.
        gc.collect()
        gc.freeze()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)
    follower = asyncio.create_task(_wait_for_end(supervisor))
    follower.add_done_callback(lambda task: None if task.cancelled() else take_a_step())
    await serve_until(stop, app, settings, listener, cut=cut)


async def _wait_for_end(supervisor: socket.socket | None) -> None:
    if supervisor is None:
        await asyncio.Future()  # There is none who could end.
    else:
        supervisor.setblocking(False)
        with suppress(OSError):
            await asyncio.get_running_loop().sock_recv(supervisor, 1)  # It never sends anything.


def _leave() -> None:
    log.critical("the process does not come to its end; it is left by force")
    os._exit(1)


async def _drain(
    app: Gateway, stop: asyncio.Event, close: asyncio.Event, cut: asyncio.Event
) -> None:
    """Go from `stop` by `close`, when new connections are refused, to the cut of what is open.

    Hypercorn would wait for that for ever: its own limit does nothing on CPython 3.12 and newer.
    """
    await stop.wait()
    app.in_flight.is_draining = True
    seconds = app.settings.drain_seconds
    log.info("draining", extra={"open_requests": len(app.in_flight), "seconds": seconds})
    if not app.give_up_starting():
        await _wait(cut, app.settings.shutdown_delay_seconds)
    close.set()
    await _wait(cut, seconds)
    await app.in_flight.cut()


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
