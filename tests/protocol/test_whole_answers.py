"""What a whole answer must have is held to the same rules as in a stream."""

from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from veneer_protocol import (
    Feature,
    InvalidProviderResponseError,
    StreamGuard,
    check_completion,
    encode_completion,
)

MESSAGE = {"role": "assistant", "content": "x"}
CHUNK = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
BEGUN = {"index": 0, "id": "call_1", "function": {"name": "look", "arguments": ""}}
BEGUN_CUSTOM = {"index": 0, "id": "call_1", "custom": {"name": "run", "input": ""}}


def unchecked(message: dict[str, Any] = MESSAGE, **fields: Any) -> ChatCompletion:
    """Build an answer as the official client does: without a look at the types."""
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    whole = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
    return ChatCompletion.construct(None, **{**whole, "choices": [choice], **fields})


@pytest.mark.parametrize(
    "fields",
    [
        {"id": None},
        {"id": ""},
        {"id": 7},
        {"usage": "many"},
        {"usage": 7},
        {"message": {"role": "user", "content": "x"}},
        {"message": {"role": 7, "content": "x"}},
    ],
)
def test_an_answer_that_breaks_a_rule_of_streams_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidProviderResponseError):
        check_completion(unchecked(**fields))


@pytest.mark.parametrize("name", ["id", "choices"])
def test_an_answer_that_lacks_something_is_refused(name: str) -> None:
    answer = unchecked()
    delattr(answer, name)

    with pytest.raises(InvalidProviderResponseError):
        check_completion(answer)


@pytest.mark.parametrize("message", [{"content": "x"}, {"role": None, "content": "x"}])
def test_a_role_that_was_left_out_is_added(message: dict[str, Any]) -> None:
    assert b'"role":"assistant"' in encode_completion(check_completion(unchecked(message)))


@pytest.mark.parametrize(
    ("deltas", "features"),
    [
        ([BEGUN | BEGUN_CUSTOM], {Feature.CUSTOM_TOOLS}),
        ([BEGUN, {"index": 0, "custom": {"input": "x"}}], {Feature.TOOLS}),
        ([BEGUN_CUSTOM, {"index": 0, "function": {"arguments": "x"}}], {Feature.CUSTOM_TOOLS}),
    ],
)
def test_a_call_of_one_kind_brings_no_other(deltas: list[Any], features: set[Feature]) -> None:
    guard = StreamGuard(features=features)
    chunks = [
        ChatCompletionChunk.construct(
            None,
            **CHUNK,
            choices=[{"index": 0, "delta": {"tool_calls": [delta]}, "finish_reason": None}],
        )
        for delta in deltas
    ]

    with pytest.raises(InvalidProviderResponseError):
        [*map(guard.check, chunks)]


def test_a_whole_call_of_one_kind_brings_no_other() -> None:
    both = {"id": "1", "type": "custom", "custom": {"name": "run", "input": ""}}
    both["function"] = {"name": "look", "arguments": "{}"}

    with pytest.raises(InvalidProviderResponseError):
        check_completion(
            unchecked({**MESSAGE, "tool_calls": [both]}), features={Feature.CUSTOM_TOOLS}
        )
