"""Chunks and errors to the bytes of an event stream. No I/O.

Reference: https://platform.openai.com/docs/api-reference/chat/streaming
"""

from openai.types.chat import ChatCompletionChunk
from pydantic import TypeAdapter

from veneer_protocol.answers.encoding import encode_json
from veneer_protocol.errors import ApiError

# No `id:`, `event:` or `retry:` lines: the official client fails on an event without data.
DONE = b"data: [DONE]\n\n"
"""The frame that ends a good stream, and no other."""

_CHUNK = TypeAdapter(ChatCompletionChunk)


def encode_event(chunk: ChatCompletionChunk) -> bytes:
    """Frame `chunk`, with the fields that were set, null or not.

    Raises:
        InvalidProviderResponseError: it holds what JSON cannot, half a surrogate pair for one.
    """
    return b"data: %b\n\n" % encode_json(_CHUNK, chunk)


def encode_error(error: ApiError) -> bytes:
    """Frame `error` as the end of a stream; every OpenAI client raises on its `error` key."""
    return b"data: %b\n\n" % error.to_json()
