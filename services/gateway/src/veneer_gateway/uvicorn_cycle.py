"""One request and its answer on a connection of uvicorn."""

import uuid
from typing import Any

from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from veneer_protocol import ApiError


class Cycle(RequestResponseCycle):
    """One request and its answer."""

    def __init__(self, app: ASGI3Application, **rest: Any) -> None:
        super().__init__(**rest)
        self._app = app

    async def run(self) -> None:
        """Serve it."""
        await self.run_asgi(self._app)

    def be_left(self) -> None:
        """Know that the client is gone."""
        self.disconnected = True
        self.message_event.set()
        self.flow.resume_writing()  # Whoever waits to send finds out, too.

    async def send(self, message: Any) -> None:
        """Send, to a client of HTTP/1.0 without the chunks that it cannot read."""
        if self.scope["http_version"] == "1.0":
            if message["type"] == "http.response.start":
                names = {name.lower() for name, _ in message["headers"]}
                self._has_no_length = b"content-length" not in names
                self.chunked_encoding = False if self._has_no_length else None
            elif self._has_no_length:
                self.expected_content_length = len(message["body"])
        await super().send(message)


def refusal(error: ApiError) -> ASGI3Application:
    """Give an application that answers with `error`."""
    body = error.to_json()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"connection", b"close"),
        (b"x-request-id", f"req_{uuid.uuid4().hex}".encode()),
    ]

    async def answer(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        await send({"type": "http.response.start", "status": error.status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    return answer
