"""What a head of HTTP/1.1 has to be, beside what httptools sees to."""

from collections.abc import Sequence

from veneer_gateway.connection import (
    TWO_LENGTHS_REFUSED,
    WEBSOCKET_REFUSED,
    MalformedRequestError,
    TransferEncodingError,
)


def check_head(
    target: bytes, version: str, headers: Sequence[tuple[bytes, bytes]], *, is_upgrade: bool
) -> None:
    """Accept a head that can be read in one way only, and asks for what is served.

    Raises:
        ApiError: it is no such head.
    """
    if not target.isascii():
        raise MalformedRequestError("Its target has to be percent-encoded")
    hosts = 0
    has_length = is_websocket = False
    encodings = []
    for name, value in headers:
        match name:
            case b"host":
                hosts += 1
            case b"content-length":
                has_length = True
            case b"transfer-encoding":
                encodings.append(value.lower())
            case b"upgrade":
                is_websocket = is_upgrade and value.lower() == b"websocket"
    if hosts > 1 or (hosts == 0 and version != "1.0"):
        raise MalformedRequestError("It has to have one Host")
    if encodings:
        if version == "1.0":
            raise MalformedRequestError("HTTP/1.0 has no Transfer-Encoding")
        if has_length:
            raise TWO_LENGTHS_REFUSED
        if encodings != [b"chunked"]:
            raise TransferEncodingError
    if is_websocket:
        raise WEBSOCKET_REFUSED
