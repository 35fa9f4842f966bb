"""The frames of an event stream, read back by hand."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionChunk

from veneer_protocol import DONE, ApiError, Reply, UpstreamError, encode_error, encode_event, usage

REPLY = Reply(model="dummy/echo-1", id="chatcmpl_1", created=7)
AWKWARD = [
    "",
    "a\nb\r\nc\rd",
    "\u2028\u2029\x85\x0b\x0c\x1c",
    "안녕 😀 👩‍👩‍👧",
    "data: [DONE]\n\ndata: x",
    ": comment\nevent: error\nid: 1\nretry: 1\n",
    '"quoted" \\back\\ \x00\x1f\x7f',
    "</script>",
]


def data_of(frame: bytes) -> bytes:
    """What one frame carries; the frame is one line of data and a blank line."""
    assert frame.startswith(b"data: ")
    assert frame.endswith(b"\n\n")
    data = frame.removeprefix(b"data: ").removesuffix(b"\n\n")
    assert len(data.splitlines()) == 1
    return data


@pytest.mark.parametrize(
    "chunk",
    [
        REPLY.chunk("hello"),
        REPLY.last_chunk(),
        REPLY.last_chunk(finish_reason="length", usage=usage(1, 2)),
        *map(REPLY.chunk, AWKWARD),
    ],
)
def test_a_chunk_comes_back_from_its_frame(chunk: ChatCompletionChunk) -> None:
    data = data_of(encode_event(chunk))

    back = ChatCompletionChunk.model_validate_json(data)
    assert back == chunk
    assert back.model_dump(exclude_unset=True) == json.loads(data)


@given(st.text())
def test_any_text_comes_back_from_one_line_of_data(text: str) -> None:
    data = data_of(encode_event(REPLY.chunk(text)))

    assert json.loads(data)["choices"][0]["delta"]["content"] == text


def test_a_finish_reason_is_there_when_it_is_null() -> None:
    (choice,) = json.loads(data_of(encode_event(REPLY.chunk("a"))))["choices"]

    assert choice == {"index": 0, "delta": {"content": "a"}, "finish_reason": None}


def test_a_field_that_was_not_set_is_absent() -> None:
    document = json.loads(data_of(encode_event(REPLY.chunk("a"))))

    assert document.keys() == {"id", "object", "created", "model", "choices"}


def test_a_field_that_was_set_to_null_is_there() -> None:
    chunk = REPLY.chunk("a")
    chunk.usage = None

    assert json.loads(data_of(encode_event(chunk)))["usage"] is None


def test_what_a_provider_adds_is_kept() -> None:
    document = REPLY.chunk("a").model_dump(exclude_unset=True) | {"x_acme": {"trace": "1"}}

    frame = encode_event(ChatCompletionChunk.model_validate(document))

    assert json.loads(data_of(frame)) == document


@pytest.mark.parametrize("message", AWKWARD)
def test_an_error_comes_back_from_its_frame(message: str) -> None:
    error = UpstreamError(message, code="dummy_upstream_failed")

    assert json.loads(data_of(encode_error(error))) == {
        "error": {
            "message": message,
            "type": "server_error",
            "param": None,
            "code": "dummy_upstream_failed",
        }
    }


def test_an_error_with_a_lone_surrogate_has_a_frame_too() -> None:
    assert json.loads(data_of(encode_error(ApiError("\ud800"))))["error"]["message"] == "?"


def test_the_end_of_a_good_stream_is_the_one_that_clients_wait_for() -> None:
    assert DONE == b"data: [DONE]\n\n"


def test_frames_follow_each_other_without_other_lines() -> None:
    frames = [encode_event(REPLY.chunk(text)) for text in AWKWARD]

    lines = b"".join([*frames, encode_error(ApiError("x")), DONE]).splitlines()

    assert {line[:6] for line in lines} == {b"data: ", b""}
    assert len(lines) == 2 * (len(AWKWARD) + 2)
