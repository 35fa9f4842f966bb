"""LiteLLM as a client."""

import os
from collections.abc import Iterator

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # Else it is fetched on import.

import litellm
from asking import AGAIN, ENDLESS, HELLO, KEY, URL, WORDS, tell


def ask(messages: list[object], model: str = WORDS, **options: object) -> object:
    return litellm.completion(
        model=f"openai/{model}", api_base=URL, api_key=KEY, messages=messages, **options
    )


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


def leave() -> None:
    chunks = ask(history[:1], model=ENDLESS, stream=True)
    next(chunks)
    chunks.completion_stream.close()


def fail(model: str) -> object:
    return ask(history[:1], model=model, max_retries=1)


tell(plain=plain, second=second, stream=stream, leave=leave, fail=fail)
