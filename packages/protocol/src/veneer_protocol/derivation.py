"""A stream of chunks to one completion, and one completion to a stream."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AsyncExitStack
from io import StringIO

from openai.types.chat import ChatCompletion, ChatCompletionChunk

from veneer_protocol.errors import InvalidProviderResponseError
from veneer_protocol.guard import StreamGuard, check_piece

# What a completion and its chunks have in common, beside choices and usage.
_SHARED = {"id", "created", "model", "service_tier", "system_fingerprint"}
_CHUNKS_BETWEEN_PAUSES = 16
_MEBI = 1024 * 1024
_MOST_MEBICHARACTERS = 64


async def assemble(chunks: AsyncIterator[ChatCompletionChunk]) -> ChatCompletion:
    """Read `chunks` to their end, close them, and give them as one completion.

    Raises:
        ApiError: what the stream raised, how it broke the rules of a stream, or that it is longer
            than an answer can be.
    """
    guard = StreamGuard(include_usage=True)
    texts, seen = _Texts(), 0
    async with AsyncExitStack() as closing:
        if isinstance(chunks, AsyncGenerator):
            closing.push_async_callback(chunks.aclose)
        async for given in chunks:
            if (chunk := guard.check(given)) is not None:
                texts.add(chunk)
            seen += 1
            if seen % _CHUNKS_BETWEEN_PAUSES == 0:
                # One that is always ready would hold up all others, and could not be cancelled.
                await asyncio.sleep(0)
    counted = guard.end()
    answer = {
        **texts.first.model_dump(include=_SHARED, exclude_unset=True),
        "object": "chat.completion",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": texts.content.getvalue(),
                    "refusal": texts.refusal.getvalue() or None,
                },
                "finish_reason": texts.last.choices[0].finish_reason,
                "logprobs": None,
            }
        ],
    }
    if counted is not None:
        answer["usage"] = counted.usage
    return ChatCompletion.model_validate(answer)


class _Texts:
    """What is kept of a stream: not its chunks, which take a kilobyte each."""

    first: ChatCompletionChunk
    last: ChatCompletionChunk

    def __init__(self) -> None:
        self.content = StringIO()
        self.refusal = StringIO()

    def add(self, chunk: ChatCompletionChunk) -> None:
        self.first, self.last = getattr(self, "first", chunk), chunk
        delta = chunk.choices[0].delta
        self.content.write(delta.content or "")
        self.refusal.write(delta.refusal or "")
        _check_length(self.content.tell() + self.refusal.tell())


async def join(pieces: AsyncIterator[str]) -> str:
    """Read `pieces` of a text to their end.

    Raises:
        InvalidProviderResponseError: one is no text, or they are longer than an answer can be.
    """
    text, seen = StringIO(), 0
    async for piece in pieces:
        text.write(check_piece(piece))
        _check_length(text.tell())
        seen += 1
        if seen % _CHUNKS_BETWEEN_PAUSES == 0:
            await asyncio.sleep(0)  # As above.
    return text.getvalue()


def _check_length(characters: int) -> None:
    if characters > _MOST_MEBICHARACTERS * _MEBI:
        raise InvalidProviderResponseError(
            f"The provider's stream has more than {_MOST_MEBICHARACTERS} Mi characters, too "
            "many for one answer."
        )


def split(completion: ChatCompletion) -> Iterator[ChatCompletionChunk]:
    """Give `completion`, which was checked, as its text in one chunk and its end in another."""
    choice = completion.choices[0]
    shared = {
        **completion.model_dump(include=_SHARED, exclude_unset=True),
        "object": "chat.completion.chunk",
    }
    said = choice.message.model_dump(include={"role", "content", "refusal"}, exclude_none=True)
    text = {"index": 0, "delta": said, "finish_reason": None}
    end = {"index": 0, "delta": {}, "finish_reason": choice.finish_reason}
    yield ChatCompletionChunk.model_validate({**shared, "choices": [text]})
    usage = {} if completion.usage is None else {"usage": completion.usage}
    yield ChatCompletionChunk.model_validate({**shared, "choices": [end], **usage})
