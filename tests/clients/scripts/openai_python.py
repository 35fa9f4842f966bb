"""The official client for Python."""

import json
from collections.abc import Iterator
from functools import partial

from asking import AGAIN, ENDLESS, HELLO, HELPER, KEY, URL, WEATHER, WORDS, tell
from openai import OpenAI, pydantic_function_tool
from pydantic import BaseModel

completions = OpenAI(base_url=URL, api_key=KEY, max_retries=1).chat.completions
ask = partial(completions.create, model=WORDS)
history = [{"role": "user", "content": HELLO}]


def plain() -> str:
    message = ask(messages=history).choices[0].message
    history.append(message)
    return message.content


def second() -> str:
    history.append({"role": "user", "content": AGAIN})
    return ask(messages=history).choices[0].message.content


def stream() -> Iterator[str]:
    for chunk in ask(messages=history[:1], stream=True):
        yield chunk.choices[0].delta.content or ""


class GetWeather(BaseModel):
    city: str


class Person(BaseModel):
    name: str
    age: int


tools = [pydantic_function_tool(GetWeather)]


def tool() -> str:
    messages = [{"role": "user", "content": WEATHER}]
    messages.append(ask(model=HELPER, messages=messages, tools=tools).choices[0].message)
    (call,) = messages[-1].tool_calls
    return _told(messages, call.id, json.loads(call.function.arguments)["city"])


def tool_stream() -> str:
    messages = [{"role": "user", "content": WEATHER}]
    with completions.stream(model=HELPER, messages=messages, tools=tools) as events:
        messages.append(events.get_final_completion().choices[0].message)
    (call,) = messages[-1].tool_calls
    return _told(messages, call.id, call.function.parsed_arguments.city)


def _told(messages: list[object], call: str, city: str) -> str:
    messages.append({"role": "tool", "tool_call_id": call, "content": f"sunny in {city}"})
    return ask(model=HELPER, messages=messages, tools=tools).choices[0].message.content


def schema() -> dict[str, object]:
    answer = completions.parse(model=HELPER, messages=history[:1], response_format=Person)
    return answer.choices[0].message.parsed.model_dump()


def leave() -> None:
    with ask(model=ENDLESS, messages=history, stream=True) as chunks:
        next(iter(chunks))


def fail(model: str) -> object:
    return ask(model=model, messages=history)


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
