"""Which web pages may read what the gateway answers.

Reference: https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from collections.abc import Collection

from hypercorn.typing import (
    ASGIFramework,
    ASGIReceiveCallable,
    ASGISendCallable,
    ASGISendEvent,
    HTTPScope,
    Scope,
)

from veneer_gateway.connection import Admission, conduct
from veneer_gateway.exchange import Exchange
from veneer_gateway.origins import ANY_ORIGIN
from veneer_protocol import Headers

_HOUR = 60 * 60
# Browsers keep for two hours at most what a preflight allows; an origin is looked at each time.
_PREFLIGHT_SECONDS = 2 * _HOUR
_EXPOSED = (b"access-control-expose-headers", b"retry-after, x-request-id, x-upstream-request-id")
_PREFLIGHT_HEADERS = [
    (b"access-control-allow-methods", b"GET, HEAD, POST"),
    (b"access-control-max-age", b"%d" % _PREFLIGHT_SECONDS),
    (b"vary", b"access-control-request-headers"),
]


class Cors:
    """The application `app`, whose answers pages of `origins` may read, errors and streams too.

    A page of another origin gets what any other client gets. No page may send cookies: credentials
    are headers, which it must know.
    """

    def __init__(self, app: ASGIFramework, admission: Admission, origins: Collection[str]) -> None:
        self._app = app
        self._admission = admission
        self._origins = frozenset(origins)

    async def __call__(
        self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable
    ) -> None:
        """Serve a request; where a browser asks whether it may send one, answer that."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers.from_asgi(scope["headers"])
        allowed = self._allowed(headers)
        added = _added(allowed)

        async def send_added(message: ASGISendEvent) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *added]
            await send(message)

        async def allow(exchange: Exchange) -> None:
            await exchange.start(204, _preflight(headers))
            await exchange.send_body(b"")

        if allowed is not None and _is_preflight(scope, headers):
            await conduct(scope, send_added, self._admission, allow)
        else:
            await self._app(scope, receive, send_added)

    def _allowed(self, headers: Headers) -> str | None:
        """Give the origin whose pages may read the response, if there is one."""
        if ANY_ORIGIN in self._origins:
            return ANY_ORIGIN
        origin = headers.get("origin")
        return origin if origin in self._origins else None


def _added(allowed: str | None) -> list[tuple[bytes, bytes]]:
    # Unless it is the same for all, a cache must not give one origin what another was told; nor
    # what one was told that may not read it.
    vary = [] if allowed == ANY_ORIGIN else [(b"vary", b"origin")]
    if allowed is None:
        return vary
    return [(b"access-control-allow-origin", allowed.encode()), _EXPOSED, *vary]


def _is_preflight(scope: HTTPScope, headers: Headers) -> bool:
    asks = "origin" in headers and "access-control-request-method" in headers
    return scope["method"] == "OPTIONS" and asks


def _preflight(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Allow all headers that are asked for: what they mean is the adapter's affair."""
    asked = headers.get("access-control-request-headers")
    return [
        *([] if asked is None else [(b"access-control-allow-headers", asked.encode())]),
        *_PREFLIGHT_HEADERS,
    ]
