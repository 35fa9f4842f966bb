"""A stream of chunks to one completion, and one completion to a stream."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AsyncExitStack
from io import StringIO
from typing import Any

from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.chat.chat_completion import Choice
from pydantic import ValidationError

from veneer_protocol.answers.assembly import SHARED, Assembly
from veneer_protocol.answers.guard import StreamGuard, check_completion, check_piece
from veneer_protocol.answers.joining import Length
from veneer_protocol.features import Feature

_CHUNKS_BETWEEN_PAUSES = 16
# What is not declared is refused where the answer leaves, whichever method it came by.
_ALL = frozenset(Feature)


async def assemble(
    chunks: AsyncIterator[ChatCompletionChunk], *, choices: int = 1
) -> ChatCompletion:
    """Read `chunks` to their end, close them, and give them as one completion.

    Args:
        chunks: a stream of so many `choices`.
        choices: how many were asked for.

    Raises:
        ApiError: what the stream raised, how it broke the rules of a stream, or that it is longer
            than an answer can be.
    """
    guard = StreamGuard(include_usage=True, choices=choices, features=_ALL)
    assembly, seen = Assembly(), 0
    async with AsyncExitStack() as closing:
        if isinstance(chunks, AsyncGenerator):
            closing.push_async_callback(chunks.aclose)
        async for given in chunks:
            if (chunk := guard.check(given)) is not None:
                assembly.add(chunk)
            seen += 1
            if seen % _CHUNKS_BETWEEN_PAUSES == 0:
                # One that is always ready would hold up all others, and could not be cancelled.
                await asyncio.sleep(0)
    last = guard.end()
    return assembly.completion(None if last is None else last.usage)


async def join(pieces: AsyncIterator[str]) -> str:
    """Read `pieces` of a text to their end.

    Raises:
        InvalidProviderResponseError: one is no text, or they are longer than an answer can be.
    """
    text, length, seen = StringIO(), Length(), 0
    async for piece in pieces:
        length.add(text.write(check_piece(piece)))
        seen += 1
        if seen % _CHUNKS_BETWEEN_PAUSES == 0:
            await asyncio.sleep(0)  # As above.
    return text.getvalue()


def split(completion: object, *, choices: int = 1) -> Iterator[ChatCompletionChunk]:
    """Give what each of so many `choices` of `completion` says in one chunk, then each end.

    Raises:
        InvalidProviderResponseError: it is no completion, or breaks the rules of one.
    """
    completion = check_completion(completion, choices=choices, features=_ALL)
    shared = completion.model_dump(include=SHARED, exclude_unset=True, warnings=False)
    for choice in completion.choices:
        yield _chunk(shared, [_said(choice)])
    *ends, last = map(_end, completion.choices)
    for end in ends:
        yield _chunk(shared, [end])
    once = {"usage": completion.usage, "moderation": getattr(completion, "moderation", None)}
    given = {name: value for name, value in once.items() if value is not None}
    yield _chunk({**shared, **given}, [last])


def _said(choice: Choice) -> dict[str, Any]:
    message = choice.message.model_dump(exclude_unset=True, warnings=False)
    delta = {name: value for name, value in message.items() if value is not None}
    if calls := delta.pop("tool_calls", None):
        delta["tool_calls"] = [{"index": index, **call} for index, call in enumerate(calls)]
    said = {"index": choice.index, "delta": delta, "finish_reason": None}
    if choice.logprobs is not None:
        said["logprobs"] = choice.logprobs.model_dump(exclude_unset=True, warnings=False)
    return said


def _end(choice: Choice) -> dict[str, Any]:
    beside = choice.model_dump(exclude={"message", "logprobs"}, exclude_unset=True, warnings=False)
    return {**beside, "delta": {}}


def _chunk(shared: dict[str, Any], choices: list[dict[str, Any]]) -> ChatCompletionChunk:
    fields = {**shared, "object": "chat.completion.chunk", "choices": choices}
    try:
        return ChatCompletionChunk.model_validate(fields)
    except ValidationError:
        # The openai package knows no custom tools in deltas, nor what is newer than itself.
        return ChatCompletionChunk.construct(None, **fields)
