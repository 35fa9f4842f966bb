"""Pydantic AI."""

import asyncio

from asking import AGAIN, ENDLESS, HELLO, KEY, URL, WORDS, tell
from openai import AsyncOpenAI
from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

history: list[ModelMessage] = []


def agent(model: str = WORDS) -> Agent:
    client = AsyncOpenAI(base_url=URL, api_key=KEY, max_retries=1)
    return Agent(OpenAIChatModel(model, provider=OpenAIProvider(openai_client=client)))


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


def leave() -> None:
    async def begin() -> None:
        async with agent(ENDLESS).run_stream(HELLO) as result:
            async for _ in result.stream_text(delta=True, debounce_by=None):
                await result.cancel()
                return

    asyncio.run(begin())


def fail(model: str) -> object:
    return agent(model).run_sync(HELLO)


tell(plain=plain, second=second, stream=stream, leave=leave, fail=fail)
