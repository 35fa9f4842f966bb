"""What an upstream, or the way to it, can do wrong, as errors of the protocol."""

import math
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2
from pydantic_core import from_json

from veneer_protocol import (
    ApiError,
    AuthenticationError,
    Headers,
    InvalidProviderResponseError,
    InvalidRequestError,
    ModelNotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServiceUnavailableError,
    UpstreamError,
    UpstreamTimeoutError,
)
from veneer_providers_openai.complaints import (
    Complaint,
    read_complaint,
    read_plain_complaint,
    unwrapped,
)
from veneer_providers_openai.forwarding import untraced
from veneer_providers_openai.proxies import is_proxied
from veneer_providers_openai.settings import Upstream

_BY_STATUS: Mapping[int, type[ApiError]] = {
    401: AuthenticationError,
    403: PermissionDeniedError,
    429: RateLimitError,
    503: ServiceUnavailableError,
    504: UpstreamTimeoutError,
}
_LONGEST_SHOWN = 2000


@dataclass(frozen=True, slots=True)
class Call:
    """One request to an upstream, by which its failure is told."""

    upstream: Upstream
    headers: Headers
    """Those it was sent with."""
    model: str | None = None
    """What the caller asked for, if it asked for a model."""

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn what the HTTP client raises into an `ApiError`.

        Raises:
            ApiError: in place of it.
        """
        try:
            yield
        except (httpx2.RequestError, OSError) as error:
            raise self._interruption(error) from error

    def read(self, data: bytes | bytearray) -> object:
        """Give the value of `data`, an answer or an event of a stream.

        Raises:
            ApiError: it is no JSON, or tells of a failure under a status that says all is well.
        """
        try:
            value = from_json(data)
        except ValueError as error:
            raise InvalidProviderResponseError(
                f"The upstream {self.upstream.name!r} sent what is no JSON."
            ) from error
        told = unwrapped(value)
        if isinstance(told, dict) and (told.get("error") or "choices" not in told):
            complaint = read_complaint(told)
            # Older vLLM and some of OpenRouter's bodies have no `error` around what is wrong.
            if told.get("error") or complaint.message is not None:
                raise self._failure(complaint.status or 502, complaint)
        return value

    def refusal(self, response: httpx2.Response, body: bytes | bytearray) -> ApiError:
        """Give the error for `response`, whose status is one, and whose `body` may say more."""
        error = self._failure(response.status_code, _complaint(response, body))
        error.retry_after_seconds = retry_after_seconds(response.headers)
        error.upstream_request_id = response.headers.get("x-request-id")
        return error

    def _failure(self, status: int, complaint: Complaint) -> ApiError:
        name = self.upstream.name
        if status < 400:
            # To follow it would show the credentials to whom it names.
            return UpstreamError(
                f"The upstream {name!r} redirects ({status}); its base URL should be where to.",
                code="upstream_redirected",
            )
        if status in {401, 403} and self.upstream.api_key is not None:
            # Not in the upstream's words, which may quote the key.
            return UpstreamError(
                f"The upstream {name!r} refuses the key that it is asked with ({status}).",
                code="upstream_authentication_failed",
            )
        if status == 404:
            return self._absence(complaint)
        kind = _BY_STATUS.get(status, InvalidRequestError if status < 500 else UpstreamError)
        words = complaint.message or f"The upstream {name!r} answered {status} without a reason."
        param = complaint.param and self._shown(complaint.param)
        error = kind(self._shown(words), param=param, code=self._shown(complaint.code))
        error.status = status if status < 500 else error.status
        error.type = self._shown(complaint.type) or error.type
        return error

    def _absence(self, complaint: Complaint) -> ApiError:
        # Some answer the same to a wrong path as to a wrong model: who reads their words can tell.
        said = f" The upstream says: {self._shown(complaint.message)}" if complaint.message else ""
        if self.model is None or not complaint.is_of_the_api or complaint.code == "unknown_url":
            return UpstreamError(
                f"The upstream {self.upstream.name!r} has no such path (404). Its base URL may be "
                f"wrong; most end in /v1.{said}",
                code="upstream_url_not_found",
            )
        error = ModelNotFoundError(self.model)
        error.message += said
        return error

    def _interruption(self, cause: Exception) -> ApiError:
        upstream, name = self.upstream, repr(self.upstream.name)
        match cause:
            case httpx2.PoolTimeout():
                return ServiceUnavailableError(
                    f"All {upstream.max_connections} connections to the upstream {name} are in "
                    "use. Try again.",
                    code="upstream_pool_exhausted",
                )
            case httpx2.TimeoutException():
                what = f"was silent for {upstream.timeout_seconds:g} s"
                if isinstance(cause, httpx2.ConnectTimeout):
                    what = f"could not be reached within {upstream.connect_timeout_seconds:g} s"
                return UpstreamTimeoutError(f"The upstream {name} {what}.")
            case httpx2.ConnectError() | httpx2.ProxyError():
                return self._unreachable(cause)
            case httpx2.LocalProtocolError():
                return InvalidRequestError(
                    "A header of the request cannot be sent on: its name or value has a line break "
                    "or another character that HTTP does not allow."
                )
            case httpx2.DecodingError():
                return InvalidProviderResponseError(
                    f"The upstream {name} sent what cannot be decompressed."
                )
            case _:
                return UpstreamError(
                    f"The upstream {name} broke the connection off.", code="upstream_disconnected"
                )

    def _unreachable(self, cause: BaseException) -> ApiError:
        name = repr(self.upstream.name)
        if reason := _distrust(cause):
            return UpstreamError(
                f"The certificate of the upstream {name} is refused: {reason}.",
                code="upstream_certificate_refused",
            )
        way = " (by way of a proxy)" if is_proxied(self.upstream.base_url) else ""
        return UpstreamError(
            f"The upstream {name} cannot be reached{way}.", code="upstream_unreachable"
        )

    def _shown(self, words: str | None) -> str:
        # Any header may be a secret, and the gateway logs what an upstream says of its failure.
        return untraced(self.headers).hide_in(words or "")[:_LONGEST_SHOWN]


def _complaint(response: httpx2.Response, body: bytes | bytearray) -> Complaint:
    try:
        return read_complaint(from_json(body))
    except ValueError:
        # Of proxies: "no healthy upstream".
        is_plain = response.headers.get("content-type", "").lower().startswith("text/plain")
        return read_plain_complaint(body.decode(errors="replace")) if is_plain else Complaint()


def _distrust(error: BaseException | None) -> str | None:
    """Give why a certificate is refused, without the names in it, if that is behind `error`."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return error.verify_message.partition(",")[0]
        error = error.__cause__ or error.__context__
    return None


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """Read when to come back: milliseconds as OpenAI has them, seconds, or a date."""
    return next((seconds for seconds in _waits(headers) if 0 <= seconds < math.inf), None)


def _waits(headers: Mapping[str, str]) -> Iterator[float]:
    value = headers.get("retry-after", "")
    with suppress(ValueError):
        yield float(headers.get("retry-after-ms", "")) / 1000
    with suppress(ValueError):
        yield float(value)
    with suppress(ValueError, OverflowError):
        date = parsedate_to_datetime(value)
        wait = date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)
        yield max(0.0, wait.total_seconds())
