"""Measures every limit of the gateway, for `docs/reference/limits.md`.

Each is set low, reached over a real socket, and what happens is timed: `hatch run limits` prints a
line for each, or for those that are named.
"""

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from openai.types import Model

from veneer_gateway import Registry, Settings, configure_logging, serve
from veneer_gateway.settings import KIB, MIB
from veneer_protocol import ChatCompletionRequest, RequestContext, TextAdapter

DEADLINE_SECONDS = 30
HANG = "x-dummy-hang-after: 1"
BODY = b'{"model":"dummy/echo-1","messages":[{"role":"user","content":"hi"}],"stream":%s}'
PLAIN, STREAM = BODY % b"false", BODY % b"true"


class Endless(TextAdapter):
    """Says more than anybody reads."""

    name = "endless"
    models = ("one",)

    async def startup(self) -> None:
        """Come to no end of that either, where the environment says so."""
        if "HANG_AT_START" in os.environ:
            await asyncio.Event().wait()

    async def list_models(self, context: RequestContext) -> Sequence[Model]:
        """Never tell those who ask so."""
        if "x-hang" in context.headers:
            await asyncio.Event().wait()
        return await super().list_models(context)

    async def generate(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[str]:
        """Go on for ever."""
        while True:
            yield "word " * 20


@contextmanager
def gateway(**settings: object) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Serve the dummy in a process of its own; give it and its port."""
    variables = {name: str(value) for name, value in settings.items()}
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, __file__, "serve"],
        env={**os.environ, "HOST": "127.0.0.1", "PORT": "0", **variables},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None  # noqa: S101
    lines = iter(process.stderr)
    port = int(next(filter(None, (re.search(r'"url": "http://[^"]+:(\d+)"', x) for x in lines)))[1])
    # Read on, or a full pipe would stop it.
    reader = subprocess.Popen(["cat"], stdin=process.stderr, stdout=subprocess.DEVNULL)  # noqa: S607
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)) as first:
        first.sendall(request(PLAIN))
        first.recv(65536)  # It has started.
    try:
        yield process, port
    finally:
        process.kill()
        process.wait()
        reader.wait()
        process.stderr.close()


def request(body: bytes, *headers: str) -> bytes:
    """Give the bytes of a request for an answer."""
    lines = [
        "POST /v1/chat/completions HTTP/1.1",
        "host: x",
        "content-type: application/json",
        f"content-length: {len(body)}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def opened(port: int, content: bytes) -> socket.socket:
    """Connect and send `content`."""
    connection = socket.create_connection(("127.0.0.1", port), DEADLINE_SECONDS)
    connection.sendall(content)
    return connection


def read_until(connection: socket.socket, mark: bytes) -> float:
    """Read until `mark` has come, or to the end where it is empty; give the time that it took."""
    began, received = time.perf_counter(), b""
    while not mark or mark not in received:
        try:
            piece = connection.recv(65536)
        except ConnectionResetError:
            piece = b""
        if not piece:
            if mark:
                raise RuntimeError(f"{mark!r} did not come, but {received[-300:]!r}")
            break
        received += piece
    return time.perf_counter() - began


def resident(process: subprocess.Popen[str]) -> int:
    """Give the resident memory of `process`, in bytes."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) * KIB


def wait_until_idle(process: subprocess.Popen[str]) -> None:
    """Wait until `process` has nothing to do for half a second."""
    used = -1.0
    while (now := float(Path(f"/proc/{process.pid}/stat").read_text().split()[13])) > used:
        used = now
        time.sleep(0.5)


def median(measure: Callable[[], float], times: int = 21) -> float:
    """Give the middle of several measurements."""
    return sorted(measure() for _ in range(times))[times // 2]


def timed(setting: str, value: float, *, body: bytes, header: str, mark: bytes) -> str:
    """Set a limit of time, reach it, and tell how long after it the client was told."""
    with (
        gateway(**{setting: value}) as (_, port),
        opened(port, request(body, header)) as connection,
    ):
        late = read_until(connection, mark) - value
    return f"told {late * 1000:.0f} ms after {value:g} s"


def max_body() -> str:
    """Send a body that is too large, and one without end."""
    with gateway(VENEER_MAX_BODY_BYTES=1000) as (_, port):

        def refused() -> float:
            with opened(port, request(b"x" * 2000)) as connection:
                return read_until(connection, b"request_too_large")

        told = median(refused)
    with gateway() as (process, port):
        before = resident(process)
        head = (
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        )
        with opened(port, head + b"transfer-encoding: chunked\r\n\r\n") as connection:
            sent = 0
            with contextlib.suppress(OSError):
                while sent < 256 * MIB:
                    connection.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
                    sent += 0x10000
            grown = resident(process) - before
    return (
        f"refused in {told * 1000:.1f} ms; of a body without end {sent / MIB:.0f} MiB were taken "
        f"(the sockets' buffers included), memory +{grown / MIB:.0f} MiB"
    )


def max_headers() -> str:
    """Send a head that is too large."""
    with gateway() as (_, port):

        def refused() -> float:
            with opened(port, request(PLAIN, "x-pad: " + "x" * 33 * KIB)) as connection:
                return read_until(connection, b" 431 ")

        return f"refused in {median(refused) * 1000:.1f} ms"


def max_answer() -> str:
    """Ask for an answer that is too long."""
    endless = STREAM.replace(b"dummy/echo-1", b"endless/one")
    with (
        gateway(VENEER_MAX_ANSWER_BYTES=100_000) as (_, port),
        opened(port, request(endless)) as connection,
    ):
        took = read_until(connection, b"answer_too_long")
    return f"a stream of 100 kB, then the error frame, after {took * 1000:.0f} ms"


def shed(setting: str, mark: bytes) -> str:
    """Ask for one more than may be served."""
    with gateway(**{setting: 200}) as (_, port):
        open_ones = [opened(port, request(STREAM, HANG)) for _ in range(200)]
        for connection in open_ones:
            read_until(connection, b"data: ")

        def refused() -> float:
            with opened(port, request(PLAIN)) as connection:
                return read_until(connection, mark)

        told = median(refused)
        for connection in open_ones:
            connection.close()
    return f"refused in {told * 1000:.1f} ms beside 200 open streams"


def body_timeout() -> str:
    """Send all but the end of a body."""
    with (
        gateway(VENEER_BODY_TIMEOUT_SECONDS=1) as (_, port),
        opened(port, request(PLAIN)[:-5]) as connection,
    ):
        late = read_until(connection, b"request_timeout") - 1
    return f"told {late * 1000:.0f} ms after 1 s"


def head_timeout() -> str:
    """Send the beginning of a head."""
    with (
        gateway() as (_, port),
        opened(port, b"POST /v1/chat/completions HTTP/1.1\r\n") as connection,
    ):
        return f"closed after {read_until(connection, b''):.1f} s"


def keepalive() -> str:
    """Wait for the comment in a silent stream."""
    with (
        gateway(VENEER_KEEPALIVE_SECONDS=0.5) as (_, port),
        opened(port, request(STREAM, HANG)) as connection,
    ):
        read_until(connection, b"data: ")
        late = read_until(connection, b": keepalive") - 0.5
    return f"sent {late * 1000:.0f} ms after 0.5 s"


def drain() -> str:
    """Stop it while a stream is open."""
    with (
        gateway(VENEER_DRAIN_SECONDS=1) as (process, port),
        opened(port, request(STREAM, HANG)) as connection,
    ):
        read_until(connection, b"data: ")
        process.send_signal(signal.SIGTERM)
        late = read_until(connection, b"shutting_down") - 1
        began = time.perf_counter()
        status = process.wait(DEADLINE_SECONDS)
        ended = time.perf_counter() - began
    return f"told {late * 1000:.0f} ms after 1 s, exit {status} after another {ended * 1000:.0f} ms"


def startup_timeout() -> str:
    """Start with a provider that never starts."""
    began = time.perf_counter()
    with gateway(VENEER_STARTUP_TIMEOUT_SECONDS=1):
        usual = time.perf_counter() - began
    began = time.perf_counter()
    with gateway(VENEER_STARTUP_TIMEOUT_SECONDS=1, HANG_AT_START=1):
        late = time.perf_counter() - began - usual - 1
    return f"the others served {late * 1000:.0f} ms after 1 s"


def models_timeout() -> str:
    """List models, of which one provider never tells its own."""
    asking = b"GET /v1/models HTTP/1.1\r\nhost: x\r\nx-hang: yes\r\n\r\n"
    with gateway(VENEER_MODELS_TIMEOUT_SECONDS=1) as (_, port), opened(port, asking) as connection:
        late = read_until(connection, b"dummy/echo-1") - 1
    return f"those of the others listed {late * 1000:.0f} ms after 1 s"


def delay() -> str:
    """Go on asking after it was told to stop."""
    with gateway(VENEER_SHUTDOWN_DELAY_SECONDS=1) as (process, port):
        process.send_signal(signal.SIGTERM)
        began, taken = time.perf_counter(), 0
        with contextlib.suppress(OSError, RuntimeError):
            while True:
                with opened(port, request(PLAIN)) as connection:
                    read_until(connection, b"chat.completion")
                taken += 1
        lasted = time.perf_counter() - began
    return f"{taken} requests were served in the {lasted:.2f} s after SIGTERM"


def slow_readers() -> str:
    """Ask for streams, and read none of them."""
    with gateway() as (process, port):
        before = resident(process)
        stalled = [
            opened(port, request(STREAM.replace(b"dummy/echo-1", b"endless/one")))
            for _ in range(50)
        ]
        wait_until_idle(process)
        grown = resident(process) - before

        def answered() -> float:
            with opened(port, request(PLAIN)) as connection:
                return read_until(connection, b"chat.completion")

        told = median(answered)
        for connection in stalled:
            connection.close()
    memory = f"memory +{grown / MIB:.0f} MiB"
    return f"50 of them, stalled: {memory}, others answered in {told * 1000:.1f} ms"


def client_leaves() -> str:
    """Leave in the midst of a stream."""

    def seconds() -> float:
        connection = opened(port, request(STREAM, HANG))
        read_until(connection, b"data: ")
        connection.close()
        began = time.perf_counter()
        while in_flight(port) > 1:
            pass
        return time.perf_counter() - began

    with gateway() as (_, port):
        return f"its place is free {median(seconds) * 1000:.1f} ms later"


def in_flight(port: int) -> int:
    """Give how many requests are being served, this one included."""
    with opened(port, b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n") as asking:
        received = b""
        while piece := asking.recv(65536):
            received += piece
    return int(float(re.findall(rb"^veneer_requests_in_flight (\S+)", received, re.M)[0]))


MEASURES: dict[str, Callable[[], str]] = {
    "VENEER_MAX_BODY_BYTES": max_body,
    "VENEER_MAX_HEADER_BYTES": max_headers,
    "VENEER_MAX_ANSWER_BYTES": max_answer,
    "VENEER_MAX_REQUESTS": lambda: shed("VENEER_MAX_REQUESTS", b"overloaded"),
    "VENEER_MAX_REQUESTS_PER_PROVIDER": lambda: shed(
        "VENEER_MAX_REQUESTS_PER_PROVIDER", b"provider_overloaded"
    ),
    "VENEER_BODY_TIMEOUT_SECONDS": body_timeout,
    "VENEER_FIRST_TOKEN_TIMEOUT_SECONDS": lambda: timed(
        "VENEER_FIRST_TOKEN_TIMEOUT_SECONDS",
        1,
        body=STREAM,
        header="x-dummy-delay-ms: 60000",
        mark=b"first_token_timeout",
    ),
    "VENEER_IDLE_TIMEOUT_SECONDS": lambda: timed(
        "VENEER_IDLE_TIMEOUT_SECONDS", 1, body=STREAM, header=HANG, mark=b"idle_timeout"
    ),
    "VENEER_TOTAL_TIMEOUT_SECONDS": lambda: timed(
        "VENEER_TOTAL_TIMEOUT_SECONDS", 1, body=STREAM, header=HANG, mark=b"total_timeout"
    ),
    "VENEER_KEEPALIVE_SECONDS": keepalive,
    "VENEER_STARTUP_TIMEOUT_SECONDS": startup_timeout,
    "VENEER_MODELS_TIMEOUT_SECONDS": models_timeout,
    "VENEER_SHUTDOWN_DELAY_SECONDS": delay,
    "VENEER_DRAIN_SECONDS": drain,
    "a request's head": head_timeout,
    "a reader that stops": slow_readers,
    "a client that leaves": client_leaves,
}


def main() -> None:
    """Measure those that are named, or all; or be what is measured."""
    if sys.argv[1:] == ["serve"]:
        configure_logging("info")
        registry = Registry.discover()
        registry.register(Endless())
        serve(Settings.from_environment(os.environ), registry)
        return
    for name in sys.argv[1:] or MEASURES:
        print(f"{name}: {MEASURES[name]()}", flush=True)


if __name__ == "__main__":
    main()
