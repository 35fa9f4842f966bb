"""LangChain for Python."""

from collections.abc import Iterator

from asking import AGAIN, ENDLESS, HELLO, KEY, URL, WORDS, tell
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI


def model(name: str = WORDS) -> ChatOpenAI:
    return ChatOpenAI(model=name, base_url=URL, api_key=KEY, max_retries=1)


history = [HumanMessage(HELLO)]


def plain() -> str:
    history.append(model().invoke(history))
    return history[-1].text


def second() -> str:
    return model().invoke([*history, HumanMessage(AGAIN)]).text


def stream() -> Iterator[str]:
    for chunk in model().stream(HELLO):
        yield chunk.text


def leave() -> None:
    chunks = model(ENDLESS).stream(HELLO)
    next(chunks)
    chunks.close()


def fail(name: str) -> object:
    return model(name).invoke(HELLO)


tell(plain=plain, second=second, stream=stream, leave=leave, fail=fail)
