"""What the gateway adds to uvicorn's HTTP/1.1, and Hypercorn does not have."""

import logging
import socket
from contextvars import ContextVar

import pytest
from openai.types.chat import ChatCompletion

from tests.adapters import PatientAdapter, PlainAdapter
from tests.contract.test_cancellation import SOON, leave, read_until
from tests.contract.test_raw_http import BODY, CHAT, close, exchange
from veneer_gateway import Settings
from veneer_gateway.testing import running_gateway
from veneer_protocol import ChatCompletionRequest, RequestContext

SETTINGS = Settings(host="127.0.0.1", port=0, drain_seconds=1, server="uvicorn")
STREAM = BODY.replace(b"{", b'{"stream":true,', 1)
GET = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n"
PLAIN = BODY.replace(b"dummy/echo-1", b"plain/one")
PATIENT = BODY.replace(b"dummy/echo-1", b"patient/one")


def post(body: bytes) -> bytes:
    return CHAT + b"content-length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (b"GET\r\n\r\n", 400, b"malformed_request"),
        (b"GET /v1/models HTTP/1.1\r\n\r\n", 400, b"malformed_request"),
        (CHAT + b"content-length: x\r\n\r\n", 400, b"malformed_request"),
        (CHAT + b"transfer-encoding: chunked\r\n\r\nzz\r\n", 400, b"malformed_request"),
        (
            CHAT + b"transfer-encoding: gzip, chunked\r\n\r\n",
            501,
            b"unsupported_transfer_encoding",
        ),
        (b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"a" * 40_000, 431, b"headers_too_large"),
        (CHAT + b"transfer-encoding: chunked\r\n\r\n0\r\nx: " + b"a" * 60_000, 431, b"headers_"),
    ],
)
def test_what_cannot_be_read_has_the_one_error_body_and_a_line_in_the_log(
    request_: bytes, status: int, code: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    with running_gateway(PlainAdapter(), settings=SETTINGS) as gateway:
        answer = exchange(gateway, request_)

    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b"\r\nx-request-id: req_" in answer
    assert b'"code":"%b' % code in answer
    told = [vars(record) for record in caplog.records if record.getMessage() == "request"]
    assert status in [line["status"] for line in told]


def test_the_error_of_a_request_does_not_break_into_the_answer_before() -> None:
    stream = post(STREAM.replace(b"dummy/echo-1", b"plain/one"))

    with running_gateway(PlainAdapter(), settings=SETTINGS) as gateway:
        answer = exchange(gateway, stream + b"GET\r\n\r\n")

    first, _, second = answer.partition(b"\r\n0\r\n\r\n")
    assert first.endswith(b"data: [DONE]\n\n")
    assert second.startswith(b"HTTP/1.1 400 ")


def test_a_client_that_has_asked_twice_and_leaves_cancels_the_adapter() -> None:
    adapter = PatientAdapter()

    with running_gateway(adapter, settings=SETTINGS) as gateway:
        connection = socket.create_connection((gateway.host, gateway.port))
        connection.sendall(post(PATIENT) * 2)
        assert adapter.is_waiting.wait(SOON)
        leave(connection, abruptly=False)

        assert adapter.was_cancelled.wait(SOON)
        gateway.wait_for_open_requests(0)


def test_a_client_that_asks_again_during_its_stream_and_leaves_cancels_the_adapter() -> None:
    adapter = PatientAdapter(chunks_before=1)

    with running_gateway(adapter, settings=SETTINGS) as gateway:
        connection = socket.create_connection((gateway.host, gateway.port), timeout=SOON)
        connection.sendall(post(STREAM.replace(b"dummy/echo-1", b"patient/one")))
        read_until(connection, b"word ")
        connection.sendall(GET)
        leave(connection, abruptly=False)

        assert adapter.was_cancelled.wait(SOON)
        gateway.wait_for_open_requests(0)


def test_those_that_wait_for_one_that_is_cut_do_not_hold_up_the_stop(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with running_gateway(PatientAdapter(chunks_before=1), settings=SETTINGS) as gateway:
        connection = socket.create_connection((gateway.host, gateway.port), timeout=SOON)
        connection.sendall(post(STREAM.replace(b"dummy/echo-1", b"patient/one")) * 5)
        read_until(connection, b"word ")
        gateway.begin_to_stop()
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
        connection.close()

    assert answer.count(b'"code":"shutting_down"') == 2
    assert answer.count(b"HTTP/1.1 503 ") == 1
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_what_an_adapter_knows_of_one_request_does_not_reach_the_next_of_its_connection() -> None:
    tenant = ContextVar("tenant", default="nobody")
    seen = []

    class Knowing(PlainAdapter):
        async def create_chat_completion(
            self, request: ChatCompletionRequest, context: RequestContext
        ) -> ChatCompletion:
            seen.append(tenant.get())
            tenant.set("somebody")
            return await super().create_chat_completion(request, context)

    with running_gateway(Knowing(), settings=SETTINGS) as gateway:
        exchange(gateway, post(PLAIN) * 2 + close(post(PLAIN)))

    assert seen == ["nobody"] * 3


def test_a_client_that_goes_on_sending_reads_why_it_is_refused() -> None:
    with running_gateway(PlainAdapter(), settings=SETTINGS) as gateway:
        answer = exchange(
            gateway, CHAT + b"content-length: 999999999\r\n\r\n", *[b" " * 100_000] * 20
        )

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'"code":"request_too_large"' in answer


@pytest.mark.parametrize("rest", [b"zz\r\n", b"0\r\n\r\n" + close(GET)])
def test_a_body_that_comes_behind_its_answer_is_read(
    rest: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        running_gateway(PlainAdapter(), settings=SETTINGS) as gateway,
        socket.create_connection((gateway.host, gateway.port), timeout=10) as connection,
    ):
        connection.sendall(GET.replace(b"\r\n\r\n", b"\r\ntransfer-encoding: chunked\r\n\r\n"))
        first = read_until(connection, b"}")
        connection.sendall(rest)
        second = b"".join(iter(lambda: connection.recv(65536), b""))

    assert first.startswith(b"HTTP/1.1 200 ")
    assert second.count(b"HTTP/1.1 200 ") == rest.count(b"GET")
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_an_upgrade_that_is_ignored_is_followed_by_the_next_request() -> None:
    upgrade = b"GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"

    with running_gateway(PlainAdapter(), settings=SETTINGS) as gateway:
        answer = exchange(gateway, upgrade + close(upgrade))

    assert answer.count(b"HTTP/1.1 200 ") == 2


@pytest.mark.parametrize("size", [1, 100, 10_000])
@pytest.mark.parametrize(
    "body",
    [
        b"content-length: %d\r\n\r\n%b" % (len(PLAIN), PLAIN),
        b"transfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(PLAIN), PLAIN),
    ],
    ids=["length", "chunks"],
)
def test_the_body_of_an_upgrade_that_is_ignored_is_not_the_next_request(
    body: bytes, size: int
) -> None:
    # So asks the HTTP client of Java, each time.
    head = CHAT + b"connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AA\r\n"
    sent = (head + body) * 2 + close(GET)

    with running_gateway(PlainAdapter(), settings=SETTINGS) as gateway:
        answer = exchange(
            gateway, *(sent[begin : begin + size] for begin in range(0, len(sent), size))
        )

    assert answer.count(b"HTTP/1.1 200 ") == 3


def test_thousands_that_come_at_once_are_parsed_by_and_by() -> None:
    requests = [b"GET /n%d HTTP/1.1\r\nhost: x\r\n\r\n" % number for number in range(2000)]

    with running_gateway(PlainAdapter(), settings=SETTINGS) as gateway:
        answer = exchange(gateway, b"".join(requests) + close(requests[0]))

    assert answer.count(b"HTTP/1.1 404 ") == 2001
