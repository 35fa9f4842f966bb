"""Any exception to a status, headers and the one error body."""

import asyncio
import logging
import re
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from quart import Response
from werkzeug.exceptions import HTTPException

from veneer_gateway.exchange import current_exchange
from veneer_gateway.refusals import headers_of
from veneer_protocol import ApiError, InvalidRequestError, ServerError, UpstreamError

_ERROR_STATUSES = range(400, 600)
_NAME = re.compile(r"[\w.-]{1,64}", re.ASCII)

log = logging.getLogger("veneer.errors")


class UnknownUrlError(InvalidRequestError):
    """Nothing is served at this path."""

    status = 404
    type = "not_found_error"
    code = "unknown_url"


class MethodNotAllowedError(InvalidRequestError):
    """The path is served, but not with this method."""

    status = 405
    code = "method_not_allowed"


class UnsupportedMediaTypeError(InvalidRequestError):
    """The body is not declared to be plain JSON."""

    status = 415
    code = "unsupported_media_type"


_BY_STATUS: dict[int, tuple[type[InvalidRequestError], str]] = {
    404: (UnknownUrlError, "Unknown request URL. The API begins at /v1/models."),
    405: (
        MethodNotAllowedError,
        "This method is not allowed here; the Allow header has those that are.",
    ),
}


def respond_to_error(error: Exception) -> Response:
    """Turn what was raised while serving into the response."""
    api_error = as_api_error(error)
    response = Response(api_error.to_json(), api_error.status, content_type="application/json")
    if isinstance(error, HTTPException):
        headers = dict(error.get_headers())
        if "Allow" in headers:
            response.headers["Allow"] = headers["Allow"]
    for name, value in headers_of(api_error):
        response.headers[name.decode()] = value.decode()
    return response


def as_api_error(error: Exception) -> ApiError:
    """Give `error` as a client may see it; what nobody foresaw is logged and told as a 500."""
    if isinstance(error, HTTPException) and error.code is not None and error.code < 500:
        kind, message = _BY_STATUS.get(error.code, (InvalidRequestError, "Bad request."))
        api_error: ApiError = kind(message)
    elif isinstance(error, ApiError):
        api_error = error
        if error.status >= 500:
            log.warning("provider failed", exc_info=error, extra=_provider())
    else:
        log.error("unexpected exception", exc_info=error, extra=_provider())
        api_error = ServerError(
            f"The gateway or the provider failed; the log tells why under {_request_id()}."
        )
    with suppress(LookupError):  # The refusal of a WebSocket is no exchange.
        exchange = current_exchange()
        exchange.error = _name(api_error, exchange.redaction)
    return api_error


def gave_up() -> ServerError:
    """Give the error for an adapter that has cancelled the task in which it was called."""
    return ServerError("The provider gave up on the request.")


def _name(error: ApiError, redact: Callable[[str], str]) -> str:
    """Give the code of `error` for the log and for traces, where it is a name."""
    if error.code is not None and error.code == type(error).code:
        return error.code
    # An adapter or its upstream may write there what it likes.
    name = redact(error.code or error.type)
    return name if _NAME.fullmatch(name) else "other"


def _provider() -> dict[str, str | None]:
    """Name who was asked, for a line of the log."""
    try:
        return {"provider": current_exchange().provider}
    except LookupError:
        return {}


def _request_id() -> str:
    try:
        return current_exchange().context.request_id
    except LookupError:
        return "no request id"


class AdapterCall:
    """Holds what an adapter raises in its block to what an adapter may raise, and say.

    A cancellation passes if it is the gateway's or the client's; an adapter that cancels itself,
    wants to end the process or borrows an exception of the web framework has failed like any other.
    One that was cancelled has nothing more to say, whatever it makes of that.
    """

    def __enter__(self) -> None:
        """Begin to call the adapter."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Look at what it has raised.

        Raises:
            ApiError: the adapter's own, fit to be told.
            ServerError: in place of what must not leave the adapter.
            CancelledError: in place of all that it gives or raises once it has been cancelled.
        """
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            if isinstance(error, asyncio.CancelledError | GeneratorExit):
                return
            if error is not None:
                log.warning("adapter failed when it was cancelled", exc_info=error)
            raise asyncio.CancelledError
        if isinstance(error, ApiError):
            if (told := _to_be_told(error)) is not error:
                raise told from error
        elif isinstance(error, asyncio.CancelledError):
            log.error("adapter cancelled itself", exc_info=error)
            raise gave_up() from None
        elif isinstance(error, HTTPException):
            log.error("adapter raised an HTTP exception", exc_info=error)
            raise ServerError("The provider failed.") from None
        elif not (error is None or isinstance(error, Exception | GeneratorExit)):
            log.error("adapter wanted to end the process", exc_info=error)
            raise ServerError("The provider failed.") from error


def _to_be_told(error: ApiError) -> ApiError:
    """Give `error`, or one like it where it quotes what may be a secret, or has no error's status.

    The status may be what an upstream said. One below 400 would have the client take the error for
    an answer, or for one that has no body.
    """
    try:
        hide = current_exchange().redaction.of_headers
    except LookupError:  # It starts, or stops.
        return error
    told = ("message", "type", "param", "code", "upstream_request_id")
    said = {name: getattr(error, name) for name in told}
    kept = {name: text and hide(str(text)) for name, text in said.items()}
    status = error.status if error.status in _ERROR_STATUSES else UpstreamError.status
    if kept == said and status == error.status:
        return error
    shown = ApiError(
        kept["message"],
        param=kept["param"],
        code=kept["code"],
        retry_after_seconds=error.retry_after_seconds,
        upstream_request_id=kept["upstream_request_id"],
    )
    shown.status, shown.type = status, kept["type"]
    return shown
