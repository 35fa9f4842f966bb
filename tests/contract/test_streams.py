"""Streams that break: an error frame, never a false clean end."""

import asyncio
import functools
from collections.abc import AsyncIterator, Callable

import httpx2
import openai
import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionChunk

from tests.adapters import ScriptedAdapter, Step
from tests.contract.test_chat import HELLO, text_of
from veneer_gateway.testing import running_gateway
from veneer_protocol import ChatCompletionRequest, RateLimitError, Reply, RequestContext

REPLY = Reply(model="scripted/x")
HI = REPLY.chunk("hi")
END = REPLY.last_chunk()


def stream_of(*script: Step) -> tuple[httpx2.Response, ScriptedAdapter]:
    adapter = ScriptedAdapter(*script)
    with running_gateway(adapter) as gateway:
        response = httpx2.post(
            f"{gateway.url}/v1/chat/completions",
            json={"model": "scripted/x", "messages": HELLO, "stream": True},
        )
    return response, adapter


def test_a_good_stream_ends_in_exactly_one_done() -> None:
    response, _ = stream_of(HI, END)

    assert response.text.count("data: [DONE]") == 1
    assert response.text.endswith("data: [DONE]\n\n")
    assert response.headers["cache-control"] == "no-cache"
    assert response.headers["x-accel-buffering"] == "no"


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ([HI], "invalid_provider_response"),
        ([HI, "rubbish"], "invalid_provider_response"),
        ([HI, END, HI], "invalid_provider_response"),
        ([HI, END, END], "invalid_provider_response"),
        ([HI, Reply(model="scripted/x").chunk("of another id")], "invalid_provider_response"),
        ([HI, RateLimitError("Slow down.")], "rate_limit_exceeded"),
        ([HI, RuntimeError("hunter2")], "internal_error"),
        ([HI, asyncio.CancelledError("hunter2")], "internal_error"),
        ([HI, SystemExit("hunter2")], "internal_error"),
    ],
    ids=[
        "no end",
        "rubbish",
        "after the end",
        "two ends",
        "two ids",
        "known",
        "unknown",
        "cancels itself",
        "exits",
    ],
)
def test_a_broken_stream_ends_in_one_error_frame_and_no_done(script: list[Step], code: str) -> None:
    response, adapter = stream_of(*script)

    assert response.status_code == 200
    assert "[DONE]" not in response.text
    assert "hunter2" not in response.text
    frames = response.text.removesuffix("\n\n").split("\n\n")
    assert [frame.startswith('data: {"error":{') for frame in frames].count(True) == 1
    assert f'"code":"{code}"' in frames[-1]
    assert adapter.closed.is_set()


def test_the_log_tells_how_a_stream_ended(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")

    stream_of(HI, END)
    stream_of(HI, RuntimeError("boom"))

    good, bad = [vars(record) for record in caplog.records if record.name == "veneer.access"]
    assert (good["ended"], good["chunks"]) == ("complete", 2)
    assert (bad["ended"], bad["chunks"], bad["error"]) == ("error frame", 1, "internal_error")
    assert "boom" in caplog.text


def test_the_adapter_is_closed_before_the_error_frame_is_read() -> None:
    closed_first: list[bool] = []
    adapter = ScriptedAdapter(HI, HI, "rubbish", HI)

    with (
        running_gateway(adapter) as gateway,
        httpx2.stream(
            "POST",
            f"{gateway.url}/v1/chat/completions",
            json={"model": "scripted/x", "messages": HELLO, "stream": True},
        ) as response,
    ):
        assert response.headers["x-request-id"].startswith("req_")
        for line in response.iter_lines():
            if '"error"' in line:
                closed_first.append(adapter.closed.is_set())

    assert closed_first == [True]


def test_a_stream_outlives_the_frameworks_own_time_limit() -> None:
    class Slow(ScriptedAdapter):
        async def stream_chat_completion(
            self, request: ChatCompletionRequest, context: RequestContext
        ) -> AsyncIterator[ChatCompletionChunk]:
            yield HI
            await asyncio.sleep(0.5)
            yield END

    with running_gateway(Slow()) as gateway:
        gateway.app.config["RESPONSE_TIMEOUT"] = 0.1
        response = httpx2.post(
            f"{gateway.url}/v1/chat/completions",
            json={"model": "scripted/x", "messages": HELLO, "stream": True},
        )

    assert response.text.endswith("data: [DONE]\n\n")


def test_a_text_that_is_no_unicode_ends_in_an_error_frame() -> None:
    response, _ = stream_of(HI, REPLY.chunk("\ud800"))

    assert response.text.endswith('"code":"invalid_provider_response"}}\n\n')


def test_an_adapter_that_fails_while_it_is_closed_does_not_harm_the_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Clumsy(ScriptedAdapter):
        async def stream_chat_completion(
            self, request: ChatCompletionRequest, context: RequestContext
        ) -> AsyncIterator[ChatCompletionChunk]:
            try:
                yield HI
                yield REPLY.chunk("\ud800")
            finally:
                raise RuntimeError("slipped")

    with running_gateway(Clumsy()) as gateway:
        response = httpx2.post(
            f"{gateway.url}/v1/chat/completions",
            json={"model": "scripted/x", "messages": HELLO, "stream": True},
        )

    assert response.text.endswith('"code":"invalid_provider_response"}}\n\n')
    assert "adapter stream did not close cleanly" in caplog.text


async def test_the_client_raises_what_broke_the_stream() -> None:
    adapter = ScriptedAdapter(HI, RateLimitError("Slow down."))

    with running_gateway(adapter) as gateway:
        async with AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="k") as client:
            stream = await client.chat.completions.create(
                model="scripted/x", messages=HELLO, stream=True
            )
            got = [await anext(stream)]
            with pytest.raises(openai.APIError, match="Slow down") as raised:
                await anext(stream)

    assert text_of(got) == "hi"
    assert raised.value.code == "rate_limit_exceeded"
    assert raised.value.type == "rate_limit_error"


@pytest.mark.parametrize(
    "script", [[], ["rubbish"], [REPLY._chunk]], ids=["empty", "str", "method"]
)
def test_a_stream_that_breaks_before_its_first_chunk_is_a_502(script: list[Step]) -> None:
    response, _ = stream_of(*script)

    assert response.status_code == 502
    assert response.json()["error"]["code"] == "invalid_provider_response"


def test_an_adapter_that_leaves_out_the_role_gets_it_added_once() -> None:
    response, _ = stream_of(HI, REPLY.chunk(" there"), END)

    assert response.text.count('"role":"assistant"') == 1
    assert '"role":"assistant"' in response.text.split("\n\n")[0]


def test_an_iterator_that_is_no_generator_is_served_too() -> None:
    class Chunks:
        def __init__(self) -> None:
            self.left = [HI, END]

        def __aiter__(self) -> "Chunks":
            return self

        async def __anext__(self) -> ChatCompletionChunk:
            if not self.left:
                raise StopAsyncIteration
            return self.left.pop(0)

    def without_a_generator(method: Callable[..., object]) -> Callable[..., Chunks]:
        return functools.wraps(method)(lambda *_: Chunks())

    class IteratorAdapter(ScriptedAdapter):
        @without_a_generator
        async def stream_chat_completion(self, request, context):  # type: ignore[no-untyped-def]
            yield

    with running_gateway(IteratorAdapter()) as gateway:
        response = httpx2.post(
            f"{gateway.url}/v1/chat/completions",
            json={"model": "scripted/x", "messages": HELLO, "stream": True},
        )

    assert response.text.endswith("data: [DONE]\n\n")
