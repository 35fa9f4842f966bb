"""What the tests of the kit look at, and how they say what they found."""

import logging
import os
import socket
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TypeVar

import pytest
from blockbuster import BlockBuster
from openai import APIStatusError
from pydantic import BaseModel, ValidationError

from veneer_protocol.errors import ApiError

_DESCRIPTORS = "/dev/fd"
_SHORTEST_SECRET = 8  # What is shorter may stand in a text by chance.
_BLOCKING = ("socket.", "sqlite3.", "ssl.", "time.")

E = TypeVar("E", bound=BaseException)


def check_types(model: BaseModel) -> None:
    """Fail where a field of `model` is not what its type says."""
    try:
        text = model.model_dump_json(exclude_unset=True, warnings=False)
        type(model).model_validate_json(text, strict=True)
    except (ValidationError, ValueError) as error:
        pytest.fail(f"{type(model).__name__} is not as its type wants: {error}", pytrace=False)


def compare(
    what: str, one: object, other: object, first: str = "plain", second: str = "streamed"
) -> None:
    """Fail where two answers are not alike."""
    if one != other:
        pytest.fail(f"the {what} is {one!r} {first}, and {other!r} {second}", pytrace=False)


@contextmanager
def refused(kind: type[Exception], model: str) -> Iterator[None]:
    """Fail unless the block, which asks for `model`, raises `kind`."""
    try:
        yield
    except kind:
        return
    except (ApiError, APIStatusError) as error:
        told = f"{type(error).__name__}: {error}"
        pytest.fail(f"{model!r} is refused by {told}; {kind.__name__} is due", pytrace=False)
    pytest.fail(f"{model!r} is not refused; {kind.__name__} is due", pytrace=False)


def everything(record: logging.LogRecord) -> str:
    """Give all that a handler may write of `record`: message, traceback, and what is beside it."""
    return f"{logging.Formatter().format(record)} {vars(record)}"


def check_secrets(headers: Mapping[str, str], places: Mapping[str, Iterable[str]]) -> None:
    """Fail where a text, listed by its place, holds the value of a header that is a secret."""
    for place, texts in places.items():
        for text in texts:
            for name, value in headers.items():
                secret = value.removeprefix("Bearer ")
                if len(secret) >= _SHORTEST_SECRET and secret in text:
                    shown = text.replace(secret, "***")
                    pytest.fail(f"the value of {name} is in {place}: {shown}", pytrace=False)


def sockets() -> set[int]:
    """Give the descriptors of the sockets that this process has open to somebody.

    Not those whose other side has left: they are the stand-in's ends of closed connections.
    """
    if not os.path.isdir(_DESCRIPTORS):
        pytest.skip(f"there is no {_DESCRIPTORS} here to count the open sockets by")
    found = set()
    for number in map(int, os.listdir(_DESCRIPTORS)):
        with suppress(OSError):  # Closed meanwhile, like the one by which the folder is read.
            if stat.S_ISSOCK(os.fstat(number).st_mode) and not _is_left(number):
                found.add(number)
    return found


def _is_left(number: int) -> bool:
    with socket.socket(fileno=os.dup(number)) as copy, suppress(OSError):
        return not copy.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    return False


@contextmanager
def blocking_calls_refused() -> Iterator[None]:
    """Raise a BlockingError out of every call in the block that holds up the event loop."""
    refusal = BlockBuster()
    # Files stay allowed, for a log or a late import may need one.
    for name in list(refusal.functions):
        if not name.startswith(_BLOCKING):
            del refusal.functions[name]
    refusal.activate()
    try:
        yield
    finally:
        refusal.deactivate()


def find(kind: type[E], error: BaseException | None) -> E | None:
    """Find an error of `kind` among what led to `error`."""
    while error is not None and not isinstance(error, kind):
        error = error.__cause__ or error.__context__
    return error
