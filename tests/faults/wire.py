"""Bytes to a gateway, and what comes back until the connection is closed."""

import re
import socket
import time
from dataclasses import dataclass

from tests.faults.process import GatewayProcess

BODY = b'{"model":"plain/one","messages":[{"role":"user","content":"hi"}]}'
CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
POST = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
GET = b"GET /v1/models/plain/one HTTP/1.1\r\nhost: x\r\n"
LENGTH = b"content-length: %d\r\n" % len(BODY)
IN_CHUNKS = b"transfer-encoding: chunked\r\n\r\n"
LAST = b"connection: close\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nhost: x\r\n" + LAST
_SECONDS = 10


@dataclass(frozen=True)
class Answer:
    """All that came back on one connection, which was then closed."""

    raw: bytes
    seconds: float

    @property
    def statuses(self) -> list[int]:
        return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", self.raw)]

    @property
    def codes(self) -> list[str]:
        return [code.decode() for code in re.findall(rb'"code":"(\w+)"', self.raw)]


def talk(gateway: GatewayProcess, *pieces: bytes, pause_seconds: float = 0.02) -> Answer:
    """Send `pieces` one after another, and read until the other side closes.

    Raises:
        TimeoutError: it does not.
    """
    raw, began = b"", time.monotonic()
    address = (gateway.host, gateway.port)
    with socket.create_connection(address, timeout=_SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            for number, piece in enumerate(pieces):
                if number:
                    time.sleep(pause_seconds)  # So that they arrive as pieces.
                connection.sendall(piece)
            while received := connection.recv(65536):
                raw += received
        except ConnectionError:
            pass
    return Answer(raw, time.monotonic() - began)
