"""What every script in Python does with its client, and how it tells of it."""

import json
import os
import time
from collections.abc import Callable, Iterator
from urllib.request import Request, urlopen

URL = os.environ["VENEER_URL"]
KEY = os.environ["VENEER_KEY"]

WORDS = "clients/words"
ENDLESS = "clients/endless"
HELPER = "clients/helper"
HELLO = "hello there"
AGAIN = "and again"
WEATHER = "How is the weather?"


def tell(
    *,
    fail: Callable[[str], object],
    leave: Callable[[], object] | None = None,
    **steps: Callable[[], object],
) -> None:
    """Do it all, and print as JSON what came of it.

    Steps give what the client was told; of pieces, all. `fail` asks the model that it is given,
    `leave` begins the stream of `ENDLESS` and ends it.
    """
    told = {name: _whole(step()) for name, step in steps.items()}
    errors = {name: _failure(fail, f"clients/{name}") for name in ("locked", "nobody", "busy")}
    if leave is not None:
        leave()
    hangs_up = None if leave is None else _has_left()
    print(json.dumps({"told": told, "errors": errors, "hangs_up": hangs_up}))


def _whole(told: object) -> object:
    return list(told) if isinstance(told, Iterator) else told


def _failure(fail: Callable[[str], object], model: str) -> str:
    try:
        return f"none, but {fail(model)!r}"
    except Exception as error:  # noqa: BLE001  What it raises is the question.
        return type(error).__name__


def _has_left() -> bool:
    """Ask the adapter whether the stream was given up while this process lives."""
    body = {"model": "clients/left", "messages": [{"role": "user", "content": "?"}]}
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    question = Request(f"{URL}/chat/completions", json.dumps(body).encode(), headers)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        with urlopen(question) as answer:
            if json.load(answer)["choices"][0]["message"]["content"] == "yes":
                return True
        time.sleep(0.05)
    return False
