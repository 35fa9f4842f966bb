"""What adapters raise, and what a client sees of it."""

import asyncio
import functools
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import openai
import pytest
from openai import AsyncOpenAI
from werkzeug.exceptions import NotFound

from tests.adapters import BrokenAdapter, ScriptedAdapter
from tests.contract.test_chat import HELLO
from tests.contract.test_errors import CHAT, error_of
from veneer_gateway.testing import RunningGateway, running_gateway
from veneer_protocol import (
    ApiError,
    AuthenticationError,
    ChatCompletionRequest,
    InvalidRequestError,
    ModelNotFoundError,
    PermissionDeniedError,
    ProviderAdapter,
    RateLimitError,
    Reply,
    RequestContext,
    ServerError,
    ServiceUnavailableError,
    TextAdapter,
    UpstreamError,
    UpstreamTimeoutError,
)


def post(adapter: ProviderAdapter, *, stream: bool = False, **headers: str) -> httpx2.Response:
    """Ask `adapter` for an answer through a gateway of its own."""
    with running_gateway(adapter) as gateway:
        return httpx2.post(
            f"{gateway.url}{CHAT}",
            json={"model": f"{adapter.name}/one", "messages": HELLO, "stream": stream},
            headers=headers,
        )


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

    response = post(BrokenAdapter(error))

    assert response.headers["retry-after"] == "2"
    assert response.headers["x-upstream-request-id"] == "up-7"


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -5, "soon", None])
async def test_a_wish_to_wait_that_is_no_time_is_left_out(seconds: Any) -> None:
    error = RateLimitError("Slow down.", retry_after_seconds=seconds)

    response = post(BrokenAdapter(error))

    assert response.status_code == 429
    assert "retry-after" not in response.headers


@pytest.mark.parametrize("stream", [False, True])
async def test_what_an_upstream_says_in_other_types_is_told_as_text(stream: bool) -> None:
    said: Any = 1234
    error = UpstreamError(said, param=said, code=said, upstream_request_id=said)
    error.type = said

    response = post(BrokenAdapter(error), stream=stream)

    assert set(error_of(response).values()) == {"1234"}
    assert response.headers["x-upstream-request-id"] == "1234"


async def test_an_upstream_id_that_is_no_header_value_is_left_out() -> None:
    error = UpstreamError("no", upstream_request_id="up\r\nset-cookie: a=b")

    response = post(BrokenAdapter(error))

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
    response = post(BrokenAdapter(error), stream=stream)

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

    response = post(ChoosyAdapter(), stream=stream)

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

    response = post(WrappedAdapter(), stream=stream, authorization="Bearer sk-hunter22")

    assert response.status_code == 401
    assert error_of(response)["message"] == "Not known: Bearer [hidden]"


@pytest.mark.parametrize("status", [-1, 0, 101, 204, 304, 600, "404", None])
@pytest.mark.parametrize("stream", [False, True])
async def test_a_status_that_is_no_errors_becomes_a_502(status: Any, stream: bool) -> None:
    error = ApiError("Not modified.", code="upstream_said_so")
    error.status = status

    response = post(BrokenAdapter(error), stream=stream)
    with running_gateway(BrokenAdapter(error)) as gateway:
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
    response = post(ScriptedAdapter(rubbish))

    assert response.status_code == 502
    assert error_of(response)["code"] == "invalid_provider_response"


def client_of(gateway: RunningGateway) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="k", max_retries=0)
