"""Failures on demand, so that clients, gateways and operators can rehearse each of them."""

import asyncio
from dataclasses import dataclass
from typing import Self

from veneer_protocol import (
    ApiError,
    AuthenticationError,
    Headers,
    InvalidRequestError,
    PermissionDeniedError,
    RateLimitError,
    ServiceUnavailableError,
    UpstreamError,
    UpstreamTimeoutError,
)

_MOST_MILLISECONDS = 3_600_000  # An hour.
_MOST_WORDS = 1_000_000
_MOST_SECONDS = 86_400

_BY_STATUS: dict[int, type[ApiError]] = {
    401: AuthenticationError,
    403: PermissionDeniedError,
    429: RateLimitError,
    503: ServiceUnavailableError,
    504: UpstreamTimeoutError,
}


@dataclass(frozen=True, slots=True)
class Faults:
    """What the headers of one request ask to go wrong; nothing, unless they say so."""

    delay_seconds: float = 0
    """`x-dummy-delay-ms`: how long until anything happens."""
    gap_seconds: float = 0
    """`x-dummy-gap-ms`: how long between two words."""
    words: int | None = None
    """`x-dummy-words`: how many words the answer has."""
    status: int | None = None
    """`x-dummy-status`: refuse with this status."""
    retry_after_seconds: float | None = None
    """`x-dummy-retry-after`: what the refusal says of when to come back."""
    fail_after: int | None = None
    """`x-dummy-fail-after`: fail as a broken upstream does, after so many words."""
    die_after: int | None = None
    """`x-dummy-die-after`: end without a word of farewell."""
    hang_after: int | None = None
    """`x-dummy-hang-after`: say nothing more, for ever."""
    malformed_after: int | None = None
    """`x-dummy-malformed-after`: give what is no part of any answer."""

    @classmethod
    def of(cls, headers: Headers) -> Self:
        """Read them.

        Raises:
            InvalidRequestError: a value is no whole number within its bounds.
        """
        is_failing = headers.get("x-dummy-fail", "").lower() == "true"
        return cls(
            delay_seconds=(_number(headers, "x-dummy-delay-ms", _MOST_MILLISECONDS) or 0) / 1000,
            gap_seconds=(_number(headers, "x-dummy-gap-ms", _MOST_MILLISECONDS) or 0) / 1000,
            words=_number(headers, "x-dummy-words", _MOST_WORDS, least=1),
            status=_number(headers, "x-dummy-status", 599, least=400),
            retry_after_seconds=_number(headers, "x-dummy-retry-after", _MOST_SECONDS),
            fail_after=0 if is_failing else _number(headers, "x-dummy-fail-after", _MOST_WORDS),
            die_after=_number(headers, "x-dummy-die-after", _MOST_WORDS),
            hang_after=_number(headers, "x-dummy-hang-after", _MOST_WORDS),
            malformed_after=_number(headers, "x-dummy-malformed-after", _MOST_WORDS),
        )

    async def begin(self) -> None:
        """Let the delay pass, and refuse if that is wanted.

        Raises:
            ApiError: a status is asked for.
        """
        if self.delay_seconds:
            await asyncio.sleep(self.delay_seconds)
        if self.status is not None:
            kind = _BY_STATUS.get(
                self.status, InvalidRequestError if self.status < 500 else UpstreamError
            )
            error = kind(
                f"The dummy refused, as x-dummy-status: {self.status} asked it to.",
                retry_after_seconds=self.retry_after_seconds,
            )
            error.status = self.status
            raise error

    async def after(self, words: int) -> None:
        """Wait, hang or fail, as is due when so many words have been said.

        Raises:
            UpstreamError: it is time to fail.
        """
        if words and self.gap_seconds:
            await asyncio.sleep(self.gap_seconds)
        if words == self.hang_after:
            await asyncio.Event().wait()
        if words == self.fail_after:
            raise UpstreamError(
                "The dummy upstream failed, as a header asked it to.", code="dummy_upstream_failed"
            )


def _number(headers: Headers, name: str, most: int, least: int = 0) -> int | None:
    if (value := headers.get(name)) is None:
        return None
    is_number = value.isascii() and value.isdecimal() and len(value) < 10
    number = int(value) if is_number else -1
    if not least <= number <= most:
        raise InvalidRequestError(
            f"The header {name} must be a whole number from {least} to {most}.",
            param=name,
            code="invalid_dummy_header",
        )
    return number
