"""The short ways to make completions and chunks."""

import time
from collections.abc import AsyncIterator
from dataclasses import FrozenInstanceError

import pytest
from openai.types.chat import ChatCompletionChunk, ChatCompletionTokenLogprob

from veneer_protocol import FinishReason, Reply, tool_call, usage
from veneer_protocol.answers.derivation import assemble

REPLY = Reply(model="dummy/echo-1", id="chatcmpl_1", created=7)
REASONS: list[FinishReason] = ["stop", "length", "content_filter", "tool_calls"]


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


async def test_usage_that_is_counted_late_has_a_chunk_of_its_own() -> None:
    async def stream() -> AsyncIterator[ChatCompletionChunk]:
        for index, text in enumerate("ab"):
            yield REPLY.chunk(text, index=index)
            yield REPLY.last_chunk(index=index)
        yield REPLY.usage_chunk(usage(1, 2))

    whole = await assemble(stream(), choices=2)

    assert [choice.message.content for choice in whole.choices] == ["a", "b"]
    assert whole.usage == usage(1, 2)
    assert REPLY.usage_chunk(usage(1, 2)).choices == []


def test_all_chunks_share_what_the_completion_has() -> None:
    whole = REPLY.completion("x")

    for chunk in (REPLY.chunk("x"), REPLY.last_chunk(), REPLY.usage_chunk(usage(1, 2))):
        assert (chunk.id, chunk.created, chunk.model) == (whole.id, whole.created, whole.model)


CALL = tool_call("look", '{"a":1}', call_id="call_1")
TOKEN = ChatCompletionTokenLogprob(token="a", logprob=-0.5, top_logprobs=[])


def only_delta(chunk: ChatCompletionChunk) -> dict[str, object]:
    (choice,) = chunk.model_dump(exclude_unset=True)["choices"]
    delta: dict[str, object] = choice["delta"]
    return delta


def test_every_call_has_an_id_of_its_own() -> None:
    ids = {tool_call("look").id for _ in range(1_000)}

    assert len(ids) == 1_000
    assert all(each.startswith("call_") for each in ids)


def test_a_completion_that_calls_says_nothing_else() -> None:
    (choice,) = REPLY.completion(tool_calls=[CALL]).model_dump(exclude_unset=True)["choices"]

    assert choice == {
        "index": 0,
        "message": {
            "role": "assistant",
            "content": None,
            "refusal": None,
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "look", "arguments": '{"a":1}'},
                }
            ],
        },
        "finish_reason": "tool_calls",
        "logprobs": None,
    }


def test_a_completion_refuses_in_place_of_a_text() -> None:
    (choice,) = REPLY.completion(refusal="No.").choices

    assert (choice.message.content, choice.message.refusal) == (None, "No.")
    assert choice.finish_reason == "stop"


def test_each_text_of_a_completion_is_a_choice() -> None:
    choices = REPLY.completion("a", "b").choices

    assert [(each.index, each.message.content) for each in choices] == [(0, "a"), (1, "b")]


def test_a_completion_and_a_chunk_tell_how_likely_they_are() -> None:
    whole = REPLY.completion("a", logprobs=[TOKEN]).choices[0].logprobs
    piece = REPLY.chunk("a", logprobs=[TOKEN]).choices[0].logprobs

    assert whole is not None
    assert piece is not None
    assert whole.content == piece.content == [TOKEN]


def test_a_call_is_begun_and_its_arguments_go_on() -> None:
    begun = REPLY.call_chunk(tool_call("look", call_id="call_1"))
    more = REPLY.arguments_chunk("{}")

    function = {"name": "look", "arguments": ""}
    first = {"index": 0, "id": "call_1", "type": "function", "function": function}
    assert only_delta(begun) == {"tool_calls": [first]}
    assert only_delta(more) == {"tool_calls": [{"index": 0, "function": {"arguments": "{}"}}]}


def test_a_chunk_refuses_in_place_of_a_text() -> None:
    assert only_delta(REPLY.chunk(refusal="No")) == {"refusal": "No"}


async def test_a_stream_of_chunks_says_what_the_completion_says() -> None:
    whole = REPLY.completion(tool_calls=[CALL, tool_call("find", "{}", call_id="call_2")])

    async def stream() -> AsyncIterator[ChatCompletionChunk]:
        yield REPLY.call_chunk(tool_call("look", '{"a"', call_id="call_1"))
        yield REPLY.arguments_chunk(":1}")
        yield REPLY.call_chunk(tool_call("find", "{}", call_id="call_2"), 1)
        yield REPLY.last_chunk(finish_reason="tool_calls")

    assert (await assemble(stream())).model_dump() == whole.model_dump()


async def test_chunks_of_several_choices_go_by_their_index() -> None:
    async def stream() -> AsyncIterator[ChatCompletionChunk]:
        yield REPLY.chunk("a", index=1)
        yield REPLY.call_chunk(tool_call("look", call_id="call_1"), index=0)
        yield REPLY.arguments_chunk("{}", index=0)
        yield REPLY.last_chunk(index=1)
        yield REPLY.last_chunk(index=0, finish_reason="tool_calls")

    called, said = (await assemble(stream(), choices=2)).choices

    assert (said.index, said.message.content) == (1, "a")
    assert called.message.tool_calls == [tool_call("look", "{}", call_id="call_1")]
