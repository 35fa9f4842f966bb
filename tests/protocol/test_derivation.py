"""A stream put together and an answer taken apart say the same."""

import base64
import random
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.protocol.completions import completions, cut
from veneer_protocol import InvalidProviderResponseError
from veneer_protocol.answers.derivation import assemble, split

CHUNK = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}


async def stream(chunks: Iterable[ChatCompletionChunk]) -> AsyncIterator[ChatCompletionChunk]:
    for chunk in chunks:
        yield chunk


def chunk(finish_reason: str | None = None, **delta: Any) -> ChatCompletionChunk:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return ChatCompletionChunk.construct(None, **CHUNK, choices=[choice])


async def put_together(*deltas: dict[str, Any]) -> ChatCompletion:
    chunks = [chunk(**delta) for delta in deltas]
    return await assemble(stream([*chunks, chunk("stop")]))


def plain(completion: ChatCompletion) -> dict[str, Any]:
    """All that was said; of what was not said nothing, not even null."""
    return completion.model_dump(exclude_none=True)


@given(completions())
async def test_an_answer_that_is_taken_apart_can_be_put_together(
    completion: ChatCompletion,
) -> None:
    before = plain(completion)
    choices = len(completion.choices)

    again = await assemble(stream(split(completion, choices=choices)), choices=choices)

    assert plain(again) == plain(completion) == before


@given(completions(), st.randoms(use_true_random=False))
async def test_a_stream_says_the_same_wherever_it_is_cut(
    completion: ChatCompletion, chance: random.Random
) -> None:
    choices = len(completion.choices)
    pieces = cut(list(split(completion, choices=choices)), chance)

    again = await assemble(stream(pieces), choices=choices)

    assert plain(again) == plain(completion)


@given(st.lists(st.binary(max_size=7), min_size=1))
async def test_audio_whose_pieces_are_padded_each_is_joined_by_its_bytes(
    pieces: list[bytes],
) -> None:
    parts = [{"audio": {"data": base64.b64encode(piece).decode()}} for piece in pieces]

    answer = await put_together({"audio": {"id": "a", "expires_at": 1}}, *parts)

    audio = answer.choices[0].message.audio
    assert audio is not None
    assert base64.b64decode(audio.data, validate=True) == b"".join(pieces)


@pytest.mark.parametrize("pieces", [["QQ", "="], ["Q"], ["Q-=="], ["QQ==="], ["QQ==", "="]])
async def test_audio_that_is_no_base64_is_refused(pieces: list[str]) -> None:
    with pytest.raises(InvalidProviderResponseError, match="no base64"):
        await put_together(*({"audio": {"id": "a", "data": piece}} for piece in pieces))


async def test_who_says_nothing_says_an_empty_text() -> None:
    answer = await put_together()

    assert answer.choices[0].message.content == ""


async def test_who_calls_a_tool_has_no_text() -> None:
    call = {"index": 0, "id": "call_1", "function": {"name": "look"}}

    answer = await put_together({"tool_calls": [call]})

    assert answer.choices[0].message.model_dump(exclude_none=True) == {
        "role": "assistant",
        "tool_calls": [
            {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": ""}}
        ],
    }


async def test_values_that_are_newer_than_the_openai_package_are_kept() -> None:
    first = ChatCompletionChunk.construct(
        None, **CHUNK, choices=[{"index": 0, "delta": {"content": "a"}}], service_tier="express"
    )

    answer = await assemble(stream([first, chunk("stop")]))
    again = list(split(answer))

    tiers = [str(answer.service_tier), *(str(one.service_tier) for one in again)]
    assert tiers == ["express"] * 3


@pytest.mark.parametrize("name", ["reasoning_content", "refusal"])
async def test_every_text_of_a_stream_is_counted(name: str) -> None:
    words = "word " * 1024 * 1024

    with pytest.raises(InvalidProviderResponseError, match="64 Mi characters"):
        await put_together(*({name: words} for _ in range(14)))


async def test_log_probabilities_are_counted_with_the_others_they_name() -> None:
    token = {"token": "a", "logprob": -1.0}
    logprobs = {"content": [{**token, "top_logprobs": [token] * 20}] * 1000}
    choice = {"index": 0, "delta": {"content": "a"}, "logprobs": logprobs}
    one = ChatCompletionChunk.construct(None, **CHUNK, choices=[choice])

    with pytest.raises(InvalidProviderResponseError, match="64 Mi characters"):
        await assemble(stream([one] * 26))
