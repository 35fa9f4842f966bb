"""One request and its answer: named, timed, logged, and closed however it ends."""

import asyncio
import logging
import os
import re
import time
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from contextvars import ContextVar
from typing import Any, cast
from urllib.parse import urlsplit

from hypercorn.typing import ASGISendCallable, ASGISendEvent, HTTPScope

from veneer_gateway.in_flight import CUT_TIMEOUT_SECONDS, InFlight
from veneer_gateway.redaction import Redaction
from veneer_gateway.refusals import headers_of
from veneer_gateway.served import Served, route_of
from veneer_gateway.watch import Watch
from veneer_protocol import (
    ApiError,
    ChatCompletionRequest,
    Headers,
    RequestContext,
    encode_error,
)

SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:=+/-]{1,128}", re.ASCII)
"""What a caller's own request id must look like to be kept."""

_GOODBYE_TIMEOUT_SECONDS = 1
_CLOSE = (b"connection", b"close")
_JSON = (b"content-type", b"application/json")
_KEEPALIVE = b": keepalive\n\n"

log = logging.getLogger("veneer.exchange")


class Exchange:
    """One HTTP request and its answer, from first byte to last, served by the present task."""

    def __init__(self, scope: HTTPScope, in_flight: InFlight, send: ASGISendCallable) -> None:
        headers = Headers.from_asgi(scope["headers"])
        given = headers.get("x-request-id", "")
        sane = SANE_REQUEST_ID.fullmatch(given) is not None
        # The path stays percent-encoded, or a line break in it would forge a line of the log.
        self.path = path_of(scope["raw_path"].decode("ascii", "replace"))
        self._method = scope["method"]
        self._route = route_of(route_path(scope))
        self.span = in_flight.report.begin(self._method, self.path, self._route, headers)
        """What a trace shows of it, if there are traces."""
        self.context = RequestContext(
            headers=headers if self.span is None else self.span.headers,
            request_id=given if sane else f"req_{os.urandom(16).hex()}",
        )
        self.in_flight = in_flight
        """All that is being served; who starts another task for this request adds it."""
        self.provider: str | None = None
        """The provider that it is for, once that is known."""
        self.chat: ChatCompletionRequest | None = None
        """What is asked, once that has been read."""
        self.mode = "plain"
        """How it is to be answered: `plain` or `stream`."""
        self.chunks = 0
        """How many chunks of a stream have been sent."""
        self.error: str | None = None
        """The code of the error that it ends in, if it does."""
        self.has_body = False
        """Whether all of the request has been read."""
        self.status: int | None = None
        """That of the response, once begun."""
        self.is_complete = False
        self.is_left = False
        """Whether its client has left before its end."""
        self.is_stream = False
        """Whether the response, once begun, is an event stream."""
        self.cut_by: ApiError | None = None
        """Why it was cut, if it was."""
        task = cast("asyncio.Task[None]", asyncio.current_task())
        self.watch = Watch(in_flight.limits, task.get_loop(), self.cut, self._fill_silence)
        """What time it may take."""
        self._send = send
        self._task: asyncio.Task[None] | None = task  # Until it is over.
        self._clean_up: Callable[[], Awaitable[None]] | None = None
        self._is_given_up = False
        self._has_place = False
        self._beside: set[asyncio.Task[None]] = set()
        self._send_seconds = 0.0
        in_flight.add(task)

    @property
    def redaction(self) -> Redaction:
        """What must not be told of it."""
        return Redaction(self.context.headers, self.chat)

    async def send(self, message: ASGISendEvent) -> None:
        """Send what an application of ASGI says."""
        if message["type"] == "http.response.start":
            await self.start(message["status"], [*message["headers"]])
        elif message["type"] == "http.response.body":
            await self.send_body(message["body"], more_body=message["more_body"])

    async def refuse(self, error: ApiError) -> None:
        """Answer with `error`."""
        headers = headers_of(error)
        if not self.has_body:
            # The server closes such a connection; one that was told does not send its next request.
            headers.append(_CLOSE)
        await self.answer(error.status, headers, error.to_json())

    async def answer(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        """Answer with `body`, which is JSON."""
        await self.start(status, [*headers, _JSON, (b"content-length", b"%d" % len(body))])
        await self.send_body(body)

    async def start(self, status: int, headers: list[tuple[bytes, bytes]]) -> None:
        """Begin the response, with the request id on it."""
        if self._is_given_up:
            return
        headers = [*headers, (b"x-request-id", self.context.request_id.encode())]
        if self.in_flight.is_draining and _CLOSE not in headers:
            # On its way out, it has the client open its next connection elsewhere: what is sent on
            # an open one just as that is closed would be lost.
            headers.append(_CLOSE)
        began = time.perf_counter()
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        self.status = status
        self._send_seconds += time.perf_counter() - began

    async def send_body(self, content: bytes, *, more_body: bool = False) -> None:
        """Send `content`, which ends the response unless there is `more_body`."""
        if self._is_given_up:
            return
        self.is_complete = not more_body
        began = time.perf_counter()
        await self._send({"type": "http.response.body", "body": content, "more_body": more_body})
        self._send_seconds += time.perf_counter() - began

    def serve_by(self, provider: str) -> None:
        """Take a place among the requests of `provider`, until the end.

        Raises:
            ProviderOverloadedError: there is none.
        """
        self.provider = provider
        self.in_flight.enter(provider)
        self._has_place = True

    def clean_up_by(self, work: Callable[[], Awaitable[None]]) -> None:
        """Have `work` done when it is over, also where no answer was begun."""
        self._clean_up = work

    async def clean_up(self) -> None:
        """Let go what it holds, once."""
        work, self._clean_up = self._clean_up, None
        if work is not None:
            await work()

    def leave(self) -> None:
        """End it, now; its client is gone."""
        self.is_left = True
        if self._task is not None and not self.is_complete:
            self._task.cancel()

    def cut(self, error: ApiError) -> None:
        """End it, now; its client is told `error`."""
        if self._task is None:
            return
        make_current(self)  # The timer that calls this was set before it was.
        if not self.is_left:
            self.cut_by = error
            if error.status >= 500:  # Else it was the client who took the time.
                said = {"limit": error.code, "provider": self.provider}
                log.warning("limit of time passed", extra=said)
        self._task.cancel()
        asyncio.get_running_loop().call_later(CUT_TIMEOUT_SECONDS, self._give_up)

    async def say_goodbye(self, error: ApiError) -> None:
        """Tell the client of a request that was cut why the gateway leaves."""
        self.error = error.code
        with suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_TIMEOUT_SECONDS):
                if self.status is None:
                    self.is_stream = False
                    self.has_body = False  # It may be on its way, and the connection is closed.
                    await self.refuse(error)
                elif self.is_stream and not self.is_complete:
                    await self.send_body(encode_error(error))

    def end(self) -> None:
        """Tell of it: in the log, the metrics and the traces."""
        self.watch.stop()
        if self._task is None:
            return
        self.in_flight.discard(self._task)
        # Whose context holds this: circles would be left to the garbage collector.
        self._task = None
        if self._has_place and self.provider is not None:
            self.in_flight.leave(self.provider)
        self.in_flight.report.tell(self._served(), self.span)

    def _served(self) -> Served:
        seconds, watch = self.watch.seconds, self.watch
        elsewhere = watch.adapter_seconds + self._send_seconds + watch.body_seconds
        return Served(
            method=self._method,
            path=self.path,
            route=self._route,
            request_id=self.context.request_id,
            provider=self.provider,
            chat=self.chat,
            mode=self.mode,
            status=self.status,
            ended=self._ended(),
            error=self.error,
            seconds=seconds,
            adapter_seconds=watch.adapter_seconds,
            overhead_seconds=max(0, seconds - elsewhere),
            send_seconds=self._send_seconds,
            first_chunk_seconds=watch.first_chunk_seconds,
            chunks=self.chunks,
        )

    def _ended(self) -> str:
        if not self.is_complete:
            return "cut"
        return "error frame" if self.is_stream and self.error is not None else "complete"

    def _fill_silence(self) -> None:
        # Beside the task of this request, which waits for the adapter. Where the last comment has
        # not gone out yet, the client does not read, and needs no other.
        if not (self._beside or self.is_complete):
            self._start_beside(self._keep_alive())

    async def _keep_alive(self) -> None:
        if not self.is_complete:  # It may have ended since this was begun.
            await self.send_body(_KEEPALIVE, more_body=True)

    def _give_up(self) -> None:
        """Let the client go, where the adapter swallows its cancellation."""
        if self._task is not None:
            log.error(
                "adapter does not end when it is cancelled", extra={"provider": self.provider}
            )
            self._start_beside(self._leave_behind())

    async def _leave_behind(self) -> None:
        if self.cut_by is not None:
            await self.say_goodbye(self.cut_by)
        self.end()
        self._is_given_up = True

    def _start_beside(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)


_EXCHANGE: ContextVar[Exchange] = ContextVar("exchange")


def current_exchange() -> Exchange:
    """Give the exchange of the request that is being served.

    Raises:
        LookupError: none is.
    """
    return _EXCHANGE.get()


def make_current(exchange: Exchange) -> None:
    """Make `exchange` that of the request which this task serves."""
    _EXCHANGE.set(exchange)


def route_path(scope: HTTPScope) -> str:
    """Give the path that decides who serves a request; leading slashes count as one."""
    return "/" + path_of(scope["path"]).lstrip("/")


def path_of(target: str) -> str:
    """Give the path of a request target; of one that is neither path nor URL, "/".

    An empty path is "/" (RFC 9112, section 3.2.1); a whole URL may hold credentials.
    """
    if target.startswith("/"):
        return target
    try:
        return urlsplit(target).path if "://" in target else "/"
    except ValueError:
        return "/"
