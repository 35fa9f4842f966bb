"""Bytes that are meant to harm: a definite answer or a close, and the gateway serves on."""

import re

import pytest

from tests.faults.process import GatewayProcess
from tests.faults.wire import (
    BODY,
    CHUNKED,
    GET,
    IN_CHUNKS,
    LAST,
    LENGTH,
    POST,
    SMUGGLED,
    talk,
)
from tests.servers import by_server

LIMIT = 32 * 1024
OVER = b"a" * (LIMIT + 1)
# httptools is stricter than h11: what is odd and harmless is malformed, too.
OTHER_CODING = by_server(hypercorn=501, uvicorn=400)
ODD = by_server(hypercorn=[200, 404], uvicorn=[400])


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (POST + b"content-length: 4\r\n" + IN_CHUNKS + CHUNKED, 400),
        (POST + b"content-length: 9999\r\n" + IN_CHUNKS + CHUNKED, 400),
        (POST + LENGTH + b"transfer-encoding: identity\r\n\r\n" + BODY, OTHER_CODING),
        (POST + LENGTH + b"transfer-encoding: \x0bchunked\r\n\r\n" + BODY, 400),
        (POST + LENGTH + b"transfer-encoding : chunked\r\n\r\n" + BODY, 400),
        (POST + b"transfer-encoding: xchunked\r\n\r\n" + CHUNKED, 501),
        (POST + b"transfer-encoding: chunked, identity\r\n\r\n" + CHUNKED, OTHER_CODING),
        (POST + b"transfer-encoding: chunked\r\n" + IN_CHUNKS + CHUNKED, OTHER_CODING),
        (POST.replace(b"1.1", b"1.0") + IN_CHUNKS + CHUNKED, 400),
        (POST + b"content-length: +65\r\n\r\n" + BODY, 400),
        (POST + b"content-length: 6_5\r\n\r\n" + BODY, 400),
        (POST + b"content-length: 6 5\r\n\r\n" + BODY, 400),
        (POST + b"content-length: 0x41\r\n\r\n" + BODY, 400),
        (POST + b"content-length: \r\n\r\n" + BODY, 400),
        (POST + b"content-length: 65, 5\r\n\r\n" + BODY, 400),
        (POST + b"content-length: 1" + b"0" * 30 + b"\r\n\r\n" + BODY, 400),
        (POST + IN_CHUNKS + b"0x" + CHUNKED, 400),
        (POST + IN_CHUNKS + b"-" + CHUNKED, 400),
        (POST + IN_CHUNKS + b"+" + CHUNKED, 400),
        (POST + IN_CHUNKS + b"f" * 21 + b"\r\n" + BODY, 400),
        (POST + IN_CHUNKS + CHUNKED.replace(b"\r\n0\r\n", b"XX0\r\n"), 400),
        (POST + IN_CHUNKS + CHUNKED.replace(b"\r\n", b"\n"), 400),
        (POST + IN_CHUNKS + CHUNKED.replace(b"\r\n", b";\n\r\n", 1), 400),
    ],
)  # fmt: skip
def test_what_two_parties_may_read_in_two_ways_is_refused_and_ends_the_connection(
    attacked: GatewayProcess, request_: bytes, status: int
) -> None:
    answer = talk(attacked, request_ + SMUGGLED)

    assert answer.statuses == [status]
    assert b"connection: close" in answer.raw.lower()
    assert "unknown_url" not in answer.codes


@pytest.mark.parametrize(
    ("request_", "statuses"),
    [
        (POST + b"Transfer-Encoding: CHUNKED\r\n\r\n" + CHUNKED, [200, 404]),
        (POST + b"transfer-encoding:\r\n chunked\r\n\r\n" + CHUNKED, ODD),
        (POST + IN_CHUNKS + CHUNKED.replace(b"\r\n", b';a=b;c="d"\r\n', 1), [200, 404]),
        (POST + IN_CHUNKS + CHUNKED[:-2] + b"x: y\r\nhost: z\r\n\r\n", [200, 404]),
        (POST + IN_CHUNKS + CHUNKED[:-2] + b"x: y\r\ncontent-length: 5\r\n\r\n", ODD),
        (POST + LENGTH + LENGTH + b"\r\n" + BODY, ODD),
        (POST + b"content-length: %d, %d\r\n\r\n" % (len(BODY), len(BODY)) + BODY, ODD),
    ],
    ids=["case", "folded", "extension", "trailers", "length", "twice the same", "listed twice"],
)
def test_what_can_be_read_in_one_way_only_is_answered_and_the_next_request_begins_where_it_ends(
    attacked: GatewayProcess, request_: bytes, statuses: list[int]
) -> None:
    answer = talk(attacked, request_ + SMUGGLED)

    assert answer.statuses == statuses


