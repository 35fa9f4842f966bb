"""The error tree and its one body."""

import json
from typing import Any

import pytest

from veneer_protocol import (
    ApiError,
    AuthenticationError,
    InvalidProviderResponseError,
    InvalidRequestError,
    ModelNotFoundError,
    PermissionDeniedError,
    ProviderNotFoundError,
    RateLimitError,
    ServerError,
    ServiceUnavailableError,
    UpstreamError,
    UpstreamTimeoutError,
)


def body_of(error: ApiError) -> dict[str, object]:
    answer = json.loads(error.to_json())
    assert answer.keys() == {"error"}
    body: dict[str, object] = answer["error"]
    return body


ERRORS = [
    (ApiError("x"), 500, "server_error", None),
    (InvalidRequestError("x"), 400, "invalid_request_error", None),
    (ModelNotFoundError("a/b"), 404, "not_found_error", "model_not_found"),
    (ProviderNotFoundError("a/b"), 404, "not_found_error", "provider_not_found"),
    (AuthenticationError("x"), 401, "authentication_error", "invalid_api_key"),
    (PermissionDeniedError("x"), 403, "permission_error", "permission_denied"),
    (RateLimitError("x"), 429, "rate_limit_error", "rate_limit_exceeded"),
    (ServerError("x"), 500, "server_error", "internal_error"),
    (ServiceUnavailableError("x"), 503, "server_error", "service_unavailable"),
    (UpstreamError("x"), 502, "server_error", "upstream_error"),
    (InvalidProviderResponseError("x"), 502, "server_error", "invalid_provider_response"),
    (UpstreamTimeoutError("x"), 504, "server_error", "upstream_timeout"),
]


@pytest.mark.parametrize(("error", "status", "kind", "code"), ERRORS)
def test_a_class_knows_its_status_type_and_code(
    error: ApiError, status: int, kind: str, code: str | None
) -> None:
    assert (error.status, error.type, error.code) == (status, kind, code)


@pytest.mark.parametrize("error", [error for error, *_ in ERRORS])
def test_every_error_has_the_four_keys_on_the_wire(error: ApiError) -> None:
    assert body_of(error) == {
        "message": str(error),
        "type": error.type,
        "param": error.param,
        "code": error.code,
    }


@pytest.mark.parametrize(
    ("error", "families"),
    [
        (ModelNotFoundError, (InvalidRequestError,)),
        (ProviderNotFoundError, (InvalidRequestError,)),
        (ServiceUnavailableError, (ServerError,)),
        (InvalidProviderResponseError, (UpstreamError, ServerError)),
        (UpstreamTimeoutError, (UpstreamError, ServerError)),
        (RateLimitError, (ApiError,)),
    ],
)
def test_an_error_is_caught_by_its_family(
    error: type[ApiError], families: tuple[type[ApiError], ...]
) -> None:
    assert set(families) <= set(error.__mro__)


def test_a_code_of_ones_own_replaces_that_of_the_class() -> None:
    error = UpstreamError("x", code="dummy_upstream_failed")

    assert error.code == "dummy_upstream_failed"
    assert UpstreamError.code == "upstream_error"


def test_what_an_upstream_said_may_be_set_on_the_instance() -> None:
    error = InvalidRequestError("x")
    error.status, error.type = 409, "conflict"

    assert body_of(error)["type"] == "conflict"
    assert (InvalidRequestError.status, InvalidRequestError.type) == (400, "invalid_request_error")


def test_what_goes_into_headers_is_kept_out_of_the_body() -> None:
    error = RateLimitError("x", retry_after_seconds=1.5, upstream_request_id="up_1")

    assert (error.retry_after_seconds, error.upstream_request_id) == (1.5, "up_1")
    assert body_of(error).keys() == {"message", "type", "param", "code"}


@pytest.mark.parametrize("seconds", [10**400, -1, float("nan"), float("inf"), "soon", [7]])
def test_a_time_that_is_none_to_come_is_left_out(seconds: Any) -> None:
    assert RateLimitError("x", retry_after_seconds=seconds).retry_after_seconds is None


@pytest.mark.parametrize("message", ["", "안녕 😀", 'a "quoted"\nline\u2028\x00'])
def test_a_message_comes_through_the_body_unchanged(message: str) -> None:
    assert body_of(ApiError(message, param=message)) == {
        "message": message,
        "type": "server_error",
        "param": message,
        "code": None,
    }


def test_a_lone_surrogate_does_not_cost_the_answer() -> None:
    assert body_of(ApiError("a\ud800b"))["message"] == "a?b"


def test_a_body_is_one_line() -> None:
    assert len(ApiError("a\nb\r\nc").to_json().splitlines()) == 1


def test_an_unknown_model_is_named() -> None:
    error = ModelNotFoundError("dummy/nobody")

    assert (error.model, error.param) == ("dummy/nobody", "model")
    assert "'dummy/nobody'" in error.message


def test_an_unknown_prefix_is_named_beside_the_known_ones() -> None:
    error = ProviderNotFoundError("nobody/x", ("acme", "dummy"))

    assert (error.model, error.param) == ("nobody/x", "model")
    assert "'nobody'" in error.message
    assert "acme, dummy" in error.message


def test_a_model_without_a_prefix_is_told_how_models_are_written() -> None:
    assert "<prefix>/<name>" in ProviderNotFoundError("gpt-9").message


@pytest.mark.parametrize("error", [ModelNotFoundError, ProviderNotFoundError])
@pytest.mark.parametrize("model", ["m" * 10_000, "m" * 10_000 + "/x"])
def test_a_long_model_is_cut_in_the_message(
    error: type[ModelNotFoundError | ProviderNotFoundError], model: str
) -> None:
    assert len(error(model).message) < 250
