"""Bytes that no client library sends: the right 4xx, or a closed connection, and life goes on."""

import socket

import httpx2
import pytest

from tests.servers import by_server
from veneer_gateway import Settings
from veneer_gateway.testing import RunningGateway, running_gateway
from veneer_providers_dummy import DummyAdapter

CHAT = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
BODY = b'{"model":"dummy/echo-1","messages":[{"role":"user","content":"hi"}]}'
CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)


def exchange(gateway: RunningGateway, *pieces: bytes) -> bytes:
    """Send `pieces` and read until the other side is done."""
    answer = b""
    with socket.create_connection((gateway.host, gateway.port), timeout=10) as connection:
        try:
            for piece in pieces:
                connection.sendall(piece)
            while received := connection.recv(65536):
                answer += received
        except ConnectionError:
            pass
    return answer


def close(request: bytes) -> bytes:
    """Ask for the connection to be closed after the answer."""
    return request.replace(b"host: x\r\n", b"host: x\r\nconnection: close\r\n", 1)


@pytest.mark.parametrize(
    ("pieces", "status"),
    [
        ((b"GET\r\n\r\n",), 400),
        ((b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",), 400),
        ((b"GET /v1/models HTTP/1.1\r\n\r\n",), 400),
        ((b"GET /v1/models HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",), 400),
        ((b"GET /v1/models HTTP/1.1\r\nhost: x\r\nbad header\r\n\r\n",), 400),
        ((CHAT + b"content-length: -1\r\n\r\n",), 400),
        # h11 reads twenty digits at most.
        (
            (close(CHAT) + b"content-length: %05000d\r\n\r\n" % len(BODY) + BODY,),
            by_server(hypercorn=400, uvicorn=200),
        ),
        ((CHAT + b"content-length: 5\r\ncontent-length: 6\r\n\r\n" + BODY,), 400),
        ((CHAT + b"transfer-encoding: gzip, chunked\r\n\r\n",), 501),
        ((b"GET /v1/models HTTP/1.1\r\nhost: x\r\nx: " + b"a" * 20_000, b"a" * 60_000), 431),
        # h11 lets such a target be.
        (
            (close(b"GET ?a=b HTTP/1.1\r\nhost: x\r\n\r\n"),),
            by_server(hypercorn=404, uvicorn=400),
        ),
        ((close(b"GET http://elsewhere/v1/models HTTP/1.1\r\nhost: x\r\n\r\n"),), 200),
        ((close(b"GET http://[ HTTP/1.1\r\nhost: x\r\n\r\n"),), 404),
        ((b"GET /v1/models HTTP/1.1\r\nhost: a..b\r\nconnection: close\r\n\r\n",), 200),
        ((b"GET /v1/models HTTP/1.1\r\nhost: .\r\nconnection: close\r\n\r\n",), 200),
        ((close(b"OPTIONS * HTTP/1.1\r\nhost: x\r\n\r\n"),), 404),
        ((close(CHAT) + b"transfer-encoding: chunked\r\n\r\n" + CHUNKED,), 200),
        ((close(CHAT) + b"content-length: %d\r\n\r\n" % len(BODY), BODY[:10], BODY[10:]), 200),
        ((b"GET /v1/models HTTP/1.0\r\n\r\n",), 200),
        ((close(b"GET /v1/models HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\n\r\n"),), 200),
    ],
)  # fmt: skip
def test_the_answer_to_odd_bytes(
    gateway: RunningGateway, pieces: tuple[bytes, ...], status: int
) -> None:
    answer = exchange(gateway, *pieces)

    assert answer.split(b" ", 2)[:2] == [b"HTTP/1.1", str(status).encode()]
    assert httpx2.get(f"{gateway.url}/healthz").status_code == 200


@pytest.mark.parametrize(
    "target", [b"/v1/models", b"/", b"http://[", by_server(hypercorn=b"?x", uvicorn=b"*")]
)
def test_a_websocket_is_turned_away(gateway: RunningGateway, target: bytes) -> None:
    answer = exchange(
        gateway,
        b"GET %b HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n" % target
        + b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    )

    assert answer.startswith(b"HTTP/1.1 400")
    assert b'"code":"websocket_not_supported"' in answer


def test_a_smuggled_request_is_not_answered_as_another_clients(gateway: RunningGateway) -> None:
    smuggled = b"GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n"

    answer = exchange(
        gateway,
        close(CHAT)
        + b"content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n"
        + CHUNKED
        + smuggled,
    )

    assert answer.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize(
    "body",
    [
        b"content-length: 1000\r\n\r\n" + BODY,
        b"transfer-encoding: chunked\r\n\r\n%x\r\n%b" % (len(BODY), BODY),
        b"transfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["short of its length", "cut in a chunk", "no chunk size"],
)
def test_a_body_that_breaks_off_leaves_nothing_behind(body: bytes) -> None:
    with running_gateway(DummyAdapter()) as gateway:
        with socket.create_connection((gateway.host, gateway.port), timeout=10) as connection:
            connection.sendall(CHAT + body)
        assert httpx2.get(f"{gateway.url}/healthz").status_code == 200
        gateway.wait_for_open_requests(0)


def test_a_body_that_never_comes_is_a_408() -> None:
    settings = Settings(host="127.0.0.1", port=0, body_timeout_seconds=0.1)

    with running_gateway(DummyAdapter(), settings=settings) as gateway:
        answer = exchange(gateway, CHAT + b"content-length: 10\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"code":"request_timeout"' in answer


def test_a_client_of_http_1_0_gets_a_stream_without_chunks(gateway: RunningGateway) -> None:
    body = BODY.replace(b"{", b'{"stream":true,', 1)

    answer = exchange(
        gateway,
        CHAT.replace(b"HTTP/1.1", b"HTTP/1.0") + b"content-length: %d\r\n\r\n" % len(body) + body,
    )

    head, _, events = answer.partition(b"\r\n\r\n")
    assert b"transfer-encoding" not in head.lower()
    assert events.startswith(b"data: {")
    assert events.endswith(b"}\n\ndata: [DONE]\n\n")


def test_a_client_that_waits_to_be_told_is_told_to_go_on(gateway: RunningGateway) -> None:
    head = close(CHAT) + b"expect: 100-continue\r\ncontent-length: %d\r\n\r\n" % len(BODY)

    with socket.create_connection((gateway.host, gateway.port), timeout=10) as connection:
        connection.sendall(head)
        go_on = connection.recv(65536)
        connection.sendall(BODY)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))

    assert go_on.startswith(b"HTTP/1.1 100 ")
    assert go_on.endswith(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")


def test_pipelined_requests_are_answered_in_order(gateway: RunningGateway) -> None:
    first = b"GET /v1/models/dummy/echo-1 HTTP/1.1\r\nhost: x\r\n\r\n"
    second = close(b"GET /v1/models/dummy/story-1 HTTP/1.1\r\nhost: x\r\n\r\n")

    answer = exchange(gateway, first + second)

    assert answer.index(b"dummy/echo-1") < answer.index(b"dummy/story-1")
