"""One request and its answer: named, logged, and closed however it ends."""

import asyncio
import logging
import re
import time
import uuid
from contextlib import AsyncExitStack
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, cast

import structlog
from hypercorn.typing import ASGISendCallable, ASGISendEvent, HTTPScope
from quart.asgi import ASGIHTTPConnection
from quart.wrappers import Request

from veneer_protocol import Headers, RequestContext

if TYPE_CHECKING:
    from veneer_gateway.app import Gateway

_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:=+/-]{1,128}", re.ASCII)
_QUIET_PATHS = frozenset({b"/healthz", b"/readyz"})

log = logging.getLogger("veneer.access")


class Exchange:
    """One HTTP request and its answer, from first byte to last."""

    def __init__(self, scope: HTTPScope, in_flight: set[asyncio.Task[Any]]) -> None:
        headers = Headers(scope["headers"])
        given = headers.get("x-request-id", "")
        sane = _SANE_REQUEST_ID.fullmatch(given) is not None
        self.context = RequestContext(
            headers=headers, request_id=given if sane else f"req_{uuid.uuid4().hex}"
        )
        self.in_flight = in_flight
        """All tasks that serve requests; who starts another for this one adds it."""
        self.cleanup = AsyncExitStack()
        """Closed when the exchange is over, also where no answer was begun."""
        self.facts: dict[str, Any] = {}
        """What the log line says beside the usual."""
        self.status: int | None = None
        self.is_complete = False
        self._scope = scope
        self._started = time.perf_counter()

    def note(self, message: ASGISendEvent) -> None:
        """Follow what is sent, and put the request id on the response."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            identity = (b"x-request-id", self.context.request_id.encode())
            message["headers"] = [*message["headers"], identity]
        elif message["type"] == "http.response.body":
            self.is_complete = not message["more_body"]

    def log(self) -> None:
        """Write the one line of this exchange."""
        # Neither the query nor any header: either may hold a secret. The path stays
        # percent-encoded, or a line break in it would forge a line of the log.
        path = self._scope["raw_path"]
        facts = {
            "method": self._scope["method"],
            "path": path.decode("ascii", "replace"),
            "status": self.status,
            "duration_ms": round((time.perf_counter() - self._started) * 1000, 1),
            "ended": "complete" if self.is_complete else "cut",
            **self.facts,
        }
        log.log(logging.DEBUG if path in _QUIET_PATHS else logging.INFO, "request", extra=facts)


_EXCHANGE: ContextVar[Exchange] = ContextVar("exchange")


def current_exchange() -> Exchange:
    """Give the exchange of the request that is being served."""
    return _EXCHANGE.get()


class ExchangeConnection(ASGIHTTPConnection):
    """Quart's handling of one request, inside an exchange.

    Everything runs in the one task that Quart cancels when the client leaves, clean-up included.
    """

    def __init__(self, app: "Gateway", scope: HTTPScope) -> None:
        # Quart fails on `GET ?query HTTP/1.1`; RFC 9112, section 3.2.1: an empty path is "/".
        if not scope["path"]:
            scope = cast(HTTPScope, {**scope, "path": "/"})
        super().__init__(app, scope)
        self._in_flight = app.in_flight

    async def handle_request(self, request: Request, send: ASGISendCallable) -> None:
        """Serve `request` and see to what it leaves behind."""
        exchange = Exchange(self.scope, self._in_flight)
        _EXCHANGE.set(exchange)
        structlog.contextvars.bind_contextvars(request_id=exchange.context.request_id)

        async def send_noted(message: ASGISendEvent) -> None:
            exchange.note(message)
            await send(message)

        task = cast("asyncio.Task[None]", asyncio.current_task())
        self._in_flight.add(task)
        try:
            async with exchange.cleanup:
                await super().handle_request(request, send_noted)
        finally:
            self._in_flight.discard(task)
            exchange.log()
