"""An HTTP client for the two paths of an upstream; it sends exactly the headers that are given.

The openai package's client would do, but takes longer for its part of a request than all else does.
"""

import asyncio
from codecs import BOM_UTF8
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager, suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx2
from pydantic_core import to_json

from veneer_protocol import Headers, InvalidProviderResponseError
from veneer_providers_openai.bodies import Allowance, pieces, read, read_error
from veneer_providers_openai.events import EventReader
from veneer_providers_openai.failures import Call
from veneer_providers_openai.forwarding import OF_THE_CLIENT
from veneer_providers_openai.proxies import proxy_variables
from veneer_providers_openai.settings import SettingsError, Upstream

# httpx2 looks at every idle connection before each request: with hundreds it takes four times as
# long. They live for less than the five seconds after which uvicorn and Hypercorn close theirs, so
# that no request meets a connection that is just going.
_MAX_IDLE_CONNECTIONS = 20
_IDLE_SECONDS = 3

_DRAIN_SECONDS = 0.1

_OWN_HEADERS = [
    (b"accept", b"application/json"),
    (b"accept-encoding", b"gzip, deflate"),
    (b"user-agent", b"veneer-providers-openai"),
]


def _http_client(upstream: Upstream) -> httpx2.AsyncClient:
    try:
        return httpx2.AsyncClient(
            # What an answer sets is no affair of other callers.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
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
    except OSError as error:
        # What is raised has no name of a file.
        raise SettingsError(
            "The certificates of SSL_CERT_FILE, or without it the system's, cannot be read: "
            f"{error}."
        ) from error
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
        self._http = _http_client(upstream)
        base = upstream.base_url.rstrip("/")
        self._models_url = httpx2.URL(f"{base}/models")
        self._chat_url = httpx2.URL(f"{base}/chat/completions")

    async def close(self) -> None:
        """Close every connection."""
        await self._http.aclose()

    async def models(self, call: Call) -> object:
        """Ask for the list of models.

        Raises:
            ApiError: it failed.
        """
        request = _request("GET", self._models_url, call.headers)
        return await self._ask(call, request, Allowance("list of models", 16))

    async def complete(self, call: Call, body: Mapping[str, object]) -> object:
        """Ask for a whole chat completion.

        Raises:
            ApiError: it failed.
        """
        request = _request("POST", self._chat_url, call.headers, to_json(body))
        return await self._ask(call, request, Allowance("answer", 64))

    async def stream(self, call: Call, body: Mapping[str, object]) -> AsyncGenerator[object, None]:
        """Ask for a chat completion in chunks; to close the generator closes the connection.

        Raises:
            ApiError: it failed.
        """
        request = _request("POST", self._chat_url, call.headers, to_json(body))
        allowance, events, has_begun = Allowance("event of a stream", 16), EventReader(), False
        unread = bytearray()
        async with self._sent(call, request) as response:
            kind = response.headers.get("content-type", "nothing")
            is_json = kind.lower().partition(";")[0].rstrip().endswith("json")
            async with aclosing(pieces(response, allowance)) as given:
                async for piece in given:
                    if is_json and not has_begun:
                        unread += piece
                    for data in events.feed(piece):
                        if data.startswith(b"[DONE]"):
                            await _drain(given)
                            return
                        has_begun = True
                        allowance.renew()
                        yield call.read(data)
            if unread and not has_begun:
                # Some send their error under a good status, as they do to a plain request.
                call.read(unread.removeprefix(BOM_UTF8))
            if not has_begun and not kind.startswith("text/event-stream"):
                raise InvalidProviderResponseError(
                    f"The upstream {call.upstream.name!r} answered with {kind[:80]} where a stream "
                    "was asked for."
                )

    async def _ask(self, call: Call, request: httpx2.Request, allowance: Allowance) -> object:
        async with self._sent(call, request) as response:
            return call.read(await read(response, allowance))

    @asynccontextmanager
    async def _sent(self, call: Call, request: httpx2.Request) -> AsyncIterator[httpx2.Response]:
        with call.translated():
            response = await self._http.send(request, stream=True)
            try:
                if not response.is_success:
                    raise call.refusal(response, await read_error(response))
                yield response
            finally:
                await response.aclose()


def _request(method: str, url: httpx2.URL, headers: Headers, body: bytes = b"") -> httpx2.Request:
    """Make a request with what the HTTP client must say itself and what is given, nothing else.

    Not by the client, which would put headers of its own in between, and parse the URL each time.
    """
    own = [(b"host", url.netloc), *_OWN_HEADERS]
    if body:
        own += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    given = [pair for pair in headers.raw if pair[0] not in OF_THE_CLIENT]
    return httpx2.Request(method, url, headers=[*own, *given], stream=httpx2.ByteStream(body))


async def _drain(given: AsyncGenerator[bytes, None]) -> None:
    """Read what is left of a stream that is over, so that its connection can serve once more."""
    with suppress(TimeoutError, httpx2.RequestError, InvalidProviderResponseError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            async for _ in given:
                pass
