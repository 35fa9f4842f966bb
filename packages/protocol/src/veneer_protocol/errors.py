"""The failures a client can see.

    ApiError
    ├── InvalidRequestError             mend the request
    │   ├── ModelNotFoundError
    │   └── ProviderNotFoundError
    ├── AuthenticationError             show other credentials
    ├── PermissionDeniedError
    ├── RateLimitError                  wait, then try again
    └── ServerError                     not the caller's fault; trying again may help
        ├── ServiceUnavailableError
        └── UpstreamError
            ├── InvalidProviderResponseError
            └── UpstreamTimeoutError

An adapter raises these; the gateway turns them into a status and a body, or into the last frame of
a stream that has begun.
"""

import json
import math

_LONGEST_SHOWN = 80


def shown(value: str) -> str:
    """Quote a caller's own words for a message, cut where they grow long."""
    return repr(value if len(value) <= _LONGEST_SHOWN else f"{value[:_LONGEST_SHOWN]}…")


def _seconds(value: float | None) -> float | None:
    try:
        return None if value is None or not 0 <= float(value) < math.inf else float(value)
    except (TypeError, ValueError, OverflowError):
        return None


class ApiError(Exception):
    """A failure with a status and the body that the OpenAI clients understand.

    Raise one of the subclasses; they know their status, `type` and `code`. Who passes on what an
    upstream said may set these three on the instance; a status that is no error's is sent as 502.

    Reference: https://platform.openai.com/docs/guides/error-codes/api-errors
    """

    status: int = 500
    """HTTP status of the response, if its status line has not left yet."""
    type: str = "server_error"
    """The family of the error, by OpenAI's name."""
    code: str | None = None
    """A stable name for programs to act on."""

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        retry_after_seconds: float | None = None,
        upstream_request_id: str | None = None,
    ) -> None:
        """Say what was wrong, which value, and what would do.

        Args:
            message: for the person who meets the error; never a secret.
            param: the request field at fault, as in `messages[0].content[1].type`.
            code: a stable name, where the class's own does not say enough.
            retry_after_seconds: sent as the `Retry-After` header, if it is a time to come.
            upstream_request_id: what the upstream calls this request; sent as
                `x-upstream-request-id`.
        """
        # An upstream's own words are often numbers or null, whatever the types say.
        self.message = str(message)
        super().__init__(self.message)
        self.param = param
        self.code = str(code) if code else self.code
        self.retry_after_seconds = _seconds(retry_after_seconds)
        self.upstream_request_id = upstream_request_id and str(upstream_request_id)

    def to_json(self) -> bytes:
        """Give the one error body: `{"error": {"message", "type", "param", "code"}}`."""
        error = {
            "message": self.message,
            "type": self.type,
            "param": self.param,
            "code": self.code,
        }
        # "replace": a lone surrogate out of some exception's text must not cost us the answer.
        text = json.dumps({"error": error}, ensure_ascii=False, separators=(",", ":"))
        return text.encode(errors="replace")


class InvalidRequestError(ApiError):
    """The request is at fault and will fail again unchanged."""

    status = 400
    type = "invalid_request_error"


class ModelNotFoundError(InvalidRequestError):
    """The provider is known, and has no such model."""

    status = 404
    type = "not_found_error"
    code = "model_not_found"

    def __init__(self, model: str) -> None:
        super().__init__(
            f"The model {shown(model)} does not exist. GET /v1/models lists those that do.",
            param="model",
        )
        self.model = model


class ProviderNotFoundError(InvalidRequestError):
    """No provider serves the prefix of the model."""

    status = 404
    type = "not_found_error"
    code = "provider_not_found"

    def __init__(self, model: str, prefixes: tuple[str, ...] = ()) -> None:
        prefix, slash, _ = model.partition("/")
        problem = (
            f"No provider serves the prefix {shown(prefix)}"
            if slash
            else f"The model {shown(model)} names no provider: it is written <prefix>/<name>"
        )
        known = f"; the prefixes here are {', '.join(prefixes)}." if prefixes else "."
        super().__init__(problem + known, param="model")
        self.model = model


class AuthenticationError(ApiError):
    """The backend does not know the caller's credentials."""

    status = 401
    type = "authentication_error"
    code = "invalid_api_key"


class PermissionDeniedError(ApiError):
    """The backend knows the caller and says no."""

    status = 403
    type = "permission_error"
    code = "permission_denied"


class RateLimitError(ApiError):
    """The caller asks too often; `retry_after_seconds` says when to come back."""

    status = 429
    type = "rate_limit_error"
    code = "rate_limit_exceeded"


class ServerError(ApiError):
    """Something failed on this side of the wire."""

    code = "internal_error"


class ServiceUnavailableError(ServerError):
    """Nothing is wrong with the request; it cannot be served at present."""

    status = 503
    code = "service_unavailable"


class UpstreamError(ServerError):
    """The provider's backend failed."""

    status = 502
    code = "upstream_error"


class InvalidProviderResponseError(UpstreamError):
    """What the adapter gave cannot be passed on: it breaks the API's own rules."""

    code = "invalid_provider_response"


class UpstreamTimeoutError(UpstreamError):
    """The provider's backend kept silent for too long."""

    status = 504
    code = "upstream_timeout"
