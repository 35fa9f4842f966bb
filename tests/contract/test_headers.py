"""The caller's headers reach the adapter whole and uninterpreted, and stay out of the log."""

import io
import logging
import socket
from collections.abc import Iterator

import httpx2
import pytest

from tests.adapters import BrokenAdapter, PlainAdapter
from tests.contract.test_chat import HELLO
from veneer_gateway import Registry, Settings, create_app
from veneer_gateway.logs import configure_logging
from veneer_gateway.testing import running_gateway

SECRET = "hunter2"
BODY = b'{"model":"plain/one","messages":[{"role":"user","content":"hi"}]}'


@pytest.fixture
def debug_log() -> Iterator[io.StringIO]:
    """Everything that is logged, at the level that tells most."""
    root = logging.getLogger()
    before = root.handlers, root.level
    # The test's own client logs its URLs.
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    log = io.StringIO()
    configure_logging("debug", log)
    yield log
    root.handlers, root.level = before


def test_every_header_arrives_with_its_bytes_order_and_repeats() -> None:
    adapter = PlainAdapter()
    sent = [
        (b"host", b"example"),
        (b"authorization", b"Bearer mine"),
        (b"x-api-key", b"key"),
        (b"x-tenant-id", b"one"),
        (b"X-Tenant-Id", b"two"),
        (b"x-bytes", b"\xea\xb0\x80 \xff"),
        (b"x-empty", b""),
        (b"connection", b"keep-alive"),
        (b"cookie", b"a=b"),
        (b"remote-addr", b"1.2.3.4"),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(BODY)).encode()),
    ]
    head = b"".join(b"%b: %b\r\n" % pair for pair in sent)

    with (
        running_gateway(adapter) as gateway,
        socket.create_connection((gateway.host, gateway.port), timeout=5) as connection,
    ):
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\n" + head + b"\r\n" + BODY)
        answer = connection.recv(65536)

    assert answer.startswith(b"HTTP/1.1 200")
    assert list(adapter.contexts[0].headers.raw) == [(name.lower(), value) for name, value in sent]
    assert adapter.contexts[0].headers["x-tenant-id"] == "one, two"


def test_no_key_is_asked_for_and_none_is_checked() -> None:
    with running_gateway(PlainAdapter()) as gateway:
        url = f"{gateway.url}/v1/chat/completions"
        asked = {"model": "plain/one", "messages": HELLO}
        answers = [
            httpx2.post(url, json=asked, headers=headers).status_code
            for headers in ({}, {"authorization": "nonsense"}, {"authorization": ""})
        ]

    assert answers == [200, 200, 200]


@pytest.mark.parametrize("given", ["abc-123", "req_0f", "a.b:c/d=e+f", "x" * 128])
def test_a_sane_request_id_of_the_callers_is_kept(given: str) -> None:
    adapter = PlainAdapter()

    with running_gateway(adapter) as gateway:
        response = httpx2.get(f"{gateway.url}/v1/models", headers={"x-request-id": given})

    assert response.headers["x-request-id"] == given
    assert adapter.contexts[0].request_id == given


@pytest.mark.parametrize("given", ["", "a b", "x" * 129, 'a"b', "a\u00e9", "<script>"])
def test_another_request_id_is_replaced(given: str) -> None:
    with running_gateway(PlainAdapter()) as gateway:
        response = httpx2.get(
            f"{gateway.url}/v1/models", headers={b"x-request-id": given.encode("latin-1")}
        )

    assert response.headers["x-request-id"] != given
    assert response.headers["x-request-id"].startswith("req_")


def test_no_secret_is_logged_at_any_level(debug_log: io.StringIO) -> None:
    headers = {
        "authorization": f"Bearer {SECRET}",
        "x-api-key": SECRET,
        "x-tenant-id": SECRET,
        "cookie": f"session={SECRET}",
        "x-request-id": "the-request",
    }

    with (
        running_gateway(PlainAdapter(), BrokenAdapter(RuntimeError("boom"))) as gateway,
        httpx2.Client(base_url=gateway.url, headers=headers) as http,
    ):
        http.get("/v1/models", params={"api_key": SECRET})
        http.get("/nowhere", params={"api_key": SECRET})
        for model in ("plain/one", "broken/one", "nobody/one"):
            for stream in (False, True):
                asked = {"model": model, "messages": HELLO, "stream": stream}
                http.post("/v1/chat/completions", json=asked)

    assert "the-request" in debug_log.getvalue()
    assert "boom" in debug_log.getvalue()
    assert SECRET not in debug_log.getvalue()


async def test_no_secret_of_an_http2_request_is_logged(debug_log: io.StringIO) -> None:
    with running_gateway(PlainAdapter()) as gateway:
        async with httpx2.AsyncClient(http1=False, http2=True) as http:
            with pytest.raises(httpx2.RemoteProtocolError):  # The answer is one of HTTP/1.1.
                await http.get(
                    f"{gateway.url}/v1/models", headers={"authorization": f"Bearer {SECRET}"}
                )

    assert '"status": 505' in debug_log.getvalue()
    assert SECRET not in debug_log.getvalue()


async def test_another_server_that_speaks_http2_is_told_that_it_is_refused() -> None:
    app = create_app(Settings(), Registry())

    response = await app.test_client().get("/v1/models", http_version="2")

    assert response.status_code == 505
    assert (await response.json)["error"]["code"] == "http_version_not_supported"


def test_a_line_break_in_a_path_forges_no_log_line(debug_log: io.StringIO) -> None:
    with running_gateway() as gateway:
        httpx2.get(f"{gateway.url}/x%0aforged")

    assert "/x%0aforged" in debug_log.getvalue()
    assert not any(line.startswith("forged") for line in debug_log.getvalue().splitlines())
