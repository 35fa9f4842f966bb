"""Upstreams that cannot be found, that cannot be trusted, and whose clock is wrong."""

import asyncio
import socket
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
import trustme
from openai import AsyncOpenAI

from tests.contract.test_chat import HELLO
from tests.providers_openai.upstreams import (
    CHUNKED,
    DONE,
    END,
    KEY,
    RESET,
    Answer,
    RawUpstream,
    chunk,
    completion,
    frame,
    in_chunk,
    response,
    serving,
)
from veneer_gateway import Settings
from veneer_gateway.testing import RunningGateway, running_gateway
from veneer_providers_openai import OpenAIAdapter, Upstream

QUICKLY = 5
YEAR = timedelta(days=365)
SECRET = "of-the-caller"
STREAMS = pytest.mark.parametrize("stream", [False, True])


@asynccontextmanager
async def gateway_to(
    base_url: str, settings: Settings | None = None
) -> AsyncIterator[RunningGateway]:
    upstream = Upstream.model_validate(
        {"name": "up", "base_url": base_url, "api_key": KEY, "connect_timeout_seconds": 2}
    )
    # It stops in a thread of its own: the upstream is served by this one.
    running = running_gateway(OpenAIAdapter(upstream), settings=settings)
    gateway = await asyncio.to_thread(running.__enter__)
    try:
        yield gateway
    finally:
        await asyncio.to_thread(running.__exit__, None, None, None)


async def ask(gateway: RunningGateway, *, stream: bool) -> httpx2.Response:
    body = {"model": "up/one", "messages": HELLO, "stream": stream}
    async with httpx2.AsyncClient(timeout=QUICKLY) as http:
        answer = await http.post(
            f"{gateway.url}/v1/chat/completions",
            json=body,
            headers={"authorization": f"Bearer {SECRET}"},
        )
    assert KEY not in answer.text
    assert SECRET not in answer.text
    return answer


