"""The OpenAI SDK's client, asked with exactly the headers that are given."""

from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpx2
from openai import AsyncOpenAI, AsyncStream

from veneer_protocol import Headers, InvalidProviderResponseError
from veneer_providers_openai.bodies import Allowance, BoundedResponse
from veneer_providers_openai.failures import Call
from veneer_providers_openai.forwarding import OF_THE_CLIENT
from veneer_providers_openai.proxies import proxy_variables
from veneer_providers_openai.settings import SettingsError, Upstream

# httpx2 looks at every idle connection before each request: with hundreds it takes four times as
# long. They live for less than the five seconds after which uvicorn and Hypercorn close theirs, so
# that no request meets a connection that is just going.
_MAX_IDLE_CONNECTIONS = 20
_IDLE_SECONDS = 3

_GIVEN: ContextVar[Headers] = ContextVar("given")
_ALLOWANCE: ContextVar[Allowance] = ContextVar("allowance")


async def _replace_headers(request: httpx2.Request) -> None:
    """Send what the HTTP client must say itself and what is given, and nothing else.

    Not what the SDK adds of this machine or of the account that OPENAI_* variables name, nor
    cookies that another caller's answer set. The SDK's `extra_headers` are no place for the given:
    they are a mapping, which repeats do not survive, and may steer the SDK.
    """
    own = [pair for pair in request.headers.raw if pair[0].lower() in OF_THE_CLIENT]
    given = [pair for pair in _GIVEN.get().raw if pair[0] not in OF_THE_CLIENT]
    request.headers = httpx2.Headers([*own, *given])


@contextmanager
def _sending(headers: Headers, allowance: Allowance) -> Iterator[None]:
    tokens = _GIVEN.set(headers), _ALLOWANCE.set(allowance)
    try:
        yield
    finally:
        _GIVEN.reset(tokens[0])
        _ALLOWANCE.reset(tokens[1])


class _BoundedClient(httpx2.AsyncClient):
    """Reads no more of a response than is allowed."""

    async def send(
        self, request: httpx2.Request, *, stream: bool = False, **options: Any
    ) -> httpx2.Response:
        """Send `request`, and read the response unless a stream is asked for."""
        answer = await super().send(request, stream=True, **options)
        response = BoundedResponse.bounding(answer, _ALLOWANCE.get())
        try:
            if not stream:
                await response.aread()
        except BaseException:
            await response.aclose()
            raise
        return response


def _http_client(upstream: Upstream) -> httpx2.AsyncClient:
    try:
        return _BoundedClient(
            event_hooks={"request": [_replace_headers]},
            follow_redirects=False,
            limits=httpx2.Limits(
                max_connections=upstream.max_connections,
                max_keepalive_connections=_MAX_IDLE_CONNECTIONS,
                keepalive_expiry=_IDLE_SECONDS,
            ),
            timeout=httpx2.Timeout(
                upstream.timeout_seconds,
                connect=upstream.connect_timeout_seconds,
                pool=upstream.connect_timeout_seconds,
            ),
        )
    except (ValueError, httpx2.InvalidURL, ImportError):
        # ImportError is for SOCKS. The cause would show the password that a proxy's URL may hold.
        if not (variables := proxy_variables()):
            raise
        raise SettingsError(
            f"No client can be made with {', '.join(variables)} as set; write a proxy as "
            "http://host:3128."
        ) from None


class Client:
    """Asks one upstream. Answers are JSON values as they came; failures are an `ApiError`."""

    def __init__(self, upstream: Upstream) -> None:
        self._sdk = AsyncOpenAI(
            base_url=upstream.base_url,
            api_key="never sent",
            max_retries=0,  # Callers have clients that try again.
            http_client=_http_client(upstream),
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._sdk.close()

    async def models(self, call: Call) -> object:
        """Ask for the list of models.

        Raises:
            ApiError: it failed.
        """
        with call.translated(), _sending(call.headers, Allowance("list of models", 16)):
            return await self._sdk.get("/models", cast_to=object)

    async def complete(self, call: Call, body: Mapping[str, object]) -> object:
        """Ask for a whole chat completion.

        Raises:
            ApiError: it failed.
        """
        with call.translated(), _sending(call.headers, Allowance("answer", 64)):
            answer = await self._sdk.post("/chat/completions", cast_to=object, body=body)
        return call.check(answer)

    async def stream(self, call: Call, body: Mapping[str, object]) -> AsyncGenerator[object, None]:
        """Ask for a chat completion in chunks; to close the generator closes the connection.

        Raises:
            ApiError: it failed.
        """
        allowance = Allowance("event of a stream", 16)
        with call.translated():
            with _sending(call.headers, allowance):
                # JSON values and not the SDK's models, for which it takes 95 µs a chunk.
                stream = await self._sdk.post(
                    "/chat/completions",
                    cast_to=object,
                    body=body,
                    stream=True,
                    stream_cls=AsyncStream[object],
                )
            has_begun = False
            async with stream:
                async for value in stream:
                    has_begun = True
                    allowance.renew()
                    yield call.check(value)
            kind = stream.response.headers.get("content-type", "nothing")
            if not has_begun and not kind.startswith("text/event-stream"):
                raise InvalidProviderResponseError(
                    f"The upstream {call.upstream.name!r} answered with {kind[:80]} where a stream "
                    "was asked for."
                )