def test_a_request_in_the_body_of_another_is_no_request(attacked: GatewayProcess) -> None:
    length = b"content-length: %d\r\n" % len(SMUGGLED)

    answer = talk(attacked, GET + length + LAST + SMUGGLED)

    assert answer.statuses == [200]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (GET + b"x: a\r\n b\r\n" + LAST, ODD[0]),
        (GET.replace(b"\r\n", b"\n") + LAST.replace(b"\r\n", b"\n"), ODD[0]),
        (GET + b"x: \xff\xfe\r\n" + LAST, 200),
        (b"GET http://u:p@elsewhere/v1/models HTTP/1.1\r\nhost: x\r\n" + LAST, 200),
        (GET + b"upgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n" + LAST, 200),
        (GET + b"upgrade: h2c\r\nhttp2-settings: !\r\n" + LAST, 200),
        (POST + LENGTH + b"expect: magic\r\n" + LAST + BODY, 200),
        (b"GET /v1/models HTTP/1.1\r\n x: y\r\nhost: x\r\n" + LAST, 400),
        (GET + b"x: a\rb\r\n" + LAST, 400),
        (GET + b"x: a\0b\r\n" + LAST, 400),
        (GET + b"x\0: b\r\n" + LAST, 400),
        (GET + b": b\r\n" + LAST, 400),
        (b"GET /a b HTTP/1.1\r\nhost: x\r\n" + LAST, 400),
        (b"GET /\xff HTTP/1.1\r\nhost: x\r\n" + LAST, 400),
        (GET + b"connection: upgrade\r\nupgrade: websocket\r\n\r\n" + SMUGGLED, 400),
        (b"CONNECT elsewhere:443 HTTP/1.1\r\nhost: x\r\n" + LAST, 404),
        (b"GET /v1/models/%00 HTTP/1.1\r\nhost: x\r\n" + LAST, 404),
        (b"GET /v1/models/../../healthz HTTP/1.1\r\nhost: x\r\n" + LAST, 404),
        (b"GET /%0d%0aset-cookie:a=b HTTP/1.1\r\nhost: x\r\n" + LAST, 404),
        (GET.replace(b"1.1", b"9.9") + LAST, 505),
    ],
)  # fmt: skip
def test_an_odd_request_has_one_answer(
    attacked: GatewayProcess, request_: bytes, status: int
) -> None:
    answer = talk(attacked, request_)

    assert answer.statuses == [status]
    assert b"set-cookie" not in answer.raw


@pytest.mark.parametrize(
    ("pieces", "status"),
    [
        ((GET + b"x: " + OVER + b"\r\n" + LAST,), 431),
        ((GET + b"x: " + OVER + OVER + b"\r\n" + LAST,), 431),
        ((GET + b"x: ", *[b"a" * 4096] * 8), 431),
        ((GET + b"a:b\r\n" * 6000 + LAST,), 431),
        ((b"GET /" + OVER + b" HTTP/1.1\r\nhost: x\r\n" + LAST,), 431),
        ((b"GET /?" + OVER + b" HTTP/1.1\r\nhost: x\r\n" + LAST,), 431),
        # httptools has a list of methods, and reads no further.
        (
            (OVER + b" / HTTP/1.1\r\nhost: x\r\n" + LAST,),
            by_server(hypercorn=431, uvicorn=400),
        ),
    ],
    ids=["one", "twice", "in pieces", "many", "path", "query", "method"],
)
def test_a_head_that_is_too_large_is_a_431(
    attacked: GatewayProcess, pieces: tuple[bytes, ...], status: int
) -> None:
    assert talk(attacked, *pieces).statuses == [status]


