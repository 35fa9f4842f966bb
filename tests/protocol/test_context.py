"""Headers and the request context."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veneer_protocol import Headers, RequestContext

SECRET = "sk-very-secret"
SECRETS = Headers(
    [("Authorization", f"Bearer {SECRET}"), ("x-api-key", SECRET), ("x-tenant", SECRET)]
)


@pytest.mark.parametrize("sent", ["x-tenant", "X-Tenant", "X-TENANT"])
@pytest.mark.parametrize("asked", ["x-tenant", "X-Tenant", "X-TENANT"])
def test_a_header_is_found_in_any_case(sent: str, asked: str) -> None:
    headers = Headers({sent: "acme"})

    assert headers[asked] == "acme"
    assert asked in headers
    assert headers.get_all(asked) == ("acme",)


def test_a_header_that_did_not_come_is_missed() -> None:
    headers = Headers()

    assert headers.get("x-tenant") is None
    assert headers.get_all("x-tenant") == ()
    with pytest.raises(KeyError):
        headers["x-tenant"]


def test_a_repeated_header_keeps_every_value_in_order() -> None:
    headers = Headers([("X-A", "2"), ("x-b", "0"), ("x-a", "1"), ("x-a", "")])

    assert headers.get_all("x-a") == ("2", "1", "")
    assert headers["x-a"] == "2, 1, "
    assert list(headers) == ["x-a", "x-b"]
    assert len(headers) == 2


def test_cookies_are_joined_by_semicolons() -> None:
    headers = Headers([("cookie", "a=1"), ("Cookie", "b=2; c=3")])

    assert headers["cookie"] == "a=1; b=2; c=3"


def test_every_pair_is_kept_as_it_came() -> None:
    pairs = [(b"x-b", b" 2 "), (b"x-a", b"\xff\x00\xfe"), (b"x-b", b"2"), (b"x-c", b"")]

    assert Headers(pairs).raw == tuple(pairs)


def test_names_are_kept_in_lower_case() -> None:
    assert Headers([(b"X-Tenant", b"Acme")]).raw == ((b"x-tenant", b"Acme"),)


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ("안녕 😀", "안녕 😀"),
        ("é".encode(), "é"),
        ("é".encode("latin-1"), "é"),
        (b"\xff\xfe", "ÿþ"),
        (b"plain", "plain"),
    ],
)
def test_a_value_is_read_as_utf_8_or_else_as_latin_1(sent: str | bytes, text: str) -> None:
    assert Headers([("x-a", sent)])["x-a"] == text


def test_headers_made_from_a_mapping_and_from_pairs_are_the_same() -> None:
    assert Headers({"X-A": "1"}) == Headers([(b"x-a", b"1")])


def test_headers_made_from_headers_keep_repeats_and_bytes() -> None:
    headers = Headers([("x-one", "1"), ("x-one", "2"), (b"x-bytes", b"\xe9")])

    assert Headers(headers).raw == headers.raw


BYTES_OR_TEXT = st.binary(max_size=8) | st.text(max_size=8)


@given(st.lists(st.tuples(BYTES_OR_TEXT, BYTES_OR_TEXT), max_size=5))
def test_every_name_that_is_listed_can_be_read(
    pairs: list[tuple[str | bytes, str | bytes]],
) -> None:
    headers = Headers(pairs)

    assert dict(headers).keys() == set(headers)
    assert sum(len(headers.get_all(name)) for name in headers) == len(pairs)


@pytest.mark.parametrize("shown", [SECRETS, RequestContext(headers=SECRETS, request_id="req_1")])
def test_no_value_is_shown_in_any_way(shown: Headers | RequestContext) -> None:
    texts = [repr(shown), str(shown), f"{shown}", f"{shown!r}", format(shown), f"{[shown]}"]
    texts += ["{}".format(shown), "%s" % shown, "%r" % (shown,)]  # noqa: UP031, UP032

    assert not [text for text in texts if "secret" in text]
    assert all("authorization" in text for text in texts)


def test_a_missed_header_shows_no_value() -> None:
    with pytest.raises(KeyError) as missed:
        SECRETS["x-other"]

    assert SECRET not in repr(missed.value)


@pytest.mark.parametrize(
    "name",
    [
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "content-length",
        "host",
        "cookie",
        "proxy-authenticate",
        "proxy-authorization",
    ],
)
def test_what_belongs_to_this_hop_is_not_forwarded(name: str) -> None:
    headers = Headers([("x-a", "1"), (name.title(), "x"), (name, "y"), ("x-b", "2")])

    assert list(headers.forwardable()) == ["x-a", "x-b"]


@pytest.mark.parametrize("connection", ["X-Hop, close", "close,x-hop", " x-hop ,", "x-hop"])
def test_what_connection_names_is_not_forwarded(connection: str) -> None:
    headers = Headers([("connection", connection), ("X-Hop", "1"), ("x-hop-2", "2")])

    assert list(headers.forwardable()) == ["x-hop-2"]


def test_every_connection_header_is_heeded() -> None:
    headers = Headers(
        [("connection", "x-a"), ("x-a", "1"), ("x-b", "2"), ("connection", "x-b"), ("x-c", "3")]
    )

    assert list(headers.forwardable()) == ["x-c"]


def test_credentials_and_tenant_headers_are_forwarded_as_they_came() -> None:
    pairs = [
        (b"authorization", b"Bearer sk-1"),
        (b"x-api-key", b"k\xff"),
        (b"x-tenant", b"acme"),
        (b"x-tenant", b"acme-2"),
        (b"openai-organization", b"org"),
        (b"traceparent", b"00-1-2-01"),
        (b"accept", b"*/*"),
    ]

    assert Headers(pairs).forwardable().raw == tuple(pairs)


def test_forwarding_leaves_the_headers_alone() -> None:
    headers = Headers({"host": "here", "x-a": "1"})

    headers.forwardable()

    assert dict(headers) == {"host": "here", "x-a": "1"}


@pytest.mark.parametrize(
    ("pairs", "text", "shown"),
    [
        ([("authorization", f"Bearer {SECRET}")], f"No key {SECRET}.", "No key [hidden]."),
        ([("x-a", "secret-1"), ("x-a", "secret-2")], "secret-1 secret-2", "[hidden] [hidden]"),
        ([("x-keys", "secret-1, secret-2;")], "'secret-1'", "'[hidden]'"),
        ([("x-a", "secret-1"), ("x-b", "secret-1-and-more")], "secret-1-and-more", "[hidden]"),
        ([("x-a", "seven77")], "seven77", "seven77"),
        ([("x-a", "팀의-비밀-암호-1")], "팀의-비밀-암호-1", "[hidden]"),
        ([("content-type", "application/json")], "application/json", "application/json"),
        ([], SECRET, SECRET),
    ],
    ids=["a key", "repeated", "a list", "one within another", "short", "UTF-8", "type", "none"],
)
def test_values_are_hidden_in_a_text(pairs: list[tuple[str, str]], text: str, shown: str) -> None:
    assert Headers(pairs).hide_in(text) == shown


def test_a_context_of_its_own_is_empty_and_named() -> None:
    context = RequestContext()

    assert (dict(context.headers), context.request_id) == ({}, "req_local")


def test_a_logger_line_carries_the_request_id(caplog: pytest.LogCaptureFixture) -> None:
    context = RequestContext(headers=SECRETS, request_id="req_1")

    with caplog.at_level(logging.DEBUG):
        context.logger.info("asked %s with %s", "upstream", context)

    (record,) = caplog.records
    assert vars(record)["request_id"] == "req_1"
    assert record.name == "veneer.adapter"
    assert SECRET not in record.getMessage()
