"""LangChain for Python."""

from collections.abc import Iterator

from asking import AGAIN, ENDLESS, HELLO, HELPER, KEY, URL, WEATHER, WORDS, tell
from langchain_core.messages import HumanMessage
from langchain_core.tools import tool as as_tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel


def model(name: str = WORDS) -> ChatOpenAI:
    return ChatOpenAI(model=name, base_url=URL, api_key=KEY, max_retries=1)


class Person(BaseModel):
    name: str
    age: int


@as_tool
def get_weather(city: str) -> str:
    """Tell the weather."""
    return f"sunny in {city}"


history = [HumanMessage(HELLO)]


def plain() -> str:
    history.append(model().invoke(history))
    return history[-1].text


def second() -> str:
    return model().invoke([*history, HumanMessage(AGAIN)]).text


def stream() -> Iterator[str]:
    for chunk in model().stream(HELLO):
        yield chunk.text


def tool() -> str:
    helper, question = model(HELPER).bind_tools([get_weather]), HumanMessage(WEATHER)
    message = helper.invoke([question])
    return helper.invoke([question, message, get_weather.invoke(message.tool_calls[0])]).text


def tool_stream() -> str:
    helper, question = model(HELPER).bind_tools([get_weather]), HumanMessage(WEATHER)
    first, *rest = helper.stream([question])
    message = sum(rest, start=first)
    return helper.invoke([question, message, get_weather.invoke(message.tool_calls[0])]).text


def schema() -> dict[str, object]:
    return model(HELPER).with_structured_output(Person).invoke(HELLO).model_dump()


def leave() -> None:
    chunks = model(ENDLESS).stream(HELLO)
    next(chunks)
    chunks.close()


def fail(name: str) -> object:
    return model(name).invoke(HELLO)


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
