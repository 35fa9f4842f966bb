"""HTTP/2, which is not spoken: what would harm a server that speaks it is one bad request here."""

import h2.config
import h2.connection
import pytest

from tests.faults.process import GatewayProcess
from tests.faults.wire import talk

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME_OF_HEADERS = b"\x00\x00\x01\x01%b\x00\x00\x00\x01\x82"
CONTINUATION = b"\x00\x40\x00\x09\x00\x00\x00\x00\x01" + b"\x00" * 0x4000
PING = b"\x00\x00\x08\x06\x00\x00\x00\x00\x00" + bytes(8)
SETTINGS = b"\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x04\x7f\xff\xff\xff"


def rapid_resets(count: int) -> bytes:
    """Ask and take it back, as a client that means harm does."""
    client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    client.initiate_connection()
    for _ in range(count):
        stream = client.get_next_available_stream_id()
        client.send_headers(
            stream,
            [
                (":method", "GET"),
                (":path", "/v1/models"),
                (":scheme", "http"),
                (":authority", "x"),
            ],
            end_stream=True,
        )
        client.reset_stream(stream)
    return client.data_to_send()


@pytest.mark.parametrize(
    "frames",
    [
        PREFACE[:-6],
        PREFACE,
        rapid_resets(90),
        PREFACE + SETTINGS + FRAME_OF_HEADERS % b"\x00" + CONTINUATION * 3,
        PREFACE + SETTINGS + PING * 2000,
        PREFACE + SETTINGS * 2000,
        PREFACE + b"\xff" * 30_000,
        PREFACE + SETTINGS + FRAME_OF_HEADERS % b"\x05" + b"\x00\x00\x04\x03\x00\x00\x00\x00\x01",
    ],
    ids=[
        "half a preface",
        "a preface and nothing more",
        "rapid resets",
        "continuation flood",
        "ping flood",
        "settings flood",
        "no frame",
        "cut in a frame",
    ],
)
def test_its_frames_are_never_read(attacked: GatewayProcess, frames: bytes) -> None:
    answer = talk(attacked, frames)

    assert answer.statuses == [505]
    assert answer.codes == ["http_version_not_supported"]
    assert answer.seconds < 2
