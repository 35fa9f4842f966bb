"""One error body on every path, and the right exception in the official client."""

import json
from typing import Any

import httpx2
import openai
import pytest
from openai import AsyncOpenAI

from tests.contract.test_chat import HELLO
from tests.servers import by_server
from veneer_gateway import Settings
from veneer_gateway.testing import running_gateway

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