def error(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


@STREAMS
@pytest.mark.parametrize("host", ["nobody.invalid", f"{'a' * 64}.invalid"])
async def test_one_without_an_address_cannot_be_reached(host: str, stream: bool) -> None:
    async with gateway_to(f"http://{host}/v1") as gateway:
        answer = await ask(gateway, stream=stream)

    assert error(answer) == (502, "upstream_unreachable")
    assert host not in answer.text


@STREAMS
async def test_one_whose_name_is_lost_for_a_while_is_found_again(
    monkeypatch: pytest.MonkeyPatch, stream: bool
) -> None:
    is_lost = False

    def look_up(host: Any, *rest: Any, **options: Any) -> Any:
        if host in {"upstream.test", b"upstream.test"}:
            if is_lost:
                raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
            host = "127.0.0.1"
        return real(host, *rest, **options)

    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    async with (
        serving(good(stream=stream)) as upstream,
        # uvloop, which uvicorn serves by, looks names up where no test can reach.
        gateway_to(
            upstream.url.replace("127.0.0.1", "upstream.test"),
            Settings(host="127.0.0.1", port=0, drain_seconds=1, server="hypercorn"),
        ) as gateway,
    ):
        first = await ask(gateway, stream=stream)
        is_lost = True
        second = await ask(gateway, stream=stream)
        is_lost = False
        third = await ask(gateway, stream=stream)

    assert (first.status_code, third.status_code) == (200, 200)
    assert error(second) == (502, "upstream_unreachable")


def good(*, stream: bool, created: object = 1) -> Answer:
    if not stream:
        return response(200, completion(created=created))
    frames = [
        frame(chunk("hello", created=created)),
        frame(chunk(reason="stop", created=created)),
        DONE,
    ]
    head = CHUNKED.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n")
    return [head, *map(in_chunk, frames), END]


@STREAMS
@pytest.mark.parametrize(
    "answer",
    [[RESET], [b"HTTP/1.1 200 OK\r\n", RESET], [b"\x15\x03\x01\x00\x02\x02\x28", RESET]],
    ids=["at once", "in the head", "a TLS alert"],
)
async def test_one_that_resets_the_connection_is_an_error(answer: Answer, stream: bool) -> None:
    async with serving(answer) as upstream, gateway_to(upstream.url) as gateway:
        told = await ask(gateway, stream=stream)

    assert error(told) == (502, "upstream_disconnected")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trust(authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this process trust what the authority has signed."""
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


@asynccontextmanager
async def serving_tls(certificate: trustme.LeafCert, answer: Answer) -> AsyncIterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    upstream = RawUpstream((answer,))
    server = await asyncio.start_server(upstream.accept, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://localhost:{server.sockets[0].getsockname()[1]}/v1"
        await asyncio.gather(*upstream.tasks, return_exceptions=True)


@STREAMS
@pytest.mark.usefixtures("trust")
async def test_a_certificate_that_is_valid_now_is_taken(
    authority: trustme.CA, stream: bool
) -> None:
    certificate = authority.issue_cert("localhost")

    async with (
        serving_tls(certificate, good(stream=stream)) as url,
        gateway_to(url) as gateway,
    ):
        answer = await ask(gateway, stream=stream)

    assert answer.status_code == 200


@STREAMS
@pytest.mark.parametrize("fault", ["expired", "not yet valid", "another name", "another authority"])
@pytest.mark.usefixtures("trust")
async def test_a_certificate_that_is_not_to_be_trusted_is_told_as_that(
    authority: trustme.CA, fault: str, stream: bool
) -> None:
    now = datetime.now(UTC)
    certificates = {
        "expired": lambda: authority.issue_cert(
            "localhost", not_before=now - 2 * YEAR, not_after=now - YEAR
        ),
        "not yet valid": lambda: authority.issue_cert("localhost", not_before=now + YEAR),
        "another name": lambda: authority.issue_cert("elsewhere.test"),
        "another authority": lambda: trustme.CA().issue_cert("localhost"),
    }

    async with (
        serving_tls(certificates[fault](), good(stream=stream)) as url,
        gateway_to(url) as gateway,
    ):
        answer = await ask(gateway, stream=stream)

    assert error(answer) == (502, "upstream_certificate_refused")
    assert "elsewhere.test" not in answer.text


@pytest.mark.parametrize(
    ("date", "at_least", "at_most"),
    [
        (datetime.now(UTC) - 50 * YEAR, 0, 0),
        (datetime.now(UTC) + 50 * YEAR, 49 * YEAR.total_seconds(), 51 * YEAR.total_seconds()),
    ],
    ids=["past", "far future"],
)
async def test_when_to_come_back_by_a_wrong_clock_is_passed_on_as_seconds(
    date: datetime, at_least: float, at_most: float
) -> None:
    later = date.strftime("%a, %d %b %Y %H:%M:%S GMT")
    refusal = response(429, {"error": {"message": "Slow down."}}, retry_after=later)

    async with serving(refusal) as upstream, gateway_to(upstream.url) as gateway:
        answer = await ask(gateway, stream=False)

    assert answer.status_code == 429
    assert at_least <= int(answer.headers["retry-after"]) <= at_most


@pytest.mark.parametrize("value", ["soon", "Thu, 32 Foo 2026 99:99:99 GMT", "\xff", "9" * 400])
async def test_when_to_come_back_that_is_no_time_is_left_out(value: str) -> None:
    (answer,) = response(429, {"error": {"message": "Slow down."}}, retry_after="@")
    assert isinstance(answer, bytes)
    refusal = answer.replace(b"@", value.encode("latin-1"), 1)

    async with serving([refusal]) as upstream, gateway_to(upstream.url) as gateway:
        told = await ask(gateway, stream=False)

    assert told.status_code == 429
    assert "retry-after" not in told.headers


async def test_the_official_client_does_not_wait_for_fifty_years() -> None:
    later = (datetime.now(UTC) + 50 * YEAR).strftime("%a, %d %b %Y %H:%M:%S GMT")
    refusal = response(429, {"error": {"message": "Slow down."}}, retry_after=later)

    async with (
        serving(refusal) as upstream,
        gateway_to(upstream.url) as gateway,
        AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="k") as client,
    ):
        began = time.monotonic()
        with pytest.raises(openai.RateLimitError):
            await client.chat.completions.create(model="up/one", messages=HELLO)

    assert time.monotonic() - began < QUICKLY


@STREAMS
@pytest.mark.parametrize("created", [0, -1, 10**11, 10**18, 1.5, None, "yesterday"])
async def test_an_answer_of_a_wrong_clock_is_a_good_answer(created: object, stream: bool) -> None:
    answer = good(stream=stream, created=created)

    async with serving(answer) as upstream, gateway_to(upstream.url) as gateway:
        told = await ask(gateway, stream=stream)

    assert told.status_code == 200
    assert "hello" in told.text
    assert '"error"' not in told.text
