"""Stands between a client and the gateway, and keeps what the client sends, byte for byte."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from typing import Any

_CHAT = b"POST /v1/chat/completions "


@dataclass
class Relay:
    """One client's way to the gateway."""

    host: str
    gateway_port: int
    port: int = 0
    chats: list[tuple[float, dict[str, Any]]] = field(default_factory=list)
    """When it asked for an answer, and with what body."""

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        back, forth = await asyncio.open_connection(self.host, self.gateway_port)
        requests = asyncio.StreamReader(limit=2**24)
        async with asyncio.TaskGroup() as group:
            group.create_task(_pass_on(reader, forth, requests.feed_data, requests.feed_eof))
            group.create_task(_pass_on(back, writer))
            group.create_task(self._keep(requests))

    async def _keep(self, requests: asyncio.StreamReader) -> None:
        with suppress(asyncio.IncompleteReadError):  # The end of the connection.
            while True:
                head = await requests.readuntil(b"\r\n\r\n")
                body = await requests.readexactly(_length(head))
                if head.startswith(_CHAT):
                    self.chats.append((time.monotonic(), json.loads(body)))


@asynccontextmanager
async def relaying(host: str, gateway_port: int) -> AsyncIterator[Relay]:
    """Relay from a free port to the gateway's until the block ends."""
    relay = Relay(host, gateway_port)
    server = await asyncio.start_server(relay.connect, host)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()


async def _pass_on(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    keep: Callable[[bytes], object] = bool,
    end: Callable[[], object] = bool,
) -> None:
    # Who closes, also for a reset, is closed on the other side.
    try:
        with closing(writer):
            while received := await reader.read(2**16):
                keep(received)
                writer.write(received)
                await writer.drain()
    except ConnectionError:
        pass
    finally:
        end()


def _length(head: bytes) -> int:
    """Give the length of the body; a client that sends chunks is not understood, and told so."""
    headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
    if b"transfer-encoding" in headers:
        raise ValueError("a body in chunks")
    return int(headers.get(b"content-length", 0))
