"""LiteLLM as a client."""

import json
import os
from collections.abc import Iterator

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # Else it is fetched on import.

import litellm
from asking import AGAIN, ENDLESS, HELLO, HELPER, KEY, URL, WEATHER, WORDS, tell
from pydantic import BaseModel


def ask(messages: list[object], model: str = WORDS, **options: object) -> object:
    return litellm.completion(
        model=f"openai/{model}", api_base=URL, api_key=KEY, messages=messages, **options
    )


class Person(BaseModel):
    name: str
    age: int


CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
tools = [{"type": "function", "function": {"name": "get_weather", "parameters": CITY}}]
question = {"role": "user", "content": WEATHER}
history: list[object] = [{"role": "user", "content": HELLO}]


def plain() -> str:
    message = ask(history).choices[0].message
    history.append(message)
    return message.content


def second() -> str:
    return ask([*history, {"role": "user", "content": AGAIN}]).choices[0].message.content


def stream() -> Iterator[str]:
    for chunk in ask(history[:1], stream=True):
        yield chunk.choices[0].delta.content or ""


def tool() -> str:
    return _told(ask([question], model=HELPER, tools=tools))


def tool_stream() -> str:
    chunks = ask([question], model=HELPER, tools=tools, stream=True)
    return _told(litellm.stream_chunk_builder(list(chunks)))


def _told(answer: object) -> str:
    message = answer.choices[0].message
    (call,) = message.tool_calls
    content = f"sunny in {json.loads(call.function.arguments)['city']}"
    found = {"role": "tool", "tool_call_id": call.id, "content": content}
    again = ask([question, message, found], model=HELPER, tools=tools)
    return again.choices[0].message.content


def schema() -> dict[str, object]:
    answer = ask(history[:1], model=HELPER, response_format=Person)
    return Person.model_validate_json(answer.choices[0].message.content).model_dump()


def leave() -> None:
    chunks = ask(history[:1], model=ENDLESS, stream=True)
    next(chunks)
    chunks.completion_stream.close()


def fail(model: str) -> object:
    return ask(history[:1], model=model, max_retries=1)


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
