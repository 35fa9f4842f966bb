"""The short ways to make completions and chunks."""

import time
from dataclasses import FrozenInstanceError

import pytest

from veneer_protocol import FinishReason, Reply, usage

REPLY = Reply(model="dummy/echo-1", id="chatcmpl_1", created=7)
REASONS: list[FinishReason] = ["stop", "length", "content_filter"]


def test_usage_has_the_total() -> None:
    assert usage(2, 3).model_dump(exclude_unset=True) == {
        "prompt_tokens": 2,
        "completion_tokens": 3,
        "total_tokens": 5,
    }


def test_every_reply_has_an_id_of_its_own() -> None:
    ids = {Reply(model="m").id for _ in range(1_000)}

    assert len(ids) == 1_000
    assert all(each.startswith("chatcmpl_") for each in ids)


def test_a_reply_was_created_now() -> None:
    before = int(time.time())

    created = Reply(model="m").created

    assert before <= created <= time.time()


def test_a_reply_is_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        REPLY.id = "chatcmpl_2"  # type: ignore[misc]  # The very thing that must fail.


def test_a_completion_is_whole_on_the_wire() -> None:
    assert REPLY.completion("hello").model_dump(exclude_unset=True) == {
        "id": "chatcmpl_1",
        "object": "chat.completion",
        "created": 7,
        "model": "dummy/echo-1",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "hello", "refusal": None},
                "finish_reason": "stop",
                "logprobs": None,
            }
        ],
    }


@pytest.mark.parametrize("reason", REASONS)
def test_a_completion_tells_why_it_ended(reason: FinishReason) -> None:
    assert REPLY.completion("x", finish_reason=reason).choices[0].finish_reason == reason


def test_a_completion_has_the_usage_it_was_given() -> None:
    assert REPLY.completion("x", usage=usage(1, 2)).usage == usage(1, 2)


def test_a_chunk_holds_its_text_alone() -> None:
    assert REPLY.chunk("hel").model_dump(exclude_unset=True) == {
        "id": "chatcmpl_1",
        "object": "chat.completion.chunk",
        "created": 7,
        "model": "dummy/echo-1",
        "choices": [{"index": 0, "delta": {"content": "hel"}, "finish_reason": None}],
    }


@pytest.mark.parametrize("reason", REASONS)
def test_the_last_chunk_tells_why_the_stream_ended(reason: FinishReason) -> None:
    chunk = REPLY.last_chunk(finish_reason=reason)

    assert chunk.model_dump(exclude_unset=True)["choices"] == [
        {"index": 0, "delta": {}, "finish_reason": reason}
    ]


def test_the_last_chunk_has_the_usage_it_was_given() -> None:
    assert REPLY.last_chunk(usage=usage(1, 2)).usage == usage(1, 2)
    assert "usage" not in REPLY.last_chunk().model_fields_set


def test_all_chunks_share_what_the_completion_has() -> None:
    whole = REPLY.completion("x")

    for chunk in (REPLY.chunk("x"), REPLY.last_chunk()):
        assert (chunk.id, chunk.created, chunk.model) == (whole.id, whole.created, whole.model)
