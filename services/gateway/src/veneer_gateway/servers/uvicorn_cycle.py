"""One request and its answer on a connection of uvicorn."""

import asyncio
from collections.abc import Coroutine
from typing import Any, cast

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from veneer_gateway.app import Gateway
from veneer_gateway.connection import ADMISSION, conduct
from veneer_gateway.exchange import Exchange
from veneer_protocol import ApiError


class Cycle(RequestResponseCycle):
    """One request and its answer."""

    is_last = False
    """Whether the connection is to be closed after it, which is left to others."""

    def __init__(self, app: Any, **rest: Any) -> None:
        super().__init__(**rest)
        self._app = app
        self._is_framed = True
        self._connection = self.transport
        self._flow = self.flow

    def run(self) -> Coroutine[Any, Any, None]:
        """Serve it."""
        return self.run_asgi(self._app)

    def be_left(self) -> None:
        """Know that the client is gone."""
        self.disconnected = True
        self.message_event.set()
        self.flow.resume_writing()  # Whoever waits to send finds out, too.

    async def send(self, message: Any) -> None:
        """Send `message`, to a client of HTTP/1.0 without chunks, which it cannot read.

        Who does not read is waited for, but not with the end of the answer: it would never come,
        and the head of the next one waits for him.
        """
        if self.response_started and not message.get("more_body", False):
            self.flow = _FREE
        while self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.response_complete:
            return  # A comment, say, that has waited for too long.
        if message["type"] == "http.response.start":
            if self.scope["http_version"] == "1.0" and not _has_length(message):
                self._is_framed = self.chunked_encoding = False
            if self.scope["method"] != "HEAD":  # Which has no body.
                self.transport = cast("asyncio.Transport", _Head(self.transport))
            await super().send(message)
        else:
            if not self._is_framed:
                self.expected_content_length = len(message.get("body", b""))
            self.is_last = self.is_last or not self.keep_alive
            self.keep_alive = True  # Else the connection would be closed at once.
            await super().send(message)
            self.transport, self.flow = self._connection, self._flow

    async def send_500_response(self) -> None:
        """Close the connection: what there was to say, the application could not say in time."""
        self._connection.close()


class _Head:
    """Takes the head of a response, to be written together with the first of its body.

    Each write costs as much as all of the application's work. The body follows at once.
    """

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._head: bytes | None = None
        self.close = transport.close

    def write(self, data: bytes) -> None:
        """Keep `data`, which is the head, or write both."""
        if self._head is None:
            self._head = data
        else:
            self._transport.write(self._head + data)


class _Free:
    """Stands in for the flow of a connection, to write without a wait."""

    write_paused = False


_FREE = cast("FlowControl", _Free())


def _has_length(message: Any) -> bool:
    return any(name.lower() == b"content-length" for name, _ in message["headers"])


def refusal(app: Gateway, error: ApiError) -> Any:
    """Give an application that answers what `app` cannot serve, and has it logged and counted."""

    async def refuse(exchange: Exchange) -> None:
        exchange.error = error.code
        await exchange.refuse(error)

    async def answer(scope: Any, receive: Any, send: Any) -> None:
        await conduct(scope, send, app.extensions[ADMISSION], refuse)

    return answer
