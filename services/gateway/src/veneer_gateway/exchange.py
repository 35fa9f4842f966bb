"""One request and its answer: named, logged, and closed however it ends."""

import asyncio
import logging
import re
import time
import uuid
from contextlib import AsyncExitStack, suppress
from contextvars import ContextVar
from typing import Any, cast
from urllib.parse import urlsplit

import structlog
from hypercorn.typing import (
    ASGIReceiveCallable,
    ASGISendCallable,
    ASGISendEvent,
    HTTPResponseBodyEvent,
    HTTPScope,
    WebsocketScope,
)
from quart import Quart
from quart.asgi import ASGIHTTPConnection
from quart.wrappers import Request

from veneer_protocol import (
    ApiError,
    Headers,
    InvalidRequestError,
    RequestContext,
    ServiceUnavailableError,
    encode_error,
)

_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:=+/-]{1,128}", re.ASCII)
_CUT_TIMEOUT_SECONDS = 2
_EXTENSION = "veneer.in_flight"
_GOODBYE_TIMEOUT_SECONDS = 1
_QUIET_PATHS = frozenset({"/healthz", "/readyz"})

log = logging.getLogger("veneer.access")


class HttpVersionError(InvalidRequestError):
    """The request came by a version of HTTP that is not served."""

    status = 505
    code = "http_version_not_supported"


HTTP2_REFUSED = HttpVersionError("HTTP/2 is not served here. Use HTTP/1.1.")


class InFlight:
    """The tasks that serve requests; cancelling one ends its request and cleans up after it."""

    def __init__(self, app: Quart) -> None:
        app.extensions[_EXTENSION] = self
        self.tasks: set[asyncio.Task[Any]] = set()
        self.is_cutting = False
        """Whether what is still open is being cut, each with a word to its client."""

    def __len__(self) -> int:
        return len(self.tasks)

    async def finish(self, seconds: float) -> None:
        """Wait for what is being served, and cut what takes longer than `seconds`."""
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=seconds)
        await self.cut()

    async def cut(self) -> None:
        """End what is being served, now."""
        self.is_cutting = True
        tasks = set(self.tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_CUT_TIMEOUT_SECONDS)


class Exchange:
    """One HTTP request and its answer, from first byte to last."""

    def __init__(self, scope: HTTPScope, in_flight: InFlight) -> None:
        headers = Headers(scope["headers"])
        given = headers.get("x-request-id", "")
        sane = _SANE_REQUEST_ID.fullmatch(given) is not None
        self.context = RequestContext(
            headers=headers, request_id=given if sane else f"req_{uuid.uuid4().hex}"
        )
        self.in_flight = in_flight
        """All that is being served; who starts another task for this request adds it."""
        self.cleanup = AsyncExitStack()
        """Closed when the exchange is over, also where no answer was begun."""
        self.facts: dict[str, Any] = {}
        """What the log line says beside the usual."""
        self.status: int | None = None
        self.is_complete = False
        self.is_stream = False
        """Whether the response, once begun, is an event stream."""
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
        path = _path(self._scope["raw_path"].decode("ascii", "replace"))
        facts = {
            "method": self._scope["method"],
            "path": path,
            "status": self.status,
            "duration_ms": round((time.perf_counter() - self._started) * 1000, 1),
            "ended": self._end(),
            **self.facts,
        }
        log.log(logging.DEBUG if path in _QUIET_PATHS else logging.INFO, "request", extra=facts)

    def _end(self) -> str:
        if not self.is_complete:
            return "cut"
        return "error frame" if self.is_stream and "error" in self.facts else "complete"


def _path(target: str) -> str:
    """Give the path of a request target; of one that is neither path nor URL, "/".

    An empty path is "/" (RFC 9112, section 3.2.1); a whole URL may hold credentials.
    """
    if target.startswith("/"):
        return target
    try:
        return urlsplit(target).path if "://" in target else "/"
    except ValueError:
        return "/"


_EXCHANGE: ContextVar[Exchange] = ContextVar("exchange")


def current_exchange() -> Exchange:
    """Give the exchange of the request that is being served."""
    return _EXCHANGE.get()


class ExchangeConnection(ASGIHTTPConnection):
    """Quart's handling of one request, inside an exchange.

    Everything runs in the one task that Quart cancels when the client leaves, clean-up included.
    """

    def __init__(self, app: Quart, scope: HTTPScope) -> None:
        super().__init__(app, cast(HTTPScope, {**scope, "path": _path(scope["path"])}))
        self._in_flight: InFlight = app.extensions[_EXTENSION]
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Serve one request, and leave nothing of it where the connection breaks down."""
        try:
            await super().__call__(receive, send)
        finally:
            # Quart waits for the client or the answer; when the server itself cancels the wait,
            # nobody else ends the work.
            if self._task is not None:
                self._task.cancel()

    async def handle_request(self, request: Request, send: ASGISendCallable) -> None:
        """Serve `request` and see to what it leaves behind."""
        exchange = Exchange(self.scope, self._in_flight)
        _EXCHANGE.set(exchange)
        structlog.contextvars.bind_contextvars(request_id=exchange.context.request_id)

        async def send_noted(message: ASGISendEvent) -> None:
            exchange.note(message)
            await send(message)

        self._task = task = cast("asyncio.Task[None]", asyncio.current_task())
        self._in_flight.tasks.add(task)
        try:
            if request.http_version == "2":
                # Hypercorn holds all that a client does not read in memory, without a limit.
                await _send_error(HTTP2_REFUSED, send_noted)
                return
            async with exchange.cleanup:
                await super().handle_request(request, send_noted)
        except asyncio.CancelledError:
            if not self._in_flight.is_cutting:
                raise
            await _say_goodbye(exchange, send_noted)
        finally:
            self._in_flight.tasks.discard(task)
            exchange.log()


async def _say_goodbye(exchange: Exchange, send: ASGISendCallable) -> None:
    """Tell a client whose request is cut that it is the gateway that leaves."""
    error = ServiceUnavailableError("The gateway is stopping. Try again.", code="shutting_down")
    exchange.facts["error"] = error.code
    with suppress(TimeoutError):
        async with asyncio.timeout(_GOODBYE_TIMEOUT_SECONDS):
            if exchange.status is None:
                await _send_error(error, send)
            elif exchange.is_stream and not exchange.is_complete:
                await send(_last(encode_error(error)))


async def _send_error(error: ApiError, send: ASGISendCallable) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": error.status, "headers": headers})
    await send(_last(error.to_json()))


def _last(body: bytes) -> HTTPResponseBodyEvent:
    return {"type": "http.response.body", "body": body, "more_body": False}


class WebsocketRefusal:
    """Answers a WebSocket, which nothing here speaks, as any other unknown URL."""

    def __init__(self, app: Quart, scope: WebsocketScope) -> None:
        pass

    async def __call__(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Refuse the handshake."""
        error = InvalidRequestError(
            "WebSockets are not served here. Streams come over plain HTTP.",
            code="websocket_not_supported",
        )
        headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
        await receive()
        await send(
            {"type": "websocket.http.response.start", "status": error.status, "headers": headers}
        )
        await send(
            {"type": "websocket.http.response.body", "body": error.to_json(), "more_body": False}
        )
