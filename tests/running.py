"""A real gateway on a real socket, beside the test in a thread of its own."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from veneer_gateway import Gateway, Registry, Settings, create_app
from veneer_gateway.server import listen, serve_until
from veneer_protocol import ProviderAdapter


@dataclass
class RunningGateway:
    """Where it listens, and the switch that stops it."""

    app: Gateway
    host: str
    port: int
    thread: threading.Thread = field(init=False)
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def begin_to_stop(self) -> None:
        """Do what SIGTERM does."""
        with suppress(RuntimeError):  # It has stopped already.
            self.loop.call_soon_threadsafe(self.stop.set)

    def wait_for_open_requests(self, count: int) -> None:
        """Wait until exactly so many requests are being served; fail if it does not come to it."""
        deadline = time.monotonic() + 5
        while len(self.app.in_flight) != count:
            assert time.monotonic() < deadline, f"{len(self.app.in_flight)} requests are open"
            time.sleep(0.01)


@contextmanager
def running_gateway(
    *adapters: ProviderAdapter, settings: Settings | None = None
) -> Iterator[RunningGateway]:
    """Serve `adapters` on a free port of the loopback until the block ends."""
    settings = settings or Settings(host="127.0.0.1", port=0, drain_seconds=1)
    registry = Registry()
    for adapter in adapters:
        registry.register(adapter)
    listener = listen(settings)
    gateway = RunningGateway(create_app(settings, registry), *listener.getsockname()[:2])

    def serve() -> None:
        with asyncio.Runner(loop_factory=lambda: gateway.loop) as runner:
            runner.run(serve_until(gateway.stop, gateway.app, settings, listener))

    gateway.thread = threading.Thread(target=serve, name="gateway")
    gateway.thread.start()
    try:
        yield gateway
    finally:
        gateway.begin_to_stop()
        gateway.thread.join(timeout=30)
        assert not gateway.thread.is_alive(), "the gateway did not stop"
