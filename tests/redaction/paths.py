"""Every way that a request can take through a gateway."""

import itertools
import json
from collections.abc import Iterator

from tests.redaction.indiscreet import WAYS
from tests.redaction.secrets import Ask, chat, secret

_FAULTS = {
    "x-dummy-fail": "true",
    "x-dummy-status": "429",
    "x-dummy-fail-after": "2",
    "x-dummy-die-after": "2",
    "x-dummy-hang-after": "2",
    "x-dummy-malformed-after": "2",
    "x-dummy-words": secret("x-dummy-tag"),
}
_H2 = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def paths() -> Iterator[Ask]:
    """Give one request for each of them."""
    yield from _routes()
    yield from _refusals()
    yield from _connections()
    yield from _dummy()
    yield from _adapters()
    yield from _upstream()


def _routes() -> Iterator[Ask]:
    routes = (
        "/",
        "/healthz",
        "/metrics",
        "/openapi.json",
        "/readyz",
        "/v1/models",
        "/v1/chat/completions",
        "/x",
    )
    paths = (*routes, "/v1/models/dummy/echo-1", "/v1/models/dummy/none", "/v1/models/no/one")
    for method, path in itertools.product(("GET", "HEAD", "OPTIONS", "POST", "DELETE"), paths):
        yield Ask(f"{method} {path}", method, path)


def _refusals() -> Iterator[Ask]:
    good = chat("dummy/echo-1")
    messages = json.loads(good)["messages"]
    bodies = {
        "no JSON": b"{" + secret("user").encode(),
        "no UTF-8": b"\xff" + good,
        "no object": json.dumps([secret("user")]).encode(),
        "duplicate": b'{"model": "a", ' + good[1:],
        "unknown field": chat("dummy/echo-1", **{secret("field"): secret("value")}),
        "metadata": chat("dummy/echo-1", metadata={"key": secret("metadata")}),
        "tools": chat("dummy/echo-1", tools=[{"type": "function", "x": secret("value")}]),
        "wrong type": chat("dummy/echo-1", temperature=secret("value")),
        "wrong role": chat("dummy/echo-1", messages=[*messages, {"role": secret("value")}]),
        "wrong prefix": chat(f"{secret('model')}/x"),
        "no prefix": chat(secret("model")),
        "wrong model": chat(f"dummy/{secret('model')}"),
        "wrong model, stream": chat(f"dummy/{secret('model')}", stream=True),
        "broken provider": chat("broken/one"),
        "too large": chat("dummy/echo-1", user=secret("user") * 99),
    }
    for name, body in bodies.items():
        yield Ask(name, body=body)
    for header in ("content-type", "content-encoding"):
        yield Ask(header, body=good, extra=((header, secret("accept")),))
    yield Ask("request id", body=good, extra=(("x-request-id", f"{secret('from')} twice"),))
    yield Ask("traceparent", body=good, extra=(("traceparent", secret("from")),))
    yield Ask("body too slow", body=b"{", extra=(("content-length", "100"),))


def _connections() -> Iterator[Ask]:
    good = chat("dummy/echo-1")
    handshake = {"connection": "upgrade", "sec-websocket-version": "13"}
    key = {"upgrade": "websocket", "sec-websocket-key": "x3JJHMbDL1EzLkh9GBhXDw=="}
    yield Ask("WebSocket", "GET", "/v1/models", extra=(*handshake.items(), *key.items()))
    settings = {"connection": "Upgrade, HTTP2-Settings", "upgrade": "h2c", "http2-settings": ""}
    yield Ask("h2c", "GET", "/v1/models", extra=tuple(settings.items()), leaves=True)
    yield Ask("HTTP/2", prefix=_H2, leaves=True)
    yield Ask("bad request line", prefix=secret("query").encode() + b"\r\n")
    yield Ask("bad header", extra=((secret("from") + " ", "x"),))
    url = f"http://u:{secret('query')}@gateway/v1/models?{secret('query-name')}"
    yield Ask("whole URL", prefix=f"GET {url} HTTP/1.1\r\nhost: gateway\r\n".encode())
    yield Ask("unknown method", "BREW", body=good)
    yield Ask("leaves in the body", body=good[:9], extra=(("content-length", "99"),), leaves=True)


def _dummy() -> Iterator[Ask]:
    for (header, value), stream in itertools.product(_FAULTS.items(), (False, True)):
        body = chat("dummy/echo-1", stream=stream, stop=[secret("stop")])
        yield Ask(f"{header}, {stream=}", body=body, extra=((header, value),))
    yield Ask("answered", body=chat("dummy/echo-1"))


def _adapters() -> Iterator[Ask]:
    for way in WAYS:
        yield Ask(f"{way} at list", "GET", "/v1/models", extra=_talk(way, "list"))
        yield Ask(f"{way} at one", "GET", "/v1/models/indiscreet/one", extra=_talk(way, "list"))
        for model in ("indiscreet/one", "dutiful/one"):
            yield Ask(f"{way}, {model}", body=chat(model), extra=_talk(way, "begin"))
            for when in ("begin", "middle", "end"):
                body = chat(model, stream=True)
                yield Ask(f"{way} at {when}, {model}", body=body, extra=_talk(way, when))
    for leaves, stream in itertools.product((False, True), (False, True)):
        for model in ("indiscreet/one", "dutiful/one"):
            name, body = f"{model}, {leaves=}, {stream=}", chat(model, stream=stream)
            when = "middle" if stream else "begin"
            yield Ask(f"hangs: {name}", body=body, extra=_talk("hang", when), leaves=leaves)
    body = chat("indiscreet/one", stream=True)
    yield Ask("hangs before it begins", body=body, extra=_talk("hang", "begin"))
    yield Ask("hangs on", body=chat("indiscreet/one"), extra=_talk("hang on", "begin"))


def _talk(way: str, when: str) -> tuple[tuple[str, str], ...]:
    return (("x-way", way), ("x-when", when))


def _upstream() -> Iterator[Ask]:
    yield Ask("upstream's models", "GET", "/v1/models/echo/x", extra=(("x-status", "500"),))
    for status, stream in itertools.product((200, 302, 400, 401, 404, 429, 500, 503), (0, 1)):
        for model in ("echo/one", "keyed/one"):
            body = chat(model, stream=bool(stream))
            yield Ask(f"{model}: {status}, {stream}", body=body, extra=(("x-status", str(status)),))
    opened = {
        "messages": [
            {"role": "user", "content": [{"type": "file", "file": {"file_data": secret("user")}}]},
            {"role": "assistant", "refusal": secret("old")},
        ],
        "metadata": {secret("field"): secret("metadata")},
        "tools": [
            {
                "type": "function",
                "function": {
                    "name": secret("name"),
                    "parameters": {"properties": {secret("field"): {"const": secret("value")}}},
                },
            }
        ],
    }
    for status, stream in itertools.product((200, 400, 500), (False, True)):
        for model in ("echo/one", "keyed/one"):
            yield Ask(
                f"{model}: with features, {status}, {stream}",
                body=chat(model, **opened, stream=stream),
                extra=(("x-status", str(status)),),
            )
    yield Ask("no upstream", body=chat("nowhere/one"))
