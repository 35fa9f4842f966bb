"""A gateway behind a gateway: the official client asks one, which asks another by this provider."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from openai import (
    AsyncOpenAI,
    BadRequestError,
    InternalServerError,
    NotFoundError,
    RateLimitError,
)
from openai.types.chat import ChatCompletionMessageParam

from tests.adapters import BrokenAdapter, PatientAdapter, PlainAdapter, ScriptedAdapter
from tests.providers_openai.upstreams import KEY, SOON
from veneer_gateway.testing import RunningGateway, running_gateway
from veneer_protocol import ApiError, ProviderAdapter, Reply
from veneer_protocol import AuthenticationError as CallerUnknown
from veneer_protocol import RateLimitError as TooOften
from veneer_providers_dummy import DummyAdapter
from veneer_providers_openai import OpenAIAdapter, Upstream

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello proxy"}]
SAID = "The dummy provider heard: hello proxy x-dummy-tag={}. authorization_forwarded={}."


def behind(inner: RunningGateway, **settings: object) -> OpenAIAdapter:
    url = f"{inner.url}/v1"
    return OpenAIAdapter(Upstream.model_validate({"name": "in", "base_url": url, **settings}))


@pytest.fixture(scope="module")
def outer() -> Iterator[RunningGateway]:
    """A gateway whose only provider is another with the dummy."""
    with running_gateway(DummyAdapter()) as inner, running_gateway(behind(inner)) as outer:
        yield outer


@asynccontextmanager
async def asking(gateway: RunningGateway) -> AsyncIterator[AsyncOpenAI]:
    url = f"{gateway.url}/v1"
    async with AsyncOpenAI(base_url=url, api_key="sk-of-a-test", max_retries=0) as client:
        yield client


@pytest.fixture
async def client(outer: RunningGateway) -> AsyncIterator[AsyncOpenAI]:
    async with asking(outer) as client:
        yield client


@asynccontextmanager
async def two_hops_to(adapter: ProviderAdapter, **settings: object) -> AsyncIterator[AsyncOpenAI]:
    with running_gateway(adapter) as inner, running_gateway(behind(inner, **settings)) as outer:
        async with asking(outer) as client:
            yield client


async def test_the_models_of_the_inner_gateway_are_listed_and_found(client: AsyncOpenAI) -> None:
    models = [model.id async for model in client.models.list()]

    assert models == ["in/dummy/echo-1", "in/dummy/story-1"]
    assert (await client.models.retrieve("in/dummy/echo-1")).created == 1735689600


async def test_an_answer_comes_through_with_its_usage(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model="in/dummy/echo-1", messages=HELLO, extra_headers={"x-dummy-tag": "t1"}
    )

    assert answer.model == "in/dummy/echo-1"
    assert answer.choices[0].message.content == SAID.format("t1", "true")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (2, 8)
    assert answer.id.startswith("chatcmpl_dummy_")


async def test_a_stream_comes_through_with_its_usage_last(client: AsyncOpenAI) -> None:
    chunks = [
        chunk
        async for chunk in await client.chat.completions.create(
            model="in/dummy/echo-1",
            messages=HELLO,
            max_tokens=3,
            stream=True,
            stream_options={"include_usage": True},
        )
    ]

    *words, end, counted = chunks
    text = [chunk.choices[0].delta.content for chunk in words]
    assert text == ["The", " dummy", " provider"]
    assert end.choices[0].finish_reason == "length"
    assert (counted.choices, counted.usage and counted.usage.completion_tokens) == ([], 3)
    assert {chunk.model for chunk in chunks} == {"in/dummy/echo-1"}
    assert len({chunk.id for chunk in chunks}) == 1


@pytest.mark.parametrize("stream", [False, True])
async def test_a_failure_keeps_its_status_type_and_code(client: AsyncOpenAI, stream: bool) -> None:
    with pytest.raises(InternalServerError) as failure:
        await client.chat.completions.create(
            model="in/dummy/echo-1",
            messages=HELLO,
            stream=stream,
            extra_headers={"x-dummy-fail": "true", "x-request-id": "req-1"},
        )

    error = failure.value
    assert (error.status_code, error.type) == (502, "server_error")
    assert error.code == "dummy_upstream_failed"
    assert error.response.headers["x-upstream-request-id"] == "req-1"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_request_that_the_inner_gateway_refuses_is_refused(
    client: AsyncOpenAI, stream: bool
) -> None:
    with pytest.raises(NotFoundError) as absence:
        await client.chat.completions.create(model="in/dummy/nobody", messages=HELLO, stream=stream)
    with pytest.raises(BadRequestError) as refusal:
        await client.chat.completions.create(
            model="in/dummy/echo-1", messages=[{"role": "system", "content": "x"}], stream=stream
        )

    assert (absence.value.code, absence.value.param) == ("model_not_found", "model")
    assert (refusal.value.code, refusal.value.param) == ("missing_user_message", "messages")


async def test_when_to_come_back_comes_through() -> None:
    refusal = TooOften("slow down", retry_after_seconds=7)

    async with two_hops_to(BrokenAdapter(refusal)) as client:
        with pytest.raises(RateLimitError) as failure:
            await client.chat.completions.create(model="in/broken/one", messages=HELLO)

    assert failure.value.response.headers["retry-after"] == "7"
    assert failure.value.code == "rate_limit_exceeded"


async def test_a_stream_that_fails_after_it_began_ends_in_the_same_error() -> None:
    reply = Reply(model="scripted/one")
    failure = ApiError("broken", code="some_code")

    async with two_hops_to(ScriptedAdapter(reply.chunk("hello"), failure)) as client:
        stream = await client.chat.completions.create(
            model="in/scripted/one", messages=HELLO, stream=True
        )
        chunks = aiter(stream)
        first = await anext(chunks)
        with pytest.raises(Exception, match="broken") as caught:
            await anext(chunks)

    assert first.choices[0].delta.content == "hello"
    assert getattr(caught.value, "code", None) == "some_code"


async def test_the_callers_headers_come_through_both() -> None:
    adapter = PlainAdapter()

    async with two_hops_to(adapter) as client:
        await client.chat.completions.create(
            model="in/plain/one",
            messages=HELLO,
            extra_headers={"x-tenant-id": "seven", "x-request-id": "req-1", "cookie": "a=b"},
        )

    (context,) = adapter.contexts
    assert context.headers["authorization"] == "Bearer sk-of-a-test"
    assert context.headers["x-tenant-id"] == "seven"
    assert context.request_id == "req-1"
    assert "cookie" not in context.headers


async def test_with_a_key_of_its_own_the_outer_gateway_keeps_the_callers_to_itself() -> None:
    adapter = PlainAdapter()

    async with two_hops_to(adapter, api_key=KEY) as client:
        await client.chat.completions.create(
            model="in/plain/one",
            messages=HELLO,
            extra_headers={"x-tenant-id": "seven", "x-request-id": "req-1"},
        )

    (context,) = adapter.contexts
    assert context.headers["authorization"] == f"Bearer {KEY}"
    assert "x-tenant-id" not in context.headers
    assert context.request_id == "req-1"


async def test_a_key_that_is_refused_is_logged_once_and_without_secrets(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refusal = CallerUnknown(f"Unknown key {KEY}")

    async with two_hops_to(BrokenAdapter(refusal), api_key=KEY) as client:
        with pytest.raises(InternalServerError) as failure:
            await client.chat.completions.create(model="in/broken/one", messages=HELLO)

    assert failure.value.code == "upstream_authentication_failed"
    warnings = [record for record in caplog.records if record.name == "veneer.errors"]
    assert len(warnings) == 1
    assert "The upstream 'in' refuses the key" in caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    ("stream", "chunks_before"),
    [(False, 0), (True, 0), (True, 3)],
    ids=["plain request", "before the first chunk", "mid-stream"],
)
async def test_when_the_client_leaves_the_innermost_adapter_is_cancelled(
    stream: bool, chunks_before: int
) -> None:
    adapter = PatientAdapter(chunks_before)

    async def ask(client: AsyncOpenAI) -> None:
        answer = await client.chat.completions.create(
            model="in/patient/one", messages=HELLO, stream=stream
        )
        async for _ in answer:  # type: ignore[union-attr]  # It is a stream, if it comes at all.
            pass

    async with two_hops_to(adapter) as client:
        asking = asyncio.create_task(ask(client))
        assert await asyncio.to_thread(adapter.is_waiting.wait, SOON)
        asking.cancel()

        assert await asyncio.to_thread(adapter.was_cancelled.wait, SOON)
