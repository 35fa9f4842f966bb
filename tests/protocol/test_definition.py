"""A class that cannot be an adapter is refused when it is defined, with the right form shown."""

import functools
from abc import ABC
from collections.abc import Callable
from typing import Any

import pytest

from veneer_protocol import Feature, ProviderAdapter, TextAdapter, check_prefix


async def coroutine(*_: Any) -> Any:
    return None


async def generator(*_: Any) -> Any:
    yield


def blocking(*_: Any) -> Any:
    return None


def blocking_generator(*_: Any) -> Any:
    yield


def define(base: type = ProviderAdapter, *bases: type, **body: Any) -> type:
    whole = {"name": "acme", "list_models": coroutine, "stream_chat_completion": generator}
    given = body if base is TextAdapter else {**whole, **body}
    kept = {name: value for name, value in given.items() if value is not None}
    return type(base)("Acme", (base, *bases), kept)


def text(**body: Any) -> type:
    return define(TextAdapter, **{"name": "acme", "models": ("one",), "generate": generator} | body)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"stream_chat_completion": None}, "async def stream_chat_completion(self, request"),
        ({"list_models": None}, "async def list_models(self, context)"),
        ({"name": None}, 'write `name = "acme"`'),
        ({"name": ""}, "model prefix ''"),
        ({"name": "a/b"}, "model prefix 'a/b'"),
        ({"name": 3}, "model prefix 3"),
        ({"model_prefix": "a b"}, "model prefix 'a b'"),
        ({"list_models": blocking}, "write `async def list_models(…)`"),
        ({"startup": blocking}, "write `async def startup(…)`"),
        ({"shutdown": generator}, "write `async def shutdown(…)`"),
        ({"create_chat_completion": blocking}, "asyncio.to_thread"),
        ({"stream_chat_completion": blocking}, "with a `yield` in it"),
        ({"stream_chat_completion": blocking_generator}, "asyncio.to_thread(next"),
        ({"stream_chat_completion": coroutine}, "with a `yield` in it"),
        ({"features": {"tool"}}, "Did you mean 'tools'?"),
        ({"features": ["json-schema"]}, "Did you mean 'json_schema'?"),
        ({"features": {"zzz"}}, "no feature 'zzz'. Known: tools, custom_tools"),
        ({"features": {3}}, "no feature 3."),
        ({"features": "tools"}, "Write `frozenset({Feature.TOOLS})`"),
        ({"features": Feature.TOOLS}, "Write `frozenset({Feature.TOOLS})`"),
        ({"features": 3}, "must be a collection, not 3"),
        ({"features_of": coroutine}, "write `def features_of(…)`"),
    ],
)
def test_a_wrong_adapter_is_refused(body: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError) as refusal:
        define(**body)

    assert message in str(refusal.value)
    assert str(refusal.value).startswith("Acme")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"generate": None}, "async def generate(self, request, context)"),
        ({"generate": coroutine}, "with a `yield` in it"),
        ({"generate": blocking_generator}, "with a `yield` in it"),
        ({"models": None}, 'models = ("chat-1",)'),
        ({"name": None}, 'write `name = "acme"`'),
    ],
)
def test_a_wrong_text_adapter_is_refused(body: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError) as refusal:
        text(**body)

    assert message in str(refusal.value)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"create_chat_completion": coroutine, "stream_chat_completion": None},
        {"create_chat_completion": coroutine},
        {"name": "Acme-2.test_x"},
        {"model_prefix": "other"},
        {"name": None, "__init__": blocking},
        {"features": {Feature.TOOLS, "images"}},
        {"features": ()},
        {"features": property(blocking), "features_of": blocking},
    ],
)
def test_a_right_adapter_is_taken(body: dict[str, Any]) -> None:
    assert issubclass(define(**body), ProviderAdapter)


@pytest.mark.parametrize(
    "body",
    [{}, {"models": None, "list_models": coroutine}, {"models": None, "__init__": blocking}],
)
def test_a_right_text_adapter_is_taken(body: dict[str, Any]) -> None:
    assert issubclass(text(**body), TextAdapter)


def test_a_method_behind_a_decorator_is_known_by_what_it_wraps() -> None:
    def logged(method: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(method)
        def call(*given: Any) -> Any:
            return method(*given)

        return call

    assert define(create_chat_completion=logged(coroutine))
    with pytest.raises(TypeError):
        define(create_chat_completion=logged(blocking))


def test_a_class_to_derive_from_may_be_incomplete() -> None:
    base = define(ProviderAdapter, ABC, name=None, stream_chat_completion=None)

    with pytest.raises(TypeError, match="answers nothing"):
        type(base)("Acme", (base,), {"name": "acme"})


@pytest.mark.parametrize("prefix", ["a", "A1", "acme-2.x_y"])
def test_a_prefix_of_plain_letters_is_taken(prefix: str) -> None:
    check_prefix(prefix, "Acme")


@pytest.mark.parametrize("prefix", ["", "a/b", "a b", ".a", "-a", "가", "a\n", None])
def test_another_prefix_is_refused(prefix: object) -> None:
    with pytest.raises(TypeError, match="before the slash"):
        check_prefix(prefix, "Acme")
