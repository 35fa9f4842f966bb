"""How an ASGI connection becomes an exchange."""

import asyncio
from typing import cast

import structlog
from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope, WebsocketScope
from quart import Quart
from quart.asgi import ASGIHTTPConnection
from quart.wrappers import Request

from veneer_gateway.exchange import Exchange, InFlight, enter, path_of
from veneer_protocol import ApiError, InvalidRequestError, ServiceUnavailableError

_EXTENSION = "veneer.in_flight"


class HttpVersionError(InvalidRequestError):
    """The request came by a version of HTTP that is not served."""

    status = 505
    code = "http_version_not_supported"


class HeadersTooLargeError(InvalidRequestError):
    """The request line and the headers are larger than `VENEER_MAX_HEADER_BYTES`."""

    status = 431
    code = "headers_too_large"


class OverloadedError(ServiceUnavailableError):
    """More is being served than `VENEER_MAX_REQUESTS`."""

    code = "overloaded"


OTHER_VERSION_REFUSED = HttpVersionError("HTTP/2 is not served here. Use HTTP/1.1.")
# Who reads only one of the two lengths, a proxy in front, sees another request where this one ends
# (RFC 9112, section 6.3).
TWO_LENGTHS_REFUSED = InvalidRequestError(
    "The request has both a Content-Length and a Transfer-Encoding. Send one of them.",
    code="ambiguous_length",
)
SHUTTING_DOWN = ServiceUnavailableError("The gateway is stopping. Try again.", code="shutting_down")
OVERLOADED = OverloadedError(
    "The gateway serves as many requests as it may. Try again.", retry_after_seconds=1
)


def admit(app: Quart, in_flight: InFlight, max_header_bytes: int) -> None:
    """Have the requests of `app` counted among those `in_flight`; their heads are bounded."""
    app.extensions[_EXTENSION] = in_flight, max_header_bytes


class ExchangeConnection(ASGIHTTPConnection):
    """Quart's handling of one request, inside an exchange.

    Everything runs in the one task that Quart cancels when the client leaves, clean-up included.
    """

    def __init__(self, app: Quart, scope: HTTPScope) -> None:
        super().__init__(app, cast(HTTPScope, {**scope, "path": path_of(scope["path"])}))
        bounds: tuple[InFlight, int] = app.extensions[_EXTENSION]
        self._in_flight, self._max_header_bytes = bounds
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
        is_one_too_many = self._in_flight.is_full
        exchange = Exchange(self.scope, self._in_flight, send)
        enter(exchange)
        structlog.contextvars.bind_contextvars(request_id=exchange.context.request_id)
        self._task = asyncio.current_task()
        try:
            if (refusal := self._refusal(exchange, is_one_too_many)) is not None:
                await exchange.refuse(refusal)
            else:
                async with exchange.cleanup:
                    await super().handle_request(request, exchange.send)
        except asyncio.CancelledError:
            error = SHUTTING_DOWN if self._in_flight.is_cutting else exchange.cut_by
            if error is None:
                raise
            await exchange.say_goodbye(error)
        finally:
            exchange.end()

    def _refusal(self, exchange: Exchange, is_one_too_many: bool) -> ApiError | None:
        headers = exchange.context.headers
        if not self.scope["http_version"].startswith("1."):
            # Servers of HTTP/2 hold what a client does not read in memory, some without a limit.
            return OTHER_VERSION_REFUSED
        if _head_bytes(self.scope) > self._max_header_bytes:
            # Hypercorn refuses only a head that comes in several pieces.
            return HeadersTooLargeError(
                f"The request line and the headers have more than {self._max_header_bytes} bytes."
            )
        if "content-length" in headers and "transfer-encoding" in headers:
            return TWO_LENGTHS_REFUSED
        if is_one_too_many and exchange.path.startswith("/v1/"):
            return OVERLOADED
        return None


def _head_bytes(scope: HTTPScope) -> int:
    line = len(scope["method"]) + len(scope["raw_path"]) + len(scope["query_string"])
    return line + sum(len(name) + len(value) + len(": \r\n") for name, value in scope["headers"])


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
