"""How an ASGI connection becomes an exchange."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from itertools import chain
from typing import Any, cast

from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope, WebsocketScope
from quart import Quart
from quart.asgi import ASGIHTTPConnection
from quart.wrappers import Request

from veneer_gateway.caller import Caller
from veneer_gateway.errors import as_api_error, gave_up
from veneer_gateway.exchange import Exchange, make_current, route_path
from veneer_gateway.in_flight import InFlight
from veneer_protocol import ApiError, InvalidRequestError, ServiceUnavailableError

ADMISSION = "veneer.admission"
"""The extension of an application that holds its `Admission`."""

Answer = Callable[[Exchange, Caller], Awaitable[None]]
"""Answers one request, whose client it follows."""


class HttpVersionError(InvalidRequestError):
    """The request came by a version of HTTP that is not served."""

    status = 505
    code = "http_version_not_supported"


class MalformedRequestError(InvalidRequestError):
    """What came is no request of HTTP/1.1, or can be read in two ways."""

    code = "malformed_request"

    def __init__(self, reason: str) -> None:
        super().__init__(f"This is no request of HTTP/1.1: {reason}.")


class TransferEncodingError(InvalidRequestError):
    """The body has another transfer encoding than `chunked`."""

    status = 501
    code = "unsupported_transfer_encoding"

    def __init__(self) -> None:
        super().__init__("The only Transfer-Encoding that is served here is chunked.")


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
WEBSOCKET_REFUSED = InvalidRequestError(
    "WebSockets are not served here. Streams come over plain HTTP.",
    code="websocket_not_supported",
)
OVERLOADED = OverloadedError(
    "The gateway serves as many requests as it may. Try again.", retry_after_seconds=1
)

log = logging.getLogger("veneer.connection")


@dataclass(frozen=True)
class Admission:
    """Who may be served, and what for."""

    in_flight: InFlight
    max_header_bytes: int

    def refusal(self, exchange: Exchange, scope: HTTPScope, *, is_full: bool) -> ApiError | None:
        """Give the error that keeps a request from being looked at, if there is one."""
        headers = exchange.context.headers
        if not scope["http_version"].startswith("1."):
            # Servers of HTTP/2 hold what a client does not read in memory, some without a limit.
            return OTHER_VERSION_REFUSED
        if _head_bytes(scope) > self.max_header_bytes:
            # Hypercorn refuses only a head that comes in several pieces.
            return HeadersTooLargeError(
                f"The request line and the headers have more than {self.max_header_bytes} bytes."
            )
        if "transfer-encoding" in headers and "content-length" in headers:
            return TWO_LENGTHS_REFUSED
        if self.in_flight.is_cutting:
            # It waited on its connection for one that was cut; nobody would come to cut it, too.
            return SHUTTING_DOWN
        # Else a page would not learn why its browser may not ask, nor when it may.
        is_refused = is_full and scope["method"] != "OPTIONS"
        return OVERLOADED if is_refused and route_path(scope).startswith("/v1/") else None


async def conduct(
    scope: HTTPScope,
    send: ASGISendCallable,
    admission: Admission,
    work: Callable[[Exchange], Awaitable[None]],
) -> None:
    """Do `work` as the exchange of a request, and see to what it leaves behind.

    Raises:
        CancelledError: it was cancelled by others than the gateway, or its client.
    """
    in_flight = admission.in_flight
    is_full = in_flight.is_full
    exchange = Exchange(scope, in_flight, send)
    make_current(exchange)
    try:
        if (refusal := admission.refusal(exchange, scope, is_full=is_full)) is not None:
            exchange.error = refusal.code
            await exchange.refuse(refusal)
        else:
            try:
                await work(exchange)
            finally:
                await exchange.clean_up()
    except asyncio.CancelledError:
        exchange.watch.stop()  # It has ended, and is told so once.
        if exchange.is_left:
            return
        error = SHUTTING_DOWN if in_flight.is_cutting else exchange.cut_by
        if error is None:
            log.error("request cancelled by its adapter, or by the server", exc_info=True)
            await exchange.say_goodbye(gave_up())
            raise
        await exchange.say_goodbye(error)
    finally:
        exchange.end()


def serve_directly(
    scope: HTTPScope,
    receive: ASGIReceiveCallable,
    send: ASGISendCallable,
    admission: Admission,
    answer: Answer,
) -> Coroutine[Any, Any, None]:
    """Serve one request by the task of the server, without Quart.

    Quart's part of a request would take longer than all of ours. With every chunk a stream goes
    through all coroutines around it: there are few.
    """

    async def work(exchange: Exchange) -> None:
        caller = Caller(receive, exchange.leave)
        try:
            await answer(exchange, caller)
        except Exception as error:
            if exchange.status is not None:
                raise
            await exchange.clean_up()  # The upstream is let go before the answer leaves.
            await exchange.refuse(as_api_error(error))
        finally:
            caller.let_go()

    return conduct(scope, send, admission, work)


class ExchangeConnection(ASGIHTTPConnection):
    """Quart's handling of one request, inside an exchange.

    Everything runs in the one task that Quart cancels when the client leaves, clean-up included.
    """

    def __init__(self, app: Quart, scope: HTTPScope) -> None:
        super().__init__(app, cast(HTTPScope, {**scope, "path": route_path(scope)}))
        self._task: asyncio.Task[None] | None = None
        self._exchange: Exchange | None = None

    async def __call__(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Serve one request, and leave nothing of it where the connection breaks down."""
        try:
            await super().__call__(receive, send)
        finally:
            # Quart waits for the client or the answer; when the server itself cancels the wait,
            # nobody else ends the work.
            if self._task is not None:
                self._task.cancel()

    async def handle_messages(self, request: Request, receive: ASGIReceiveCallable) -> None:
        """Take what the client sends, until it leaves."""
        await super().handle_messages(request, receive)
        if self._exchange is not None:
            self._exchange.is_left = True

    async def handle_request(self, request: Request, send: ASGISendCallable) -> None:
        """Serve `request` and see to what it leaves behind."""
        self._task = asyncio.current_task()
        admission: Admission = self.app.extensions[ADMISSION]

        async def work(exchange: Exchange) -> None:
            self._exchange = exchange
            await super(ExchangeConnection, self).handle_request(request, exchange.send)

        await conduct(self.scope, send, admission, work)


def _head_bytes(scope: HTTPScope) -> int:
    line = len(scope["method"]) + len(scope["raw_path"]) + len(scope["query_string"])
    pairs = [*scope["headers"]]
    return line + sum(map(len, chain.from_iterable(pairs))) + len(": \r\n") * len(pairs)


class WebsocketRefusal:
    """Answers a WebSocket, which nothing here speaks, as any other unknown URL."""

    def __init__(self, app: Quart, scope: WebsocketScope) -> None:
        pass

    async def __call__(self, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """Refuse the handshake."""
        error = WEBSOCKET_REFUSED
        headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
        await receive()
        await send(
            {"type": "websocket.http.response.start", "status": error.status, "headers": headers}
        )
        await send(
            {"type": "websocket.http.response.body", "body": error.to_json(), "more_body": False}
        )
