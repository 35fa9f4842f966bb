"""A real gateway on a real socket, in a thread beside the test that asks it."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from veneer_gateway.app import Gateway, create_app
from veneer_gateway.registry import Registry
from veneer_gateway.report import Tracing
from veneer_gateway.server import serve_until
from veneer_gateway.servers import find_server
from veneer_gateway.servers.listener import listen
from veneer_gateway.settings import ServerName, Settings
from veneer_protocol import ProviderAdapter

__all__ = ["RunningGateway", "running_gateway"]

default_server: ServerName = "hypercorn"
"""What serves where settings do not name it."""

_STOP_TIMEOUT_SECONDS = 30


@dataclass
class RunningGateway:
    """A gateway that serves: where it listens, and the switch that stops it."""

    app: Gateway
    host: str
    port: int
    _loop: asyncio.AbstractEventLoop
    _stop: asyncio.Event = field(init=False, default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        """Its address, without the `/v1` that OpenAI clients want."""
        return f"http://{self.host}:{self.port}"

    def begin_to_stop(self) -> None:
        """Do what SIGTERM does."""
        with suppress(RuntimeError):  # It has stopped already.
            self._loop.call_soon_threadsafe(self._stop.set)

    def wait_for_open_requests(self, count: int, timeout_seconds: float = 5) -> None:
        """Wait until exactly so many requests are being served.

        Raises:
            TimeoutError: it does not come to that.
        """
        deadline = time.monotonic() + timeout_seconds
        while (served := len(self.app.in_flight)) != count:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{served} requests are open where {count} are due")
            time.sleep(0.01)


@contextmanager
def running_gateway(
    *adapters: ProviderAdapter, settings: Settings | None = None, tracing: Tracing | None = None
) -> Iterator[RunningGateway]:
    """Serve `adapters`, and nothing that is installed, until the block ends.

    Unless `settings` say otherwise: on a free port of the loopback, with a second to drain.

    Raises:
        TimeoutError: it does not stop.
    """
    settings = settings or Settings(host="127.0.0.1", port=0, drain_seconds=1)
    if "server" not in settings.model_fields_set:
        settings = settings.model_copy(update={"server": default_server})
    registry = Registry()
    for adapter in adapters:
        registry.register(adapter)
    listener = listen(settings)
    app = create_app(settings, registry, tracing=tracing)
    loop = find_server(settings.server).new_event_loop()
    host, port = listener.getsockname()[:2]
    gateway = RunningGateway(app, host, port, loop)

    def serve() -> None:
        with asyncio.Runner(loop_factory=lambda: gateway._loop) as runner:
            runner.run(serve_until(gateway._stop, gateway.app, settings, listener))

    thread = threading.Thread(target=serve, name="gateway")
    thread.start()
    try:
        yield gateway
    finally:
        gateway.begin_to_stop()
        thread.join(_STOP_TIMEOUT_SECONDS)
        if thread.is_alive():
            raise TimeoutError("the gateway did not stop")
