"""Which headers go on to an upstream, seen from the upstream."""

import logging

import pytest

from tests.providers_openai.upstreams import (
    CHUNKED,
    END,
    KEY,
    RESET,
    asking,
    completion,
    frame,
    in_chunk,
    response,
    serving,
    streamed,
    whole,
)
from veneer_protocol import ApiError, Headers, RequestContext
from veneer_providers_openai import OpenAIAdapter, Upstream
from veneer_providers_openai.forwarding import OF_THE_CLIENT, identity

SECRETS = {
    "authorization": "Bearer sk-of-the-caller",
    "x-api-key": "key-of-the-caller",
    "x-anything": "anything-of-the-caller",
}


async def sent(
    *pairs: tuple[str | bytes, str | bytes], **settings: object
) -> list[tuple[bytes, bytes]]:
    """Give the headers that reach an upstream, beside those about the connection and the body."""
    async with (
        serving(response(200, completion())) as upstream,
        asking(upstream.url, **settings) as adapter,
    ):
        await whole(adapter, RequestContext(Headers(pairs)))
    names = [name.lower() for name, _ in upstream.requests[0].raw]
    assert [names.count(name) for name in (b"host", b"content-type", b"accept")] == [1, 1, 1]
    assert upstream.requests[0].headers["content-type"] == "application/json"
    return [pair for pair in upstream.requests[0].raw if pair[0].lower() not in OF_THE_CLIENT]


async def test_without_a_key_the_callers_headers_go_on_in_order_and_byte_for_byte() -> None:
    pairs = [
        (b"x-tenant-id", b"seven"),
        (b"authorization", b"Bearer sk-of-the-caller"),
        (b"x-tag", b"one"),
        (b"x-api-key", b"key-of-the-caller"),
        (b"x-tag", b"two, three"),
        (b"x-name", "Jürgen".encode("latin-1")),
        (b"x-empty", b""),
        (b"openai-organization", b"org-1"),
        (b"x-request-id", b"req-1"),
    ]

    assert await sent(*pairs) == pairs


async def test_what_is_about_the_callers_connection_client_or_body_stays_behind() -> None:
    names = [
        *("accept", "accept-encoding", "connection", "content-length", "content-md5"),
        *("content-type", "cookie", "expect", "host", "keep-alive", "proxy-authorization", "te"),
        *("transfer-encoding", "user-agent", "x-stainless-raw-response", "x-stainless-os"),
    ]

    assert await sent(*((name, "of-the-caller") for name in names)) == []


async def test_without_credentials_none_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_KEY", "ADMIN_KEY", "ORG_ID", "PROJECT_ID", "BASE_URL"):
        monkeypatch.setenv(f"OPENAI_{name}", "http://of-this-machine")
    monkeypatch.setenv("OPENAI_CUSTOM_HEADERS", "x-of-this: machine")

    assert await sent() == []


async def test_with_a_key_only_it_and_what_follows_the_request_go_on() -> None:
    trace = [(name, f"{name}-1") for name in ("x-request-id", "traceparent", "baggage")]

    pairs = await sent(*SECRETS.items(), *trace, ("tracestate", "a=1"), api_key=KEY)

    assert dict(pairs) == {
        b"authorization": f"Bearer {KEY}".encode(),
        b"x-request-id": b"x-request-id-1",
        b"traceparent": b"traceparent-1",
        b"baggage": b"baggage-1",
        b"tracestate": b"a=1",
    }
    assert len(pairs) == 5


async def test_a_subclass_may_pass_on_more() -> None:
    class Tenants(OpenAIAdapter):
        def upstream_headers(self, context: RequestContext) -> Headers:
            tenant = context.headers.get("x-tenant-id", "none")
            return Headers([*super().upstream_headers(context).raw, ("x-tenant-id", tenant)])

    async with serving(response(200, completion())) as upstream:
        settings = {"name": "up", "base_url": upstream.url, "api_key": KEY}
        adapter = Tenants(Upstream.model_validate(settings))
        await adapter.startup()
        await whole(adapter, RequestContext(Headers({"x-tenant-id": "seven", **SECRETS})))
        await adapter.shutdown()

    (request,) = upstream.requests
    assert request.headers["x-tenant-id"] == "seven"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert "x-api-key" not in request.headers


async def test_a_subclass_that_passes_on_too_much_does_not_confuse_the_upstream() -> None:
    class Generous(OpenAIAdapter):
        def upstream_headers(self, context: RequestContext) -> Headers:
            return context.headers

    async with serving(response(200, completion())) as upstream:
        adapter = Generous(Upstream(name="up", base_url=upstream.url))
        await adapter.startup()
        given = {"content-type": "text/plain", "content-length": "7", "host": "x", "x-a": "1"}
        await whole(adapter, RequestContext(Headers({**given, "transfer-encoding": "chunked"})))
        await adapter.shutdown()

    (request,) = upstream.requests
    assert request.headers["content-type"] == "application/json"
    assert "transfer-encoding" not in request.headers
    assert request.json["model"] == "one"
    assert request.headers["host"].startswith("127.0.0.1:")
    assert request.headers["x-a"] == "1"


async def test_a_cookie_that_an_answer_sets_goes_to_no_other_caller() -> None:
    answer = response(200, completion(), set_cookie="session=of-the-first; path=/")

    async with serving(answer) as upstream, asking(upstream.url) as adapter:
        await whole(adapter)
        await whole(adapter)

    assert ["cookie" in request.headers for request in upstream.requests] == [False, False]


@pytest.mark.parametrize(
    ("settings", "secrets"),
    [({}, list(SECRETS.values())), ({"api_key": KEY}, [KEY])],
    ids=["callers secrets", "own key"],
)
async def test_no_secret_is_logged_at_any_level_even_if_the_upstream_quotes_it(
    settings: dict[str, object], secrets: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    for logger in (None, "httpcore2", "httpx2", "openai"):
        caplog.set_level(logging.DEBUG, logger)
    quoting = {"error": {"message": f"Refused: {' '.join(secrets)}", "type": "odd"}}
    answers = [
        response(200, completion()),
        *(response(status, quoting) for status in (400, 401, 404, 500, 503)),
        [CHUNKED, in_chunk(frame(quoting)), END],
        [CHUNKED],
        [RESET],
    ]

    async with serving(*answers) as upstream, asking(upstream.url, **settings) as adapter:
        for ask in [*[whole] * 6, *[streamed] * 3]:
            try:
                await ask(adapter, RequestContext(Headers(SECRETS)))
            except ApiError:
                logging.getLogger("test").exception("failed")

    assert len(upstream.requests) == len(answers)
    assert [record.message for record in caplog.records].count("failed") == len(answers) - 1
    assert {"httpcore2.http11", "httpx2"} <= {record.name for record in caplog.records}
    words = [word.split()[-1] for word in (*SECRETS.values(), KEY)]
    assert [word for word in words if word in caplog.text] == []


def test_who_asks_is_told_apart_by_what_stays_the_same_between_their_requests() -> None:
    mine = Headers({"authorization": "Bearer a", "x-request-id": "1", "traceparent": "1"})

    assert identity(mine) == identity(
        Headers([("traceparent", "2"), ("idempotency-key", "2"), ("authorization", "Bearer a")])
    )
    assert identity(mine) != identity(Headers({"authorization": "Bearer b"}))
    assert identity(mine) != identity(Headers({"authorization": "Bearer a", "x-tenant-id": "7"}))
    assert "Bearer" not in identity(mine)
