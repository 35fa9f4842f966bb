"""The OpenAI Agents SDK for Python, by Chat Completions."""

import asyncio

from agents import Agent, OpenAIChatCompletionsModel, Runner, set_tracing_disabled
from asking import AGAIN, ENDLESS, HELLO, KEY, URL, WORDS, tell
from openai import AsyncOpenAI

set_tracing_disabled(disabled=True)  # Traces would go to OpenAI.
history: list[object] = []


def agent(model: str = WORDS) -> Agent:
    client = AsyncOpenAI(base_url=URL, api_key=KEY, max_retries=1)
    return Agent("clients", model=OpenAIChatCompletionsModel(model, client))


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


def leave() -> None:
    asyncio.run(pieces(ENDLESS, most=1))


def fail(model: str) -> object:
    return Runner.run_sync(agent(model), HELLO)


tell(plain=plain, second=second, stream=stream, leave=leave, fail=fail)
