"""One request and its answer: named, timed, logged, and closed however it ends."""

import asyncio
import logging
import math
import re
import time
import uuid
from collections import Counter
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from contextvars import ContextVar
from typing import Any, cast
from urllib.parse import urlsplit

from hypercorn.typing import ASGISendCallable, ASGISendEvent, HTTPScope

from veneer_gateway.redaction import Redaction
from veneer_gateway.report import Report
from veneer_gateway.served import Served
from veneer_gateway.watch import TimeLimits, Watch
from veneer_protocol import (
    ApiError,
    ChatCompletionRequest,
    Headers,
    RateLimitError,
    RequestContext,
    encode_error,
)

SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._:=+/-]{1,128}", re.ASCII)
"""What a caller's own request id must look like to be kept."""

_CUT_TIMEOUT_SECONDS = 2
_GOODBYE_TIMEOUT_SECONDS = 1
_KEEPALIVE = b": keepalive\n\n"

log = logging.getLogger("veneer.exchange")


class ProviderOverloadedError(RateLimitError):
    """One provider has more requests than `VENEER_MAX_REQUESTS_PER_PROVIDER`."""

    code = "provider_overloaded"


class InFlight:
    """The tasks that serve requests; cancelling one ends its request and cleans up after it."""

    def __init__(
        self, limits: TimeLimits, most: int, most_per_provider: int, report: Report
    ) -> None:
        self.limits = limits
        """What time each of them may take."""
        self.report = report
        """Who is told of them when they are over."""
        self._most = most
        self._most_per_provider = most_per_provider
        self._by_provider: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.is_cutting = False
        """Whether what is still open is being cut, each with a word to its client."""

    def __len__(self) -> int:
        return len(self._tasks)

    @property
    def is_full(self) -> bool:
        """Whether no more requests should be taken."""
        return len(self._tasks) >= self._most

    def add(self, task: asyncio.Task[Any]) -> None:
        """Have `task` among those that serve."""
        self._tasks.add(task)
        self.report.metrics.note_in_flight(len(self._tasks))

    def discard(self, task: asyncio.Task[Any]) -> None:
        """Have it there no longer."""
        self._tasks.discard(task)
        self.report.metrics.note_in_flight(len(self._tasks))

    def enter(self, provider: str) -> None:
        """Count one more request for `provider`, until `leave` is called.

        Raises:
            ProviderOverloadedError: it has as many as it may have.
        """
        if self._by_provider[provider] >= self._most_per_provider:
            raise ProviderOverloadedError(
                f"The provider {provider!r} has as many requests as it may. Try again.",
                retry_after_seconds=1,
            )
        self._by_provider[provider] += 1

    def leave(self, provider: str) -> None:
        """Count one request less."""
        self._by_provider[provider] -= 1

    async def finish(self, seconds: float) -> None:
        """Wait for what is being served, and cut what takes longer than `seconds`."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        await self.cut()

    async def cut(self) -> None:
        """End what is being served, now."""
        self.is_cutting = True
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_CUT_TIMEOUT_SECONDS)


class Exchange:
    """One HTTP request and its answer, from first byte to last, served by the present task."""

    def __init__(self, scope: HTTPScope, in_flight: InFlight, send: ASGISendCallable) -> None:
        headers = Headers(scope["headers"])
        given = headers.get("x-request-id", "")
        sane = SANE_REQUEST_ID.fullmatch(given) is not None
        # The path stays percent-encoded, or a line break in it would forge a line of the log.
        self.path = path_of(scope["raw_path"].decode("ascii", "replace"))
        self._method = scope["method"]
        self.span = in_flight.report.begin(self._method, self.path, headers)
        """What a trace shows of it, if there are traces."""
        self.context = RequestContext(
            headers=headers if self.span is None else self.span.headers,
            request_id=given if sane else f"req_{uuid.uuid4().hex}",
        )
        self.redaction = Redaction(headers)
        """What must not be told of it."""
        self.in_flight = in_flight
        """All that is being served; who starts another task for this request adds it."""
        self.cleanup = AsyncExitStack()
        """Closed when the exchange is over, also where no answer was begun."""
        self.provider: str | None = None
        """The provider that it is for, once that is known."""
        self.chat: ChatCompletionRequest | None = None
        """What is asked, once that has been read."""
        self.mode = "plain"
        """How it is to be answered: `plain` or `stream`."""
        self.body_seconds = 0.0
        """How long its body took to arrive."""
        self.chunks = 0
        """How many chunks of a stream have been sent."""
        self.error: str | None = None
        """The code of the error that it ends in, if it does."""
        self.status: int | None = None
        self.is_complete = False
        self.is_stream = False
        """Whether the response, once begun, is an event stream."""
        self.cut_by: ApiError | None = None
        """Why it was cut, if it was."""
        self.watch = Watch(in_flight.limits, self.cut, self._fill_silence)
        """What time it may take."""
        self._http_version = scope["http_version"]
        self._send = send
        self._task = cast("asyncio.Task[None]", asyncio.current_task())
        self._is_given_up = False
        self._has_place = False
        self._beside: set[asyncio.Task[None]] = set()
        self._send_seconds = 0.0
        in_flight.add(self._task)

    async def send(self, message: ASGISendEvent) -> None:
        """Send what the application says, with the request id on the response."""
        if self._is_given_up:
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            identity = (b"x-request-id", self.context.request_id.encode())
            message["headers"] = [*message["headers"], identity]
        elif message["type"] == "http.response.body":
            self.is_complete = not message["more_body"]
        began = time.perf_counter()
        await self._send(message)
        self._send_seconds += time.perf_counter() - began

    async def refuse(self, error: ApiError) -> None:
        """Answer with `error`, without the application."""
        self.error = error.code
        headers = [(b"content-type", b"application/json")]
        if self._http_version not in {"2", "3"}:
            headers.append((b"connection", b"close"))  # The body may still be on its way.
        if error.retry_after_seconds is not None:
            headers.append((b"retry-after", b"%d" % math.ceil(error.retry_after_seconds)))
        await self.send({"type": "http.response.start", "status": error.status, "headers": headers})
        await self._send_body(error.to_json())

    def serve_by(self, provider: str) -> None:
        """Take a place among the requests of `provider`, until the end.

        Raises:
            ProviderOverloadedError: there is none.
        """
        self.provider = provider
        self.in_flight.enter(provider)
        self._has_place = True

    def cut(self, error: ApiError) -> None:
        """End it, now; its client is told `error`."""
        self.cut_by = error
        self._task.cancel()
        asyncio.get_running_loop().call_later(_CUT_TIMEOUT_SECONDS, self._give_up)

    async def say_goodbye(self, error: ApiError) -> None:
        """Tell the client of a request that was cut why the gateway leaves."""
        self.error = error.code
        with suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_TIMEOUT_SECONDS):
                if self.status is None:
                    await self.refuse(error)
                elif self.is_stream and not self.is_complete:
                    await self._send_body(encode_error(error))

    def end(self) -> None:
        """Tell of it: in the log, the metrics and the traces."""
        self.watch.stop()
        self.in_flight.discard(self._task)
        if self._is_given_up:
            return
        if self._has_place and self.provider is not None:
            self.in_flight.leave(self.provider)
        self.in_flight.report.tell(self._served(), self.span)

    def _served(self) -> Served:
        seconds, watch = self.watch.seconds, self.watch
        elsewhere = watch.adapter_seconds + self._send_seconds + self.body_seconds
        return Served(
            method=self._method,
            path=self.path,
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
        if not self._beside:
            self._start_beside(self._send_body(_KEEPALIVE, more_body=True))

    def _give_up(self) -> None:
        """Let the client go, where the adapter swallows its cancellation."""
        if not self._task.done() and self.cut_by is not None:
            log.error(
                "adapter does not end when it is cancelled", extra={"provider": self.provider}
            )
            self._start_beside(self._leave_behind(self.cut_by))

    async def _leave_behind(self, error: ApiError) -> None:
        await self.say_goodbye(error)
        self.end()
        self._is_given_up = True

    def _start_beside(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    async def _send_body(self, content: bytes, *, more_body: bool = False) -> None:
        await self.send({"type": "http.response.body", "body": content, "more_body": more_body})


_EXCHANGE: ContextVar[Exchange] = ContextVar("exchange")


def current_exchange() -> Exchange:
    """Give the exchange of the request that is being served.

    Raises:
        LookupError: none is.
    """
    return _EXCHANGE.get()


def enter(exchange: Exchange) -> None:
    """Make `exchange` the current one of this task."""
    _EXCHANGE.set(exchange)


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
