"""A server that others wrote: llama.cpp's, with a real model of no weight worth the name."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

import httpx2
import pytest
from openai import AsyncOpenAI, AuthenticationError, BadRequestError, InternalServerError
from openai.types.chat import ChatCompletionFunctionToolParam, ChatCompletionMessageParam
from pydantic import BaseModel

from tests.checkout import environment
from veneer_gateway.testing import running_gateway
from veneer_providers_openai import OpenAIAdapter, Upstream

# Wheels for every Python we support; the server itself is compiled into xllamacpp.
PACKAGES = ["gguf==0.19.0", "numpy>=2,<3", "xllamacpp==2026.10.11549"]
KEY = "sk-of-llama"
SERVER = Path(__file__).parent / "scripts/llama_server.py"
HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hi"}]
TOOL: ChatCompletionFunctionToolParam = {
    "type": "function",
    "function": {
        "name": "look_up",
        "parameters": {
            "type": "object",
            "properties": {"x": {"enum": ["a", "b"]}},
            "required": ["x"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}


def run(*command: str) -> None:
    done = subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where llama.cpp's server answers, without the `/v1`."""
    folder = tmp_path_factory.mktemp("llama")
    python = str(folder / "env/bin/python")
    run("uv", "venv", "--quiet", "--python", sys.executable, str(folder / "env"))
    run("uv", "pip", "install", "--quiet", "--only-binary", ":all:", "--python", python, *PACKAGES)
    with (
        (folder / "log").open("w+") as log,
        subprocess.Popen(
            [python, "-I", str(SERVER), str(folder / "tiny.gguf"), KEY],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert url, (folder / "log").read_text()
        yield url
        # Its standard input ends, and with it the server.
        process.communicate(timeout=30)


@asynccontextmanager
async def asking(url: str, key: str = KEY, **settings: object) -> AsyncIterator[AsyncOpenAI]:
    """Give a client of a gateway whose provider asks `url`."""
    upstream = Upstream.model_validate({"name": "llama", "base_url": url, **settings})
    with running_gateway(OpenAIAdapter(upstream)) as gateway:
        async with AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0) as client:
            yield client


async def test_its_model_is_listed(llama: str) -> None:
    async with asking(f"{llama}/v1") as client:
        (model,) = [model async for model in client.models.list()]

    assert (model.id, model.owned_by) == ("llama/tiny", "llamacpp")


async def test_it_answers(llama: str) -> None:
    async with asking(f"{llama}/v1") as client:
        answer = await client.chat.completions.create(model="llama/tiny", messages=HELLO)

    assert answer.model == "llama/tiny"
    assert answer.choices[0].message.content == " Hello from a tiny model"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 6
    # What llama.cpp adds to the API comes through.
    assert answer.model_dump()["timings"]["predicted_n"] == 6


async def test_it_streams_up_to_the_token_limit(llama: str) -> None:
    async with asking(f"{llama}/v1") as client:
        stream = await client.chat.completions.create(
            model="llama/tiny",
            messages=HELLO,
            max_tokens=3,
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk async for chunk in stream]

    *parts, counted = chunks
    text = [part.choices[0].delta.content for part in parts if part.choices[0].delta.content]
    assert text == [" Hello", " from", " a"]
    assert parts[-1].choices[0].finish_reason == "length"
    assert counted.usage is not None
    assert counted.usage.completion_tokens == 3


async def test_it_stops_where_it_is_told_to(llama: str) -> None:
    async with asking(f"{llama}/v1") as client:
        answer = await client.chat.completions.create(
            model="llama/tiny", messages=HELLO, stop=" tiny"
        )

    assert answer.choices[0].message.content == " Hello from a"
    assert answer.choices[0].finish_reason == "stop"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_caller_whom_it_does_not_know_is_told_so(llama: str, stream: bool) -> None:
    async with asking(f"{llama}/v1", key="sk-wrong-one") as client:
        with pytest.raises(AuthenticationError) as refusal:
            await client.chat.completions.create(model="llama/tiny", messages=HELLO, stream=stream)

    assert (refusal.value.type, refusal.value.code) == ("authentication_error", "invalid_api_key")


async def test_with_a_key_of_our_own_callers_need_none(llama: str) -> None:
    async with asking(f"{llama}/v1", key="sk-of-nobody", api_key=KEY) as client:
        answer = await client.chat.completions.create(model="llama/tiny", messages=HELLO)

    assert answer.choices[0].finish_reason == "stop"


async def test_a_key_of_our_own_that_it_does_not_know_is_no_fault_of_the_caller(llama: str) -> None:
    async with asking(f"{llama}/v1", api_key="sk-wrong-one") as client:
        with pytest.raises(InternalServerError) as failure:
            await client.chat.completions.create(model="llama/tiny", messages=HELLO)

    assert failure.value.code == "upstream_authentication_failed"


async def test_a_prompt_longer_than_its_context_is_the_callers_fault(llama: str) -> None:
    long: list[ChatCompletionMessageParam] = [{"role": "user", "content": "word " * 1000}]

    async with asking(f"{llama}/v1") as client:
        for stream in (False, True):
            with pytest.raises(Exception, match="context") as refusal:
                await client.chat.completions.create(
                    model="llama/tiny", messages=long, stream=stream
                )
            assert getattr(refusal.value, "status_code", None) == 400


async def test_many_ask_at_once(llama: str) -> None:
    async with asking(f"{llama}/v1") as client:
        answers = await asyncio.gather(
            *(client.chat.completions.create(model="llama/tiny", messages=HELLO) for _ in range(20))
        )

    assert {answer.choices[0].message.content for answer in answers} == {" Hello from a tiny model"}


async def test_when_its_address_is_wrong_the_caller_is_told_more_than_not_found(
    llama: str,
) -> None:
    async with asking(f"{llama}/no/such/path") as client:
        with pytest.raises(Exception, match="The upstream says: File Not Found"):
            await client.chat.completions.create(model="llama/tiny", messages=HELLO)


async def test_it_calls_a_tool_and_hears_what_that_gave(llama: str) -> None:
    async with asking(f"{llama}/v1") as client:
        asked = await client.chat.completions.create(
            model="llama/tiny", messages=HELLO, tools=[TOOL], parallel_tool_calls=False
        )
        message = asked.choices[0].message
        assert message.tool_calls is not None
        (call,) = message.tool_calls
        history: list[Any] = [
            *HELLO,
            message,
            {"role": "tool", "tool_call_id": call.id, "content": "found"},
        ]
        answer = await client.chat.completions.create(
            model="llama/tiny", messages=history, tools=[TOOL]
        )

    assert asked.choices[0].finish_reason == "tool_calls"
    assert call.type == "function"
    assert (call.function.name, json.loads(call.function.arguments)) == ("look_up", {"x": "a"})
    # It reads a tool's answer as the end of a turn: it would call once more after a user's.
    assert answer.choices[0].message.content == "Hello from a tiny model"


async def test_it_calls_a_tool_in_pieces(llama: str) -> None:
    async with (
        asking(f"{llama}/v1") as client,
        client.chat.completions.stream(model="llama/tiny", messages=HELLO, tools=[TOOL]) as stream,
    ):
        pieces = [
            event.arguments_delta
            async for event in stream
            if event.type == "tool_calls.function.arguments.delta"
        ]
        answer = await stream.get_final_completion()

    calls = answer.choices[0].message.tool_calls
    assert calls is not None
    (call,) = calls
    assert len(pieces) > 1
    assert json.loads("".join(pieces)) == json.loads(call.function.arguments) == {"x": "a"}
    assert answer.choices[0].finish_reason == "tool_calls"


async def test_it_keeps_to_a_schema(llama: str) -> None:
    class Found(BaseModel):
        x: Literal["a", "b"]

    async with asking(f"{llama}/v1") as client:
        answer = await client.chat.completions.parse(
            model="llama/tiny", messages=HELLO, response_format=Found, seed=1
        )

    found = answer.choices[0].message.parsed
    assert found is not None
    assert found.x in {"a", "b"}


@pytest.mark.parametrize(
    "fields",
    [
        {"tools": [TOOL]},
        {"tools": [TOOL], "tool_choice": "required"},
        {"response_format": {"type": "json_object"}, "max_tokens": 9},
        {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}}},
        {"logprobs": True, "top_logprobs": 3},
        {"n": 2},
        {"frequency_penalty": 1, "presence_penalty": -1, "max_tokens": 9},
        {"logit_bias": {"260": -100}, "max_tokens": 9},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_what_it_answers_comes_through_in_every_field(llama: str, fields: dict[str, Any]) -> None:
    upstream = Upstream(name="llama", base_url=f"{llama}/v1")
    body = {"messages": HELLO, "seed": 1, "max_tokens": 40, **fields}

    with running_gateway(OpenAIAdapter(upstream)) as gateway:
        for stream in (False, True):
            asked = {**body, "stream": stream}
            theirs = said(f"{llama}/v1", {**asked, "model": "tiny"})
            ours = said(f"{gateway.url}/v1", {**asked, "model": "llama/tiny"})

            assert ours == theirs
            assert ours[0]["choices"]


def said(url: str, body: dict[str, Any]) -> list[Any]:
    """Give what is answered, in one piece or more, without what is never the same twice."""
    response = httpx2.post(
        f"{url}/chat/completions", json=body, headers={"authorization": f"Bearer {KEY}"}
    )
    assert response.status_code == 200, response.text
    lines = response.text.splitlines()
    events = [line.removeprefix("data: ") for line in lines if line and line != "data: [DONE]"]
    return [_lasting(json.loads(event)) for event in events]


def _lasting(value: Any) -> Any:
    """Leave out ids, times, what its cache did, and null, which is as if left out."""
    if isinstance(value, dict):
        passing = {"created", "id", "model", "prompt_tokens_details", "timings"}
        return {
            name: _lasting(item)
            for name, item in value.items()
            if name not in passing and item is not None
        }
    return [_lasting(item) for item in value] if isinstance(value, list) else value


async def test_what_it_does_not_take_it_says_itself(llama: str) -> None:
    image: list[ChatCompletionMessageParam] = [
        {
            "role": "user",
            "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}],
        }
    ]

    async with asking(f"{llama}/v1") as client:
        with pytest.raises(BadRequestError, match="Field 'n'"):
            await client.chat.completions.create(model="llama/tiny", messages=HELLO, n=7)
        with pytest.raises(InternalServerError, match="image input is not supported"):
            await client.chat.completions.create(model="llama/tiny", messages=image)


def test_it_is_llama_cpp(llama: str) -> None:
    assert httpx2.get(f"{llama}/health").headers["server"] == "llama.cpp"
