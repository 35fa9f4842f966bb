"""What an adapter streams to frames: by pieces of text the same bytes as by chunks."""

import json
import re
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veneer_protocol import (
    ChatCompletionRequest,
    Feature,
    InvalidProviderResponseError,
    Message,
    ModelNotFoundError,
    RequestContext,
    StreamGuard,
    StreamOptions,
    TextAdapter,
    complete,
    encode_event,
    open_stream,
    parse_request,
)

CONTEXT = RequestContext()
NAME = 'o"ne\\%(id)b☃'
# What is different each time.
OWN = re.compile(rb'"id":"chatcmpl_[0-9a-f]{32}"|"created":[0-9]{10}')


class Said(TextAdapter):
    name = "said"
    models = (NAME,)

    def __init__(self, *pieces: object) -> None:
        self.pieces = pieces

    async def generate(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[str]:
        for piece in self.pieces:
            yield piece  # type: ignore[misc]  # Not always a str: that is the test.


class SaidInChunks(Said):
    """The same, but not in the shape that is told by its pieces alone."""

    async def stream_chat_completion(self, request, context):  # type: ignore[no-untyped-def]
        async for chunk in super().stream_chat_completion(request, context):
            yield chunk


def ask(model: str, *, include_usage: bool) -> ChatCompletionRequest:
    return ChatCompletionRequest(
        model=model,
        messages=(Message(role="user", content="hi"),),
        stream=True,
        stream_options=StreamOptions(include_usage=include_usage),
    )


async def framed(adapter: TextAdapter, *, include_usage: bool) -> bytes:
    given, frames = open_stream(adapter, ask(f"said/{NAME}", include_usage=include_usage), CONTEXT)
    made = [frames.frame(one) async for one in given]
    return b"".join(frame for frame in [*made, frames.end()] if frame is not None)


async def guarded(adapter: TextAdapter, *, include_usage: bool) -> bytes:
    guard = StreamGuard(include_usage=include_usage)
    request = ask(f"said/{NAME}", include_usage=include_usage)
    chunks = [guard.check(one) async for one in adapter.stream_chat_completion(request, CONTEXT)]
    return b"".join(encode_event(one) for one in [*chunks, guard.end()] if one is not None)


@given(pieces=st.lists(st.text()), include_usage=st.booleans())
async def test_pieces_of_text_are_framed_as_their_chunks_are(
    pieces: list[str], include_usage: bool
) -> None:
    expected = await guarded(Said(*pieces), include_usage=include_usage)

    for adapter in (Said(*pieces), SaidInChunks(*pieces)):
        sent = await framed(adapter, include_usage=include_usage)
        assert OWN.sub(b"own", sent) == OWN.sub(b"own", expected)


async def test_all_frames_of_a_stream_have_one_id() -> None:
    sent = await framed(Said("a", "b"), include_usage=False)

    assert len(set(re.findall(rb'"id":"[^"]+"', sent))) == 1
    assert sent.count(b'"id":') == 3


@pytest.mark.parametrize("piece", [None, 5, b"bytes", "\ud800"])
async def test_what_is_no_text_is_refused_either_way(piece: object) -> None:
    for adapter in (Said("a", piece), SaidInChunks("a", piece)):
        with pytest.raises(InvalidProviderResponseError) as refusal:
            await framed(adapter, include_usage=False)
        assert refusal.value.status == 502


async def test_an_unknown_model_is_refused_before_the_stream_opens() -> None:
    with pytest.raises(ModelNotFoundError):
        open_stream(Said(), ask("said/nobody", include_usage=False), CONTEXT)


async def test_a_whole_answer_is_what_the_chunks_say_where_they_were_written() -> None:
    class Louder(Said):
        async def stream_chat_completion(self, request, context):  # type: ignore[no-untyped-def]
            async for chunk in super().stream_chat_completion(request, context):
                chunk.choices[0].delta.content = (chunk.choices[0].delta.content or "").upper()
                yield chunk

    request = ask(f"said/{NAME}", include_usage=False)
    quiet = await Said("a", "b").create_chat_completion(request, CONTEXT)
    loud = await Louder("a", "b").create_chat_completion(request, CONTEXT)

    assert quiet.choices[0].message.content == "ab"
    assert loud.choices[0].message.content == "AB"


async def test_an_adapter_of_one_text_gives_no_second_choice() -> None:
    class Several(Said):
        features = frozenset({Feature.CHOICES})

    document = {"model": f"said/{NAME}", "messages": [{"role": "user", "content": "hi"}], "n": 2}
    request = parse_request(json.dumps(document).encode(), lambda _: {"choices"})
    given, frames = open_stream(Several("a"), request, CONTEXT)
    _ = [frames.frame(one) async for one in given]

    with pytest.raises(InvalidProviderResponseError, match="without a finish reason"):
        frames.end()
    with pytest.raises(InvalidProviderResponseError, match="the 2 choices"):
        await complete(Several("a"), request, CONTEXT)
