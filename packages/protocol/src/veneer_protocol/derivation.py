"""A stream of chunks to one completion, and one completion to a stream."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AsyncExitStack

from openai.types.chat import ChatCompletion, ChatCompletionChunk

from veneer_protocol.guard import StreamGuard

# What a completion and its chunks have in common, beside choices and usage.
_SHARED = {"id", "created", "model", "service_tier", "system_fingerprint"}


async def assemble(chunks: AsyncIterator[ChatCompletionChunk]) -> ChatCompletion:
    """Read `chunks` to their end, close them, and give them as one completion.

    Raises:
        ApiError: what the stream raised, or how it broke the rules of a stream.
    """
    guard = StreamGuard(include_usage=True)
    legal: list[ChatCompletionChunk] = []
    async with AsyncExitStack() as closing:
        if isinstance(chunks, AsyncGenerator):
            closing.push_async_callback(chunks.aclose)
        async for given in chunks:
            if (chunk := guard.check(given)) is not None:
                legal.append(chunk)
    counted = guard.end()
    choices = [chunk.choices[0] for chunk in legal]
    answer = {
        **legal[0].model_dump(include=_SHARED, exclude_unset=True),
        "object": "chat.completion",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "".join(choice.delta.content or "" for choice in choices),
                    "refusal": "".join(choice.delta.refusal or "" for choice in choices) or None,
                },
                "finish_reason": choices[-1].finish_reason,
                "logprobs": None,
            }
        ],
    }
    if counted is not None:
        answer["usage"] = counted.usage
    return ChatCompletion.model_validate(answer)


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
