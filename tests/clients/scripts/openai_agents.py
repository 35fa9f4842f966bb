"""The OpenAI Agents SDK for Python, by Chat Completions."""

import asyncio

from agents import (
    Agent,
    OpenAIChatCompletionsModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from asking import AGAIN, ENDLESS, HELLO, HELPER, KEY, URL, WEATHER, WORDS, tell
from openai import AsyncOpenAI
from pydantic import BaseModel

set_tracing_disabled(disabled=True)  # Traces would go to OpenAI.
history: list[object] = []


class Person(BaseModel):
    name: str
    age: int


@function_tool
def get_weather(city: str) -> str:
    return f"sunny in {city}"


def agent(model: str = WORDS, **options: object) -> Agent:
    client = AsyncOpenAI(base_url=URL, api_key=KEY, max_retries=1)
    return Agent("clients", model=OpenAIChatCompletionsModel(model, client), **options)


def plain() -> str:
    result = Runner.run_sync(agent(), HELLO)
    history.extend(result.to_input_list())
    return result.final_output


def second() -> str:
    asked = [*history, {"role": "user", "content": AGAIN}]
    return Runner.run_sync(agent(), asked).final_output


async def pieces(model: str, most: int) -> list[str]:
    result = Runner.run_streamed(agent(model), HELLO)
    found = []
    async for event in result.stream_events():
        if getattr(event, "data", None) and event.data.type == "response.output_text.delta":
            found.append(event.data.delta)
            if len(found) == most:
                result.cancel()
    return found


def stream() -> list[str]:
    return asyncio.run(pieces(WORDS, most=-1))


def tool() -> str:
    return Runner.run_sync(agent(HELPER, tools=[get_weather]), WEATHER).final_output


def tool_stream() -> str:
    async def read() -> str:
        result = Runner.run_streamed(agent(HELPER, tools=[get_weather]), WEATHER)
        async for _ in result.stream_events():
            pass
        return result.final_output

    return asyncio.run(read())


def schema() -> dict[str, object]:
    return Runner.run_sync(agent(HELPER, output_type=Person), HELLO).final_output.model_dump()


def leave() -> None:
    asyncio.run(pieces(ENDLESS, most=1))


def fail(model: str) -> object:
    return Runner.run_sync(agent(model), HELLO)


tell(
    plain=plain,
    second=second,
    stream=stream,
    tool=tool,
    tool_stream=tool_stream,
    schema=schema,
    leave=leave,
    fail=fail,
)
