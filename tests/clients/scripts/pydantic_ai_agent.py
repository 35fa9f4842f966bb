"""Pydantic AI."""

import asyncio

from asking import AGAIN, ENDLESS, HELLO, HELPER, KEY, URL, WEATHER, WORDS, tell
from openai import AsyncOpenAI
from pydantic import BaseModel
from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

history: list[ModelMessage] = []


class Person(BaseModel):
    name: str
    age: int


def agent(model: str = WORDS, **options: object) -> Agent:
    client = AsyncOpenAI(base_url=URL, api_key=KEY, max_retries=1)
    return Agent(OpenAIChatModel(model, provider=OpenAIProvider(openai_client=client)), **options)


def get_weather(city: str) -> str:
    return f"sunny in {city}"


def plain() -> str:
    result = agent().run_sync(HELLO)
    history.extend(result.all_messages())
    return result.output


def second() -> str:
    return agent().run_sync(AGAIN, message_history=history).output


def stream() -> list[str]:
    async def read() -> list[str]:
        async with agent().run_stream(HELLO) as result:
            return [piece async for piece in result.stream_text(delta=True, debounce_by=None)]

    return asyncio.run(read())


def tool() -> str:
    return agent(HELPER, tools=[get_weather]).run_sync(WEATHER).output


def tool_stream() -> str:
    async def read() -> str:
        async with agent(HELPER, tools=[get_weather]).run_stream(WEATHER) as result:
            return await result.get_output()

    return asyncio.run(read())


def schema() -> dict[str, object]:
    """Ask for a type; by default, that is a tool that must be called."""
    return agent(HELPER, output_type=Person).run_sync(HELLO).output.model_dump()


def leave() -> None:
    async def begin() -> None:
        async with agent(ENDLESS).run_stream(HELLO) as result:
            async for _ in result.stream_text(delta=True, debounce_by=None):
                await result.cancel()
                return

    asyncio.run(begin())


def fail(model: str) -> object:
    return agent(model).run_sync(HELLO)


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
