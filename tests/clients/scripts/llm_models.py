"""`llm`, by its library, with the models of its `extra-openai-models.yaml`."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path

from asking import AGAIN, HELLO, KEY, URL, tell

home = Path(os.environ["LLM_USER_PATH"])
names = ("words", "endless", "locked", "nobody", "busy")
(home / "extra-openai-models.yaml").write_text(
    "".join(
        f"- model_id: {name}\n  model_name: clients/{name}\n  api_base: {URL}\n" for name in names
    )
)

import llm  # noqa: E402  It reads that file.

conversation = llm.get_model("words").conversation()


def plain() -> str:
    return conversation.prompt(HELLO, stream=False, key=KEY).text()


def second() -> str:
    return conversation.prompt(AGAIN, stream=False, key=KEY).text()


def stream() -> Iterator[str]:
    yield from llm.get_model("words").prompt(HELLO, key=KEY)


def leave() -> None:
    pieces = iter(llm.get_model("endless").prompt(HELLO, key=KEY))
    next(pieces)
    pieces.close()
    gc.collect()


def fail(model: str) -> object:
    return llm.get_model(model.removeprefix("clients/")).prompt(HELLO, key=KEY).text()


tell(plain=plain, second=second, stream=stream, leave=leave, fail=fail)
