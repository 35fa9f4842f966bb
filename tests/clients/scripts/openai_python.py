"""The official client for Python."""

from collections.abc import Iterator
from functools import partial

from asking import AGAIN, ENDLESS, HELLO, KEY, URL, WORDS, tell
from openai import OpenAI

ask = partial(OpenAI(base_url=URL, api_key=KEY, max_retries=1).chat.completions.create, model=WORDS)
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


def leave() -> None:
    with ask(model=ENDLESS, messages=history, stream=True) as chunks:
        next(iter(chunks))


def fail(model: str) -> object:
    return ask(model=model, messages=history)


tell(plain=plain, second=second, stream=stream, leave=leave, fail=fail)
