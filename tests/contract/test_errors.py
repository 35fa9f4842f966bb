"""One error body on every path, and the right exception in the official client."""

import asyncio
import functools
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import openai
import pytest
from openai import AsyncOpenAI
from werkzeug.exceptions import NotFound

from tests.adapters import BrokenAdapter, ScriptedAdapter
from tests.contract.test_chat import HELLO
from tests.servers import by_server
from veneer_gateway import Settings
from veneer_gateway.testing import RunningGateway, running_gateway
from veneer_protocol import (
    ApiError,
    AuthenticationError,
    ChatCompletionRequest,
    InvalidRequestError,
    ModelNotFoundError,
    PermissionDeniedError,
    RateLimitError,
    Reply,
    RequestContext,
    ServerError,
    ServiceUnavailableError,
    TextAdapter,
    UpstreamError,
    UpstreamTimeoutError,
)

JSON = {"content-type": "application/json"}
CHAT = "/v1/chat/completions"
IMAGE = {"type": "image_url", "image_url": {"url": "x"}}
WITH_IMAGE = {"role": "user", "content": [{"type": "text", "text": "a"}, IMAGE]}
GOOD = {"model": "dummy/echo-1", "messages": HELLO}


def error_of(response: httpx2.Response) -> dict[str, Any]:
    """Take the one error body apart, and hold it to its shape."""
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"]
    body = response.json()
    assert list(body) == ["error"]
    assert list(body["error"]) == ["message", "type", "param", "code"]
    assert isinstance(body["error"]["message"], str)
    return dict(body["error"])


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status", "kind", "code"),
    [
        ("GET", "/", {}, b"", 404, "not_found_error", "unknown_url"),
        ("GET", "/v1", {}, b"", 404, "not_found_error", "unknown_url"),
        ("GET", "/v1/models/", {}, b"", 404, "not_found_error", "unknown_url"),
        ("GET", "/v1//models", {}, b"", 404, "not_found_error", "unknown_url"),
        ("GET", "/v1/models//x", {}, b"", 404, "not_found_error", "unknown_url"),
        ("GET", "/v1/models/%00", {}, b"", 404, "not_found_error", "provider_not_found"),
        ("GET", "/v1/models/%ff/x", {}, b"", 404, "not_found_error", "provider_not_found"),
        ("GET", "/v1/models/../healthz", {}, b"", 404, "not_found_error", "unknown_url"),
        ("POST", "/v1/completions", JSON, b"{}", 404, "not_found_error", "unknown_url"),
        ("GET", CHAT, {}, b"", 405, "invalid_request_error", "method_not_allowed"),
        ("OPTIONS", CHAT, {}, b"", 405, "invalid_request_error", "method_not_allowed"),
        ("DELETE", "/v1/models", {}, b"", 405, "invalid_request_error", "method_not_allowed"),
        (
            "BREW",
            "/v1/models",
            {},
            b"",
            by_server(hypercorn=405, uvicorn=400),
            "invalid_request_error",
            # httptools has a list of methods.
            by_server(hypercorn="method_not_allowed", uvicorn="malformed_request"),
        ),
        ("POST", CHAT, {}, b"{}", 415, "invalid_request_error", "unsupported_media_type"),
        (
            "POST",
            CHAT,
            {"content-type": "text/plain"},
            b"{}",
            415,
            "invalid_request_error",
            "unsupported_media_type",
        ),
        (
            "POST",
            CHAT,
            {"content-type": "application/x-www-form-urlencoded"},
            b"{}",
            415,
            "invalid_request_error",
            "unsupported_media_type",
        ),
        (
            "POST",
            CHAT,
            {**JSON, "content-encoding": "gzip"},
            b"\x1f\x8b",
            415,
            "invalid_request_error",
            "unsupported_media_type",
        ),
        ("POST", CHAT, JSON, b"", 400, "invalid_request_error", "invalid_json"),
        ("POST", CHAT, JSON, b"{", 400, "invalid_request_error", "invalid_json"),
        ("POST", CHAT, JSON, b"\xff\xfe", 400, "invalid_request_error", "invalid_json"),
        ("POST", CHAT, JSON, b"[" * 100_000, 400, "invalid_request_error", "invalid_json"),
        ("POST", CHAT, JSON, b"[]", 400, "invalid_request_error", "invalid_type"),
        ("POST", CHAT, JSON, b"{}", 400, "invalid_request_error", "missing_required_parameter"),
    ],
)
async def test_a_bad_request_gets_the_one_error_body(
    base_url: str,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    status: int,
    kind: str,
    code: str,
) -> None:
    url = httpx2.URL(base_url).copy_with(raw_path=path.encode())

    async with httpx2.AsyncClient() as http:
        response = await http.request(method, url, headers=headers, content=body)

    assert response.status_code == status
    error = error_of(response)
    assert (error["type"], error["code"]) == (kind, code)


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"temperature": float("nan")}, "temperature", "invalid_value"),
        ({"temperature": "1"}, "temperature", "invalid_type"),
        ({"tools": []}, "tools", "unsupported_parameter"),
        ({"temprature": 1}, "temprature", "unknown_parameter"),
        ({"messages": None}, "messages", "missing_required_parameter"),
        ({"messages": [WITH_IMAGE]}, "messages[0].content[1].type", "unsupported_value"),
        ({"messages": [{"role": "system", "content": "x"}]}, "messages", "missing_user_message"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("stream", [False, True])
async def test_the_parameter_at_fault_is_named(
    base_url: str, change: dict[str, Any], param: str, code: str, stream: bool
) -> None:
    body = json.dumps({**GOOD, "stream": stream, **change})

    async with httpx2.AsyncClient() as http:
        response = await http.post(f"{base_url}{CHAT}", headers=JSON, content=body)

    assert response.status_code == 400
    error = error_of(response)
    assert (error["param"], error["code"]) == (param, code)


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "Application/JSON; charset=utf-8", "application/problem+json"],
)
async def test_json_by_any_of_its_types_is_taken(base_url: str, content_type: str) -> None:
    headers = {"content-type": content_type}

    async with httpx2.AsyncClient() as http:
        response = await http.post(
            f"{base_url}{CHAT}", headers=headers, content=json.dumps(GOOD).encode()
        )

    assert response.status_code == 200


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream", "text/html", "*/*"])
@pytest.mark.parametrize("stream", [False, True])
async def test_accept_never_decides_between_json_and_events(
    base_url: str, accept: str, stream: bool
) -> None:
    async with httpx2.AsyncClient() as http:
        response = await http.post(
            f"{base_url}{CHAT}", headers={"accept": accept}, json={**GOOD, "stream": stream}
        )

    wanted = "text/event-stream; charset=utf-8" if stream else "application/json"
    assert response.headers["content-type"] == wanted


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_body_over_the_limit_is_a_413_and_the_gateway_lives_on(is_chunked: bool) -> None:
    settings = Settings(host="127.0.0.1", port=0, max_body_bytes=1000)
    body = json.dumps({**GOOD, "user": "x" * 5000}).encode()

    async def pieces() -> Any:
        yield body

    with running_gateway(settings=settings) as gateway:
        async with httpx2.AsyncClient() as http:
            response = await http.post(
                f"{gateway.url}{CHAT}", headers=JSON, content=pieces() if is_chunked else body
            )
            after = await http.get(f"{gateway.url}/healthz")

    assert response.status_code == 413
    assert error_of(response)["code"] == "request_too_large"
    assert after.status_code == 200


async def test_a_405_says_which_methods_are_allowed(base_url: str) -> None:
    async with httpx2.AsyncClient() as http:
        response = await http.get(f"{base_url}{CHAT}")

    assert response.headers["allow"] == "POST"


@pytest.mark.parametrize(
    ("error", "status", "exception"),
    [
        (InvalidRequestError("no"), 400, openai.BadRequestError),
        (AuthenticationError("no"), 401, openai.AuthenticationError),
        (PermissionDeniedError("no"), 403, openai.PermissionDeniedError),
        (ModelNotFoundError("broken/x"), 404, openai.NotFoundError),
        (RateLimitError("no"), 429, openai.RateLimitError),
        (ServerError("no"), 500, openai.InternalServerError),
        (UpstreamError("no"), 502, openai.InternalServerError),
        (ServiceUnavailableError("no"), 503, openai.InternalServerError),
        (UpstreamTimeoutError("no"), 504, openai.InternalServerError),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, ApiError) else "",
)
@pytest.mark.parametrize("stream", [False, True])
async def test_an_adapters_error_becomes_the_clients_exception(
    error: ApiError, status: int, exception: type[openai.APIStatusError], stream: bool
) -> None:
    with running_gateway(BrokenAdapter(error)) as gateway:
        async with client_of(gateway) as client:
            with pytest.raises(exception) as raised:
                await client.chat.completions.create(
                    model="broken/x", messages=HELLO, stream=stream
                )

    assert raised.value.status_code == status
    assert raised.value.code == error.code
    assert raised.value.type == error.type
    assert error_of(raised.value.response)["message"] == error.message


async def test_the_upstreams_wish_to_wait_and_its_request_id_pass_through() -> None:
    error = RateLimitError("Slow down.", retry_after_seconds=1.2, upstream_request_id="up-7")

    with running_gateway(BrokenAdapter(error)) as gateway:
        response = httpx2.post(
            f"{gateway.url}{CHAT}", json={"model": "broken/x", "messages": HELLO}
        )

    assert response.headers["retry-after"] == "2"
    assert response.headers["x-upstream-request-id"] == "up-7"


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -5, "soon", None])
async def test_a_wish_to_wait_that_is_no_time_is_left_out(seconds: Any) -> None:
    error = RateLimitError("Slow down.", retry_after_seconds=seconds)

    with running_gateway(BrokenAdapter(error)) as gateway:
        response = httpx2.post(
            f"{gateway.url}{CHAT}", json={"model": "broken/x", "messages": HELLO}
        )

    assert response.status_code == 429
    assert "retry-after" not in response.headers


@pytest.mark.parametrize("stream", [False, True])
async def test_what_an_upstream_says_in_other_types_is_told_as_text(stream: bool) -> None:
    said: Any = 1234
    error = UpstreamError(said, param=said, code=said, upstream_request_id=said)
    error.type = said

    with running_gateway(BrokenAdapter(error)) as gateway:
        response = httpx2.post(
            f"{gateway.url}{CHAT}",
            json={"model": "broken/x", "messages": HELLO, "stream": stream},
        )

    assert set(error_of(response).values()) == {"1234"}
    assert response.headers["x-upstream-request-id"] == "1234"


async def test_an_upstream_id_that_is_no_header_value_is_left_out() -> None:
    error = UpstreamError("no", upstream_request_id="up\r\nset-cookie: a=b")

    with running_gateway(BrokenAdapter(error)) as gateway:
        response = httpx2.post(
            f"{gateway.url}{CHAT}", json={"model": "broken/x", "messages": HELLO}
        )

    assert response.status_code == 502
    assert "set-cookie" not in response.headers
    assert "x-upstream-request-id" not in response.headers


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("password=hunter2"),
        KeyError("hunter2"),
        asyncio.CancelledError("hunter2"),
        SystemExit("hunter2"),
        KeyboardInterrupt("hunter2"),
        NotFound("hunter2"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("stream", [False, True])
async def test_what_nobody_foresaw_is_a_500_without_internals(
    error: BaseException, stream: bool
) -> None:
    with running_gateway(BrokenAdapter(error)) as gateway:
        response = httpx2.post(
            f"{gateway.url}{CHAT}",
            json={"model": "broken/x", "messages": HELLO, "stream": stream},
        )

    assert response.status_code == 500
    assert error_of(response)["type"] == "server_error"
    assert "hunter2" not in response.text


@pytest.mark.parametrize(
    "error", [KeyError("hunter2"), asyncio.CancelledError(), SystemExit("hunter2"), NotFound()]
)
@pytest.mark.parametrize("stream", [False, True])
async def test_an_adapter_may_also_fail_before_it_says_anything(
    error: BaseException, stream: bool
) -> None:
    class ChoosyAdapter(TextAdapter):
        name = "choosy"
        models = ("one",)

        def check_model(self, request: ChatCompletionRequest) -> None:
            raise error

        async def generate(
            self, request: ChatCompletionRequest, context: RequestContext
        ) -> AsyncIterator[str]:
            yield "hello"

    with running_gateway(ChoosyAdapter()) as gateway:
        response = httpx2.post(
            f"{gateway.url}{CHAT}",
            json={"model": "choosy/one", "messages": HELLO, "stream": stream},
        )

    assert response.status_code == 500
    assert error_of(response)["code"] == "internal_error"
    assert "hunter2" not in response.text


@pytest.mark.parametrize("stream", [False, True])
async def test_an_adapter_that_is_wrapped_quotes_no_header_either(stream: bool) -> None:
    def checked(generate: Any) -> Any:
        @functools.wraps(generate)
        def call(self: Any, request: ChatCompletionRequest, context: RequestContext) -> Any:
            raise AuthenticationError(f"Not known: {context.headers['authorization']}")

        return call

    class WrappedAdapter(TextAdapter):
        name = "wrapped"
        models = ("one",)

        @checked
        async def generate(
            self, request: ChatCompletionRequest, context: RequestContext
        ) -> AsyncIterator[str]:
            yield "hello"

    with running_gateway(WrappedAdapter()) as gateway:
        response = httpx2.post(
            f"{gateway.url}{CHAT}",
            json={"model": "wrapped/one", "messages": HELLO, "stream": stream},
            headers={"authorization": "Bearer sk-hunter22"},
        )

    assert response.status_code == 401
    assert error_of(response)["message"] == "Not known: Bearer [hidden]"


@pytest.mark.parametrize("status", [-1, 0, 101, 204, 304, 600, "404", None])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_status_that_is_no_errors_becomes_a_502(status: Any, stream: bool) -> None:
    error = ApiError("Not modified.", code="upstream_said_so")
    error.status = status

    with running_gateway(BrokenAdapter(error)) as gateway:
        response = httpx2.post(
            f"{gateway.url}{CHAT}",
            json={"model": "broken/x", "messages": HELLO, "stream": stream},
        )
        models = httpx2.get(f"{gateway.url}/v1/models/broken/x")

    assert response.status_code == models.status_code == 502
    assert error_of(response)["message"] == error_of(models)["message"] == "Not modified."
    assert error_of(response)["code"] == "upstream_said_so"


@pytest.mark.parametrize(
    "rubbish",
    ["text", None, {"choices": []}, Reply(model="scripted/x").completion("\ud800")],
    ids=["a string", "nothing", "a dict", "no Unicode"],
)
async def test_an_adapter_that_answers_rubbish_is_a_502(rubbish: object) -> None:
    with running_gateway(ScriptedAdapter(rubbish)) as gateway:
        response = httpx2.post(
            f"{gateway.url}{CHAT}", json={"model": "scripted/x", "messages": HELLO}
        )

    assert response.status_code == 502
    assert error_of(response)["code"] == "invalid_provider_response"


@pytest.mark.parametrize("stream", [False, True])
async def test_the_dummy_fails_when_asked_to(client: AsyncOpenAI, stream: bool) -> None:
    with pytest.raises(openai.InternalServerError) as raised:
        await client.chat.completions.create(
            model="dummy/echo-1",
            messages=HELLO,
            stream=stream,
            extra_headers={"x-dummy-fail": "true"},
        )

    assert raised.value.status_code == 502
    assert raised.value.type == "server_error"
    assert raised.value.code == "dummy_upstream_failed"


@pytest.mark.parametrize(
    ("model", "code"),
    [
        ("nobody/x", "provider_not_found"),
        ("x", "provider_not_found"),
        ("dummy/x", "model_not_found"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_an_unknown_model_is_refused_before_a_stream_opens(
    client: AsyncOpenAI, model: str, code: str, stream: bool
) -> None:
    with pytest.raises(openai.NotFoundError) as raised:
        await client.chat.completions.create(model=model, messages=HELLO, stream=stream)

    assert raised.value.code == code
    assert raised.value.type == "not_found_error"
    assert raised.value.param == "model"


def client_of(gateway: RunningGateway) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="k", max_retries=0)