@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 431)])
def test_the_limit_of_a_head_is_exact(attacked: GatewayProcess, more: int, status: int) -> None:
    empty = GET + b"x: \r\n" + LAST
    counted = len(empty) - len(b"  HTTP/1.1\r\n") - len(b"\r\n")
    head = GET + b"x: " + b"a" * (LIMIT - counted + more) + b"\r\n" + LAST

    answer = talk(attacked, head[:-200], head[-200:])

    assert answer.statuses == [status]
    assert answer.codes == (["headers_too_large"] if more else [])


def test_thousands_of_headers_below_the_limit_take_no_time(attacked: GatewayProcess) -> None:
    answer = talk(attacked, GET + b"a:b\r\n" * 5000 + LAST)

    assert answer.statuses == [200]
    assert answer.seconds < 2


def body(content: bytes) -> bytes:
    return POST + b"content-length: %d\r\n" % len(content) + LAST + content


HEAD_OF_BODY = b'{"model":"plain/one","messages":[{"role":"user","content":"hi"}],'
WORD = b'{"role":"user","content":"hi"},'


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (POST + b"content-length: 999999999999\r\n\r\n", 413),
        (POST + b"content-length: 1048577\r\n\r\n" + b"[" * 1000, 413),
        (POST + IN_CHUNKS + b"1\r\n[\r\n" * 20_000, 408),
        (POST + IN_CHUNKS + b"f" * 16 + b"\r\n" + BODY, 408),
        (POST + b"content-length: 1000000\r\n\r\n" + b"[" * 1000, 408),
        (body(b"[" * 1_000_000), 400),
        (body(b'{"a":' * 200_000), 400),
        (body(HEAD_OF_BODY + b'"metadata":' + b"[" * 500_000 + b"]" * 500_000 + b"}"), 400),
        (body(HEAD_OF_BODY + b'"temperature":1e999999}'), 400),
        (body(HEAD_OF_BODY + b'"temperature":' + b"9" * 900_000 + b"}"), 400),
        (body(HEAD_OF_BODY + b'"max_tokens":' + b"9" * 4000 + b"}"), 400),
        (body(HEAD_OF_BODY + b'"a":1,' * 150_000 + b'"b":1}'), 400),
        (body(HEAD_OF_BODY + b",".join(b'"%d":1' % n for n in range(90_000)) + b"}"), 400),
        (body(HEAD_OF_BODY + b'"user":"' + b"\\u0000" * 150_000 + b'"}'), 200),
        (body(BODY.replace(b"hi", b"a" * 1_000_000)), 200),
        (body(BODY.replace(b'[{"role"', b"[" + WORD * 30_000 + b'{"role"')), 200),
        (body(BODY.replace(b"plain/one", b"plain/" + b"x" * 1_000_000)), 200),
        (body(BODY.replace(b"plain/one", b"x" * 1_000_000)), 404),
    ],
    ids=[
        "declared too large", "a little too large", "chunks without end",
        "a chunk of 16 EiB", "short of its length", "nested arrays", "nested objects",
        "nested value", "infinity", "digits", "digits of an integer", "one key", "many keys",
        "escapes", "a long text", "many messages", "a long name", "a long prefix",
    ],
)  # fmt: skip
def test_a_bomb_of_a_body_has_its_answer(
    attacked: GatewayProcess, request_: bytes, status: int
) -> None:
    assert talk(attacked, request_).statuses == [status]


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (GET + b"x: " + OVER * 100 + b"\r\n" + LAST, 431),
        (POST + IN_CHUNKS + (b"10000\r\n" + b" " * 65536 + b"\r\n") * 100, 413),
    ],
    ids=["head", "body"],
)
def test_one_who_goes_on_sending_is_cut_off(
    attacked: GatewayProcess, request_: bytes, status: int
) -> None:
    answer = talk(attacked, request_)

    # What is sent to a closed connection resets it, and the answer may be lost to its client.
    assert answer.statuses in ([status], [])
    assert answer.seconds < 2


def test_a_hundred_pipelined_requests_have_their_answers_in_order(attacked: GatewayProcess) -> None:
    names = [b"n%d" % number for number in range(100)]
    requests = [GET.replace(b"plain/one", name + b"/one") + b"\r\n" for name in names]

    answer = talk(attacked, b"".join(requests) + GET + LAST)

    assert answer.statuses == [404] * 100 + [200]
    assert re.findall(rb"the prefix '(n\d+)'", answer.raw) == names
