"""An upstream's refusals, as the caller sees them."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from tests.providers_openai.upstreams import KEY, asking, response, serving, streamed, whole
from veneer_protocol import (
    ApiError,
    AuthenticationError,
    Headers,
    InvalidProviderResponseError,
    InvalidRequestError,
    ModelNotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RequestContext,
    ServiceUnavailableError,
    UpstreamError,
    UpstreamTimeoutError,
)
from veneer_providers_openai.failures import retry_after_seconds

WORDS = {"message": "said so", "type": "some_type", "param": "messages[0]", "code": "some_code"}
NO_SUCH_MODEL = {"message": "The model `one` does not exist.", "code": "model_not_found"}


async def refused(
    status: int, body: object, /, content_type: str = "application/json", **headers: str
) -> ApiError:
    """Give the error of a plain request, having seen that a stream has the same."""
    errors = []
    async with (
        serving(response(status, body, content_type, **headers)) as upstream,
        asking(upstream.url) as adapter,
    ):
        for ask in (whole, streamed):
            with pytest.raises(ApiError) as failure:
                await ask(adapter)
            errors.append(failure.value)
    first, second = errors
    assert (type(first), first.to_json()) == (type(second), second.to_json())
    return first


@pytest.mark.parametrize(
    ("status", "kind", "shown"),
    [
        (400, InvalidRequestError, 400),
        (401, AuthenticationError, 401),
        (403, PermissionDeniedError, 403),
        (408, InvalidRequestError, 408),
        (409, InvalidRequestError, 409),
        (413, InvalidRequestError, 413),
        (422, InvalidRequestError, 422),
        (429, RateLimitError, 429),
        (500, UpstreamError, 502),
        (502, UpstreamError, 502),
        (503, ServiceUnavailableError, 503),
        (504, UpstreamTimeoutError, 504),
        (529, UpstreamError, 502),
    ],
)
async def test_a_refusal_keeps_what_the_upstream_said(
    status: int, kind: type[ApiError], shown: int
) -> None:
    error = await refused(status, {"error": WORDS}, retry_after="7", x_request_id="up-1")

    assert type(error) is kind
    assert error.status == shown
    assert {
        "message": error.message,
        "type": error.type,
        "param": error.param,
        "code": error.code,
    } == WORDS
    assert (error.retry_after_seconds, error.upstream_request_id) == (7, "up-1")


async def test_a_refusal_without_a_reason_is_told_by_its_status() -> None:
    error = await refused(400, "<html>", "text/html")

    assert error.message == "The upstream 'up' answered 400 without a reason."
    assert (error.status, error.type, error.code) == (400, "invalid_request_error", None)


@pytest.mark.parametrize("content_type", ["text/plain", "Text/Plain; charset=utf-8"])
async def test_a_reason_in_plain_text_is_kept(content_type: str) -> None:
    error = await refused(503, "no healthy upstream\n", content_type)

    assert (error.status, error.message) == (503, "no healthy upstream")


@pytest.mark.parametrize(
    "body",
    [
        {"error": NO_SUCH_MODEL},
        {"error": {"message": "model 'one' not found", "type": "api_error", "code": None}},
        {"object": "error", "message": "no such model", "type": "NotFoundError", "code": 404},
        [{"error": {"code": 404, "message": "models/one is not found", "status": "NOT_FOUND"}}],
    ],
    ids=["OpenAI", "Ollama", "older vLLM", "Gemini"],
)
async def test_a_model_that_the_upstream_does_not_have_is_not_found(body: object) -> None:
    error = await refused(404, body)

    assert isinstance(error, ModelNotFoundError)
    assert (error.status, error.type, error.code) == (404, "not_found_error", "model_not_found")
    assert error.message.startswith("The model 'up/one' does not exist.")
    assert "The upstream says: " in error.message


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ({"detail": "Not Found"}, "application/json"),
        ({"error": {"message": "Unknown URL", "code": "unknown_url"}}, "application/json"),
        ({"timestamp": 1, "status": 404, "error": "Not Found"}, "application/json"),
        ("<html>404</html>", "text/html"),
        ("404 page not found", "text/plain"),
        ("", "text/plain"),
    ],
    ids=["FastAPI", "OpenAI, Veneer", "Spring", "HTML", "Go", "nothing"],
)
async def test_a_path_that_the_upstream_does_not_have_points_to_the_base_url(
    body: object, content_type: str
) -> None:
    error = await refused(404, body, content_type)

    assert (error.status, error.code) == (502, "upstream_url_not_found")
    assert "base URL may be wrong" in error.message


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ({"detail": "no 'one' here"}, "application/json"),
        ({"error": "no 'one' here"}, "application/json"),
        ("no 'one' here", "text/plain"),
    ],
)
async def test_what_is_said_of_a_path_or_model_that_is_not_there_is_kept(
    body: object, content_type: str
) -> None:
    error = await refused(404, body, content_type)

    assert error.message == (
        "The upstream 'up' has no such path (404). Its base URL may be wrong; most end in /v1. "
        "The upstream says: no 'one' here"
    )


async def test_a_key_is_hidden_in_what_is_said_of_a_path_and_long_words_are_cut() -> None:
    refusal = response(404, {"detail": f"{KEY} {'m' * 9000}"})

    async with serving(refusal) as upstream, asking(upstream.url, api_key=KEY) as adapter:
        with pytest.raises(UpstreamError, match=r"says: \[hidden\] m") as failure:
            await whole(adapter)

    assert len(failure.value.message) < 2200


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(status: int) -> None:
    async with serving(response(200, {"stolen": True})) as other:
        error = await refused(status, "", location=f"{other.url}?secret")

    assert other.requests == []
    assert (error.status, error.code) == (502, "upstream_redirected")
    assert "secret" not in error.message


@pytest.mark.parametrize("status", [401, 403])
async def test_a_key_of_our_own_that_is_refused_is_the_operators_affair(status: int) -> None:
    refusal = response(status, {"error": {"message": f"Incorrect key: {KEY[:-4]}****"}})

    async with serving(refusal) as upstream, asking(upstream.url, api_key=KEY) as adapter:
        with pytest.raises(UpstreamError) as failure:
            await whole(adapter)

    error = failure.value
    assert (error.status, error.type, error.code) == (
        502,
        "server_error",
        "upstream_authentication_failed",
    )
    assert error.message == f"The upstream 'up' refuses the key that it is asked with ({status})."


async def test_a_key_of_our_own_is_hidden_from_those_whom_the_upstream_tells_it() -> None:
    words = {"message": f"Odd header: Bearer {KEY}.", "type": KEY, "code": KEY, "param": KEY}
    refusal = response(400, {"error": words})

    async with serving(refusal) as upstream, asking(upstream.url, api_key=KEY) as adapter:
        with pytest.raises(InvalidRequestError) as failure:
            await whole(adapter)

    assert json.loads(failure.value.to_json())["error"] == {
        "message": "Odd header: Bearer [hidden].",
        "type": "[hidden]",
        "code": "[hidden]",
        "param": "[hidden]",
    }


async def test_a_key_is_hidden_where_a_long_message_is_cut() -> None:
    refusal = response(400, {"error": {"message": "m" * 1990 + KEY}})

    async with serving(refusal) as upstream, asking(upstream.url, api_key=KEY) as adapter:
        with pytest.raises(InvalidRequestError) as failure:
            await whole(adapter)

    assert failure.value.message == "m" * 1990 + "[hidden]"


@pytest.mark.parametrize("charset", ["rot13", "base64", "idna", "nobody", "utf-16"])
async def test_a_charset_that_is_none_does_not_cost_what_the_upstream_said(charset: str) -> None:
    error = await refused(400, {"error": WORDS}, f"application/json; charset={charset}")

    assert (error.message, error.code) == ("said so", "some_code")


@pytest.mark.parametrize("header", [("x-a", "a\r\nevil: 1"), ("x-a", "a\0b"), ("x a", "1")])
async def test_a_header_that_http_does_not_allow_is_the_callers_affair(
    header: tuple[str, str],
) -> None:
    context = RequestContext(Headers([header]))

    async with serving(response(200, {})) as upstream, asking(upstream.url) as adapter:
        with pytest.raises(InvalidRequestError, match="header of the request") as failure:
            await whole(adapter, context)

    assert failure.value.status == 400
    assert upstream.requests == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"error": {"message": "out of credits", "code": 402}}, 402, None),
        ({"error": {"message": "broken"}}, 502, "upstream_error"),
        ({"error": {"message": "broken"}, "choices": []}, 502, "upstream_error"),
        ({"error": "broken"}, 502, "upstream_error"),
        ([{"error": {"message": "broken", "code": 429}}], 429, "rate_limit_exceeded"),
    ],
)
async def test_an_error_under_a_good_status_is_an_error(
    body: object, status: int, code: str | None
) -> None:
    error = await refused(200, body, "application/json; charset=utf-8")

    assert (error.status, error.code) == (status, code)


async def test_an_error_under_a_good_status_may_be_of_another_type_and_have_a_mark() -> None:
    error = await refused(200, '\ufeff{"detail": "m"}', "Application/Problem+JSON")

    assert error.message == "m"


async def test_an_error_body_that_cannot_be_decompressed_is_an_error_of_its_own() -> None:
    error = await refused(429, "not gzip", content_encoding="gzip")

    assert isinstance(error, InvalidProviderResponseError)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7"}, 7),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:00 GMT"}, 0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "9" * 5000}, None),
        ({"retry-after": f"Thu, 01 Jan {10**30} 00:00:00 GMT"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after-ms": "inf"}, None),
        ({}, None),
    ],
)
def test_when_to_come_back_is_read_from(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_seconds(headers) == seconds


def test_when_to_come_back_may_be_a_date() -> None:
    date = datetime.now(UTC) + timedelta(seconds=60)

    seconds = retry_after_seconds({"retry-after": format_datetime(date, usegmt=True)})

    assert seconds is not None
    assert 50 < seconds <= 60
