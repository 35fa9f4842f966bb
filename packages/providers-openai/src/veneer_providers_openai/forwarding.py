"""Which of the caller's headers go on to an upstream."""

import hashlib

from veneer_protocol import Headers

OF_THE_CLIENT = frozenset(
    {
        b"accept",
        b"accept-encoding",
        b"connection",
        b"content-length",
        b"content-type",
        b"host",
        b"transfer-encoding",
        b"user-agent",
    }
)
"""What the HTTP client says itself of its connection and of the body it sends."""

_ABOUT_ANOTHER_CLIENT = (b"content-", b"expect", b"x-stainless-")

# They say which request this is, not who asks.
_TRACE = frozenset({b"baggage", b"traceparent", b"tracestate", b"x-request-id"})
_OF_ONE_REQUEST = _TRACE | {
    b"b3",
    b"cf-ray",
    b"idempotency-key",
    b"x-amzn-trace-id",
    b"x-b3-flags",
    b"x-b3-parentspanid",
    b"x-b3-sampled",
    b"x-b3-spanid",
    b"x-b3-traceid",
    b"x-cloud-trace-context",
    b"x-correlation-id",
}


def caller_headers(headers: Headers) -> Headers:
    """Give all that is the caller's to say, credentials included, in order and byte for byte."""
    return Headers(
        (name, value)
        for name, value in headers.forwardable().raw
        if name not in OF_THE_CLIENT and not name.startswith(_ABOUT_ANOTHER_CLIENT)
    )


def trace_headers(headers: Headers) -> Headers:
    """Give what lets a request be followed from hop to hop, and no secret."""
    return Headers(pair for pair in headers.raw if pair[0] in _TRACE)


def untraced(headers: Headers) -> Headers:
    """Give what does not merely say which request this is."""
    return Headers(pair for pair in headers.raw if pair[0] not in _OF_ONE_REQUEST)


def identity(headers: Headers) -> str:
    """Give a name for who asks with `headers`; it does not reveal them."""
    return hashlib.sha256(repr(sorted(untraced(headers).raw)).encode()).hexdigest()
