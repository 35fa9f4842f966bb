"""One method makes an adapter; and of two methods, either is enough."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from openai.types import Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from veneer_protocol import (
    ChatCompletionRequest,
    InvalidProviderResponseError,
    Message,
    ModelNotFoundError,
    ProviderAdapter,
    RateLimitError,
    Reply,
    RequestContext,
    StreamGuard,
    TextAdapter,
    usage,
)

CONTEXT = RequestContext()
COUNTED = usage(2, 3)


def ask(model: str) -> ChatCompletionRequest:
    return ChatCompletionRequest(model=model, messages=(Message(role="user", content="hi"),))


async def streamed(adapter: ProviderAdapter, model: str) -> list[ChatCompletionChunk]:
    """Read a stream as the gateway would."""
    guard = StreamGuard(include_usage=True)
    chunks = [
        guard.check(chunk) async for chunk in adapter.stream_chat_completion(ask(model), CONTEXT)
    ]
    return [chunk for chunk in [*chunks, guard.end()] if chunk is not None]


class Whole(ProviderAdapter):
    name = "whole"

    async def list_models(self, context: RequestContext) -> Sequence[Model]:
        return []

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        if request.model_name == "busy":
            raise RateLimitError("Slow down.", retry_after_seconds=3)
        reply = Reply(model=request.model, id="one", created=7)
        answer = reply.completion("hello you", finish_reason="length", usage=COUNTED)
        answer.system_fingerprint = "fp"
        return answer


class Pieces(ProviderAdapter):
    name = "pieces"
    closed = False

    async def list_models(self, context: RequestContext) -> Sequence[Model]:
        return []

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        reply = Reply(model=request.model, id="one", created=7)
        try:
            yield reply.chunk("hello")
            yield reply.chunk(" you")
            if request.model_name == "busy":
                raise RateLimitError("Slow down.", retry_after_seconds=3)
            if request.model_name != "endless":
                yield reply.last_chunk(finish_reason="length", usage=COUNTED)
        finally:
            self.closed = True


class Echo(TextAdapter):
    name = "echo"
    models = ("one", "two")

    async def generate(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[str]:
        yield "you said "
        yield ""
        yield request.last_user_text or "nothing"


async def test_a_stream_is_derived_from_the_whole_answer() -> None:
    text, end, count = await streamed(Whole(), "whole/x")

    assert (text.id, text.created, text.model, text.system_fingerprint) == (
        "one",
        7,
        "whole/x",
        "fp",
    )
    assert text.choices[0].delta.content == "hello you"
    assert text.choices[0].delta.role == "assistant"
    assert end.choices[0].finish_reason == "length"
    assert (count.choices, count.usage) == ([], COUNTED)


async def test_the_whole_answer_is_derived_from_a_stream() -> None:
    adapter = Pieces()

    answer = await adapter.create_chat_completion(ask("pieces/x"), CONTEXT)

    assert (answer.id, answer.created, answer.model) == ("one", 7, "pieces/x")
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.content == "hello you"
    assert answer.choices[0].message.role == "assistant"
    assert answer.choices[0].finish_reason == "length"
    assert answer.usage == COUNTED
    assert adapter.closed


async def test_errors_are_kept_by_both_derivations() -> None:
    with pytest.raises(RateLimitError) as whole:
        await Pieces().create_chat_completion(ask("pieces/busy"), CONTEXT)
    with pytest.raises(RateLimitError) as stream:
        await streamed(Whole(), "whole/busy")

    assert whole.value.retry_after_seconds == stream.value.retry_after_seconds == 3


async def test_a_stream_without_an_end_gives_no_whole_answer() -> None:
    adapter = Pieces()

    with pytest.raises(InvalidProviderResponseError, match="finish reason"):
        await adapter.create_chat_completion(ask("pieces/endless"), CONTEXT)

    assert adapter.closed


async def test_an_answer_that_is_none_gives_no_stream() -> None:
    class Mute(Whole):
        async def create_chat_completion(
            self, request: ChatCompletionRequest, context: RequestContext
        ) -> ChatCompletion:
            return "hello"  # type: ignore[return-value]

    with pytest.raises(InvalidProviderResponseError, match="where a ChatCompletion"):
        await streamed(Mute(), "whole/x")


async def test_a_text_adapter_serves_both_modes_alike() -> None:
    adapter = Echo()

    answer = await adapter.create_chat_completion(ask("echo/two"), CONTEXT)
    chunks = await streamed(adapter, "echo/two")

    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert answer.choices[0].message.content == said == "you said hi"
    assert answer.choices[0].finish_reason == chunks[-1].choices[0].finish_reason == "stop"
    assert len(chunks) == 3


async def test_a_text_adapter_lists_its_models_under_its_prefix() -> None:
    models = await Echo().list_models(CONTEXT)

    assert [(model.id, model.owned_by) for model in models] == [
        ("echo/one", "echo"),
        ("echo/two", "echo"),
    ]


async def test_a_text_adapter_knows_no_other_model() -> None:
    with pytest.raises(ModelNotFoundError):
        await streamed(Echo(), "echo/three")
    with pytest.raises(ModelNotFoundError):
        await Echo().create_chat_completion(ask("echo/three"), CONTEXT)


async def test_a_text_adapter_that_says_no_text_is_refused() -> None:
    class Counting(Echo):
        async def generate(
            self, request: ChatCompletionRequest, context: RequestContext
        ) -> AsyncIterator[str]:
            yield 1  # type: ignore[misc]

    with pytest.raises(InvalidProviderResponseError, match="yielded int"):
        await streamed(Counting(), "echo/one")


async def test_a_text_stream_that_is_closed_closes_what_generates_it() -> None:
    closed: list[bool] = []

    class Careful(Echo):
        async def generate(
            self, request: ChatCompletionRequest, context: RequestContext
        ) -> AsyncIterator[str]:
            try:
                yield "one"
                yield "two"
            finally:
                closed.append(True)

    stream = Careful().stream_chat_completion(ask("echo/one"), CONTEXT)
    await anext(stream)
    await stream.aclose()  # type: ignore[attr-defined]

    assert closed == [True]


async def test_a_stream_that_never_waits_holds_up_nobody_where_it_is_put_together() -> None:
    class Endless(Pieces):
        async def stream_chat_completion(
            self, request: ChatCompletionRequest, context: RequestContext
        ) -> AsyncIterator[ChatCompletionChunk]:
            reply = Reply(model=request.model)
            while True:
                yield reply.chunk("word ")

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await Endless().create_chat_completion(ask("pieces/one"), CONTEXT)


async def test_an_adapter_that_says_nothing_without_end_holds_up_nobody() -> None:
    class Mute(TextAdapter):
        name = "mute"
        models = ("one",)

        async def generate(
            self, request: ChatCompletionRequest, context: RequestContext
        ) -> AsyncIterator[str]:
            while True:
                yield ""

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await Mute().create_chat_completion(ask("mute/one"), CONTEXT)


async def test_a_stream_that_is_too_long_to_be_put_together_is_refused() -> None:
    class Long(Pieces):
        is_closed = False

        async def stream_chat_completion(
            self, request: ChatCompletionRequest, context: RequestContext
        ) -> AsyncIterator[ChatCompletionChunk]:
            reply = Reply(model=request.model)
            try:
                while True:
                    yield reply.chunk("word " * 1024 * 1024)
            finally:
                self.is_closed = True

    adapter = Long()

    with pytest.raises(InvalidProviderResponseError, match="64 Mi characters"):
        await adapter.create_chat_completion(ask("pieces/one"), CONTEXT)

    assert adapter.is_closed
