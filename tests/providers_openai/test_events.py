"""Event streams, however they are cut into pieces."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veneer_providers_openai.events import EventReader


def events(*pieces: bytes) -> list[bytes]:
    reader = EventReader()
    return [data for piece in pieces for data in reader.feed(piece)]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"], ids=repr)
def test_a_line_may_end_as_it_likes(end: bytes) -> None:
    assert events(end.join([b"data: one", b"", b"data: two", b"", b""])) == [b"one", b"two"]


@pytest.mark.parametrize(
    ("stream", "said"),
    [
        (b"data:one\n\n", [b"one"]),
        (b"data:  one\n\n", [b" one"]),
        (b"data: one\ndata: two\n\n", [b"one\ntwo"]),
        (b"event: x\nid: 7\nretry: 3\ndata: one\n\n", [b"one"]),
        (b"data\n\ndata:\n\ndata: \n\ndata:\ndata:\n\ndata: one\n\n", [b"one"]),
        (b"\xef\xbb\xbfdata: one\n\n\xef\xbb\xbfdata: two\n\n", [b"one"]),
        ("data: a\u2028b\u0085c\vd\n\n".encode(), ["a\u2028b\u0085c\vd".encode()]),
        (b": comment\n\nevent: x\n\n\n\ndatum: one\n\nDATA: one\n\n", []),
        (b"data: one\n", []),
        (b"data: one", []),
    ],
)
def test_an_event_is_its_data(stream: bytes, said: list[bytes]) -> None:
    assert events(stream) == said


def test_an_event_is_given_with_the_byte_that_ends_it() -> None:
    reader = EventReader()

    assert list(reader.feed(b"data: one\r\n\r")) == [b"one"]
    assert list(reader.feed(b"\ndata: two\n\n")) == [b"two"]


def test_a_byte_order_mark_may_come_in_pieces() -> None:
    assert events(b"\xef", b"\xbb", b"\xbfdata: one\n\n") == [b"one"]


_WORDS = [
    b"\r",
    b"\n",
    b"\r\n",
    b"\n\n",
    b"data:",
    b"data",
    b" ",
    b":",
    b"one",
    b"\v",
    b"\xe2\x80\xa8",
]


@given(st.lists(st.lists(st.sampled_from(_WORDS)).map(b"".join)))
def test_where_the_pieces_are_cut_makes_no_difference(pieces: list[bytes]) -> None:
    lines = re.split(rb"\r\n|\r|\n", b"".join(pieces))[:-1]
    expected, data = [], []
    for line in lines:
        name, _, value = line.partition(b":")
        if name == b"data":
            data.append(value.removeprefix(b" "))
        if not line:
            expected += [text for text in [b"\n".join(data)] if text.strip()]
            data = []

    assert events(*pieces) == expected
