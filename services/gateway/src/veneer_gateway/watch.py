"""How long one request may take, and what fills its silences."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from time import monotonic  # uvloop's own clock counts whole milliseconds.

from veneer_protocol import ApiError, InvalidRequestError, UpstreamTimeoutError


class RequestTimeoutError(InvalidRequestError):
    """The body did not arrive within `VENEER_BODY_TIMEOUT_SECONDS`."""

    status = 408
    code = "request_timeout"


class FirstTokenTimeoutError(UpstreamTimeoutError):
    """A stream did not begin within `VENEER_FIRST_TOKEN_TIMEOUT_SECONDS`."""

    code = "first_token_timeout"


class IdleTimeoutError(UpstreamTimeoutError):
    """A stream was silent for `VENEER_IDLE_TIMEOUT_SECONDS`."""

    code = "idle_timeout"


class TotalTimeoutError(UpstreamTimeoutError):
    """A request took longer than `VENEER_TOTAL_TIMEOUT_SECONDS`."""

    code = "total_timeout"


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """How long a request may take, in seconds."""

    body: float
    """From the headers to the end of the request."""
    first_token: float
    """From the call of the adapter to the first chunk of a stream."""
    idle: float
    """From one chunk to the next."""
    total: float
    """From the first byte to the last, whoever it is that takes the time."""
    keepalive: float
    """How long a stream may be silent before a comment is sent."""
    shortest: float = field(init=False)
    """The least of them."""

    def __post_init__(self) -> None:
        least = min(self.body, self.first_token, self.idle, self.total, self.keepalive)
        object.__setattr__(self, "shortest", least)


class Watch:
    """Follows one request, by one timer for all limits.

    It goes off whenever the shortest of them is over, and looks what is due: setting it anew with
    every event would take longer than the event.

    What a slow reader takes is no silence of the adapter; only the limit for the whole counts it.
    """

    def __init__(
        self,
        limits: TimeLimits,
        loop: asyncio.AbstractEventLoop,
        cut: Callable[[ApiError], object],
        fill_silence: Callable[[], object],
    ) -> None:
        """Begin to count; `cut` is called once a limit is passed, `fill_silence` when it is time.

        It ends with `stop`.
        """
        self._limits = limits
        self._cut = cut
        self._fill_silence = fill_silence
        self.body_seconds = 0.0
        """How long the request's body took to arrive."""
        self.adapter_seconds = 0.0
        """How long the adapter has been waited for."""
        self.first_chunk_seconds: float | None = None
        """When the first chunk of a stream came, if one did."""
        self._loop = loop
        self._began_at = monotonic()
        self._ends_at = self._began_at + limits.total
        self._reading_since: float | None = None
        self._waiting_since: float | None = None
        self._filled_at = 0.0
        self._timer = self._loop.call_later(limits.shortest, self._look)

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return monotonic() - self._began_at

    def expect_body(self) -> None:
        """Take note that the request's body is waited for."""
        self._reading_since = monotonic()

    def note_body(self) -> None:
        """Take note that it has come, or never will."""
        if self._reading_since is not None:
            self.body_seconds += monotonic() - self._reading_since
            self._reading_since = None

    def answer(self) -> AbstractContextManager[None]:
        """Count the block as time of the adapter, which is asked for an answer as a whole."""
        return _Answer(self)

    def expect_chunk(self) -> None:
        """Take note that the adapter is asked for a chunk."""
        self._waiting_since = monotonic()

    def note_chunk(self, now: float) -> None:
        """Take note that it has come, `now` by the monotonic clock."""
        if self._waiting_since is not None:
            self.adapter_seconds += now - self._waiting_since
            self._waiting_since = None
        if self.first_chunk_seconds is None:
            self.first_chunk_seconds = now - self._began_at

    def expect_no_more(self) -> None:
        """Take note that the adapter has given its last chunk, or has failed."""
        self._count_wait()

    def stop(self) -> None:
        """Count no more, and hold nobody."""
        self.note_body()
        self._count_wait()
        self._timer.cancel()
        self._cut = self._fill_silence = _do_nothing

    def _count_wait(self) -> None:
        if self._waiting_since is not None:
            self.adapter_seconds += monotonic() - self._waiting_since
            self._waiting_since = None

    def _look(self) -> None:
        """Do what is due, and look again when the next thing may be."""
        now, since = monotonic(), self._waiting_since
        if (error := self._passed(now, since)) is not None:
            self._cut(error)
            return
        if (
            self.first_chunk_seconds is not None
            and since is not None
            and now >= self._silent_from(since)
        ):
            self._filled_at = now
            self._fill_silence()
        self._timer = self._loop.call_later(self._next(now, since) - now, self._look)

    def _passed(self, now: float, since: float | None) -> ApiError | None:
        limits, has_begun = self._limits, self.first_chunk_seconds is not None
        if now >= self._ends_at:
            return TotalTimeoutError(f"The answer was not complete within {limits.total:g} s.")
        if self._reading_since is not None and now >= self._reading_since + limits.body:
            return RequestTimeoutError(f"The request body did not arrive within {limits.body:g} s.")
        if since is None:
            return None
        if not has_begun and now >= since + limits.first_token:
            return FirstTokenTimeoutError(
                f"The answer did not begin within {limits.first_token:g} s."
            )
        if has_begun and now >= since + limits.idle:
            return IdleTimeoutError(f"The answer was silent for {limits.idle:g} s.")
        return None

    def _silent_from(self, since: float) -> float:
        return max(since, self._filled_at) + self._limits.keepalive

    def _next(self, now: float, since: float | None) -> float:
        """Give the first moment at which anything can be due, were it to begin only `now`."""
        moments = [self._ends_at, now + self._limits.shortest]
        if self._reading_since is not None:
            moments.append(self._reading_since + self._limits.body)
        if since is not None and self.first_chunk_seconds is None:
            moments.append(since + self._limits.first_token)
        elif since is not None:
            moments += (since + self._limits.idle, self._silent_from(since))
        return min(moments)


class _Answer:  # A function that yields would take five times as long.
    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    def __enter__(self) -> None:
        self._since = monotonic()

    def __exit__(self, *_: object) -> None:
        self._watch.adapter_seconds += monotonic() - self._since


def _do_nothing(_: object = None) -> None:
    """Stand in for what is not to be called any more."""
