"""One request and its answer on a connection of uvicorn."""

from typing import Any

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

    async def run(self) -> None:
        """Serve it."""
        await self.run_asgi(self._app)

    def be_left(self) -> None:
        """Know that the client is gone."""
        self.disconnected = True
        self.message_event.set()
        self.flow.resume_writing()  # Whoever waits to send finds out, too.

    async def send(self, message: Any) -> None:
        """Send `message`, to a client of HTTP/1.0 without chunks, which it cannot read."""
        if message["type"] == "http.response.start":
            if self.scope["http_version"] == "1.0" and not _has_length(message):
                self._is_framed = self.chunked_encoding = False
            await super().send(message)
        else:
            if not self._is_framed:
                self.expected_content_length = len(message.get("body", b""))
            self.is_last = self.is_last or not self.keep_alive
            self.keep_alive = True  # Else the connection would be closed at once.
            await super().send(message)


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
