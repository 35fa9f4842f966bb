"""The OpenAI SDK's client, asked with exactly the headers that are given."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import cast

import httpx2
from openai import AsyncOpenAI, AsyncStream

from veneer_protocol import Headers, InvalidProviderResponseError
from veneer_providers_openai.failures import Call
from veneer_providers_openai.forwarding import OF_THE_CLIENT
from veneer_providers_openai.settings import Upstream

# httpx2 looks at every idle connection before each request: with hundreds it takes four times as
# long. They live for less than the five seconds after which uvicorn and Hypercorn close theirs, so
# that no request meets a connection that is just going.
_MAX_IDLE_CONNECTIONS = 20
_IDLE_SECONDS = 3

_LONGEST_REFUSAL = 1024 * 1024
_LONGEST_ANSWER = 32 * 1024 * 1024

_GIVEN: ContextVar[Headers] = ContextVar("given")


async def _replace_headers(request: httpx2.Request) -> None:
    """Send what the HTTP client must say itself and what is given, and nothing else.

    Not what the SDK adds of this machine or of the account that OPENAI_* variables name, nor
    cookies that another caller's answer set. The SDK's `extra_headers` are no place for the given:
    they are a mapping, which repeats do not survive, and may steer the SDK.
    """
    own = [pair for pair in request.headers.raw if pair[0].lower() in OF_THE_CLIENT]
    given = [pair for pair in _GIVEN.get().raw if pair[0] not in OF_THE_CLIENT]
    request.headers = httpx2.Headers([*own, *given])
    request.headers["accept-encoding"] = "identity"


async def _tame(response: httpx2.Response) -> None:
    """Take no more of an answer than anybody needs, and as what it was asked for.

    Without a coding, which was not asked for, nothing is larger than what came over the wire; and
    a charset that Python knows for something else must not be used to read an error.
    """
    response.headers.pop("content-encoding", None)
    kind = response.headers.get("content-type", "").partition(";")[0].strip()
    response.headers["content-type"] = kind
    given = cast("httpx2.AsyncByteStream", response.stream)
    is_endless = response.is_success and kind == "text/event-stream"
    response.stream = _Bounded(given, is_endless=is_endless, is_cut=not response.is_success)


class _Bounded(httpx2.AsyncByteStream):
    """The body of an answer, up to a bound: of the whole, or of each event of a stream."""

    def __init__(self, body: httpx2.AsyncByteStream, *, is_endless: bool, is_cut: bool) -> None:
        self._body = body
        self._is_endless = is_endless
        self._is_cut = is_cut

    async def __aiter__(self) -> AsyncIterator[bytes]:
        length = 0
        async for piece in self._body:
            if self._is_endless and (b"\n\n" in piece or b"\r\n\r\n" in piece):
                length = 0
            length += len(piece)
            if self._is_cut and length > _LONGEST_REFUSAL:
                return  # The status says enough.
            if length > _LONGEST_ANSWER:
                raise InvalidProviderResponseError(
                    f"The upstream's answer is longer than {_LONGEST_ANSWER} bytes."
                )
            yield piece

    async def aclose(self) -> None:
        await self._body.aclose()


@contextmanager
def _sending(headers: Headers) -> Iterator[None]:
    token = _GIVEN.set(headers)
    try:
        yield
    finally:
        _GIVEN.reset(token)


class Client:
    """Asks one upstream. Answers are JSON values as they came; failures are an `ApiError`."""

    def __init__(self, upstream: Upstream) -> None:
        self._sdk = AsyncOpenAI(
            base_url=upstream.base_url,
            api_key="never sent",
            max_retries=0,  # Callers have clients that try again.
            http_client=httpx2.AsyncClient(
                event_hooks={"request": [_replace_headers], "response": [_tame]},
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
            ),
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._sdk.close()

    async def models(self, call: Call) -> object:
        """Ask for the list of models.

        Raises:
            ApiError: it failed.
        """
        with call.translated(), _sending(call.headers):
            return await self._sdk.get("/models", cast_to=object)

    async def complete(self, call: Call, body: Mapping[str, object]) -> object:
        """Ask for a whole chat completion.

        Raises:
            ApiError: it failed.
        """
        with call.translated(), _sending(call.headers):
            answer = await self._sdk.post("/chat/completions", cast_to=object, body=body)
        return call.check(answer)

    async def stream(self, call: Call, body: Mapping[str, object]) -> AsyncGenerator[object, None]:
        """Ask for a chat completion in chunks; to close the generator closes the connection.

        Raises:
            ApiError: it failed.
        """
        with call.translated():
            with _sending(call.headers):
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
                    yield call.check(value)
            kind = stream.response.headers.get("content-type", "nothing")
            if not has_begun and not kind.startswith("text/event-stream"):
                raise InvalidProviderResponseError(
                    f"The upstream {call.upstream.name!r} answered with {kind[:80]} where a stream "
                    "was asked for."
                )
