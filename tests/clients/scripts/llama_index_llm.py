"""LlamaIndex."""

import gc
from collections.abc import Iterator

from asking import AGAIN, ENDLESS, HELLO, KEY, URL, WORDS, tell
from llama_index.core.llms import ChatMessage
from llama_index.llms.openai_like import OpenAILike


def model(name: str = WORDS) -> OpenAILike:
    return OpenAILike(model=name, api_base=URL, api_key=KEY, is_chat_model=True, max_retries=1)


history = [ChatMessage(HELLO)]


def plain() -> str:
    message = model().chat(history).message
    history.append(message)
    return message.content


def second() -> str:
    return model().chat([*history, ChatMessage(AGAIN)]).message.content


def stream() -> Iterator[str]:
    for part in model().stream_chat(history[:1]):
        yield part.delta


def leave() -> None:
    parts = model(ENDLESS).stream_chat(history[:1])
    next(parts)
    parts.close()
    gc.collect()


def fail(name: str) -> object:
    return model(name).chat(history[:1])


tell(
    plain=plain,
    second=second,
    stream=stream,
    leave=leave,
    fail=fail,
)
