"""What a class must look like to be an adapter; told when it is defined, not when it is called."""

import inspect
import re
from abc import ABC
from collections.abc import Collection
from difflib import get_close_matches

from veneer_protocol.features import Feature

_PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII)
_ANSWERS = ("create_chat_completion", "stream_chat_completion")
_KNOWN = frozenset(Feature)
_COROUTINES = ("create_chat_completion", "list_models", "shutdown", "startup")
_FUNCTIONS = ("features_of",)
_GENERATORS = ("generate", "stream_chat_completion")

_RIGHT_FORMS = {
    "generate": """
    async def generate(self, request, context):
        yield …  # str""",
    "list_models": """
    async def list_models(self, context):
        return [Model(id="acme/chat-1", object="model", created=0, owned_by="acme")]""",
}
_ANSWER_FORMS = """Write one of:
    async def stream_chat_completion(self, request, context):
        yield …  # ChatCompletionChunk, the last with a finish reason
    async def create_chat_completion(self, request, context):
        return …  # ChatCompletion"""


def check_prefix(prefix: object, owner: str) -> None:
    """See that model ids can begin with `prefix` and a slash.

    Raises:
        TypeError: they cannot.
    """
    if not isinstance(prefix, str) or not _PREFIX.fullmatch(prefix):
        raise TypeError(
            f"{owner}: the model prefix {prefix!r} must be letters, digits, '.', '_' or '-', and "
            "begin with a letter or digit; it stands before the slash of every model id."
        )


def check_features(features: object, owner: str) -> None:
    """See that `features` holds names of features.

    Raises:
        TypeError: it does not; the message names the nearest right one.
    """
    if isinstance(features, str) or not isinstance(features, Collection):
        raise TypeError(
            f"{owner}: features must be a collection, not {features!r}. "
            "Write `frozenset({Feature.TOOLS})`."
        )
    for name in features:
        if not isinstance(name, str) or name not in _KNOWN:
            near = get_close_matches(str(name), list(Feature), n=1)
            advice = f"Did you mean {str(near[0])!r}?" if near else f"Known: {', '.join(Feature)}."
            raise TypeError(f"{owner}: there is no feature {name!r}. {advice}")


def check_definition(adapter: type, base: type) -> None:
    """See that `adapter`, a subclass of `base`, can do what an adapter must.

    A class that names ABC among its bases is there to be derived from, and may be incomplete.

    Raises:
        TypeError: a method is missing or of the wrong kind, or the name, the prefix or a feature
            is no good; the message shows what to write.
    """
    _check_kinds(adapter, base)
    if not hasattr(features := inspect.getattr_static(adapter, "features"), "__get__"):
        check_features(features, adapter.__qualname__)
    if ABC in adapter.__bases__:
        return
    for name, form in _RIGHT_FORMS.items():
        if getattr(getattr(adapter, name, None), "__isabstractmethod__", False):
            raise TypeError(f"{adapter.__qualname__} has no {name}. Write:{form}")
    if all(getattr(adapter, name) is getattr(base, name) for name in _ANSWERS):
        raise TypeError(f"{adapter.__qualname__} answers nothing. {_ANSWER_FORMS}")
    _check_name(adapter, base)


def _check_kinds(adapter: type, base: type) -> None:
    for name in {*_COROUTINES, *_FUNCTIONS, *_GENERATORS} & vars(adapter).keys():
        method = inspect.unwrap(vars(adapter)[name])
        if getattr(method, "__isabstractmethod__", False):
            continue
        if name in _COROUTINES and not inspect.iscoroutinefunction(method):
            raise TypeError(
                f"{adapter.__qualname__}.{name} must be a coroutine: write `async def {name}(…)`. "
                "A call that blocks goes into `await asyncio.to_thread(…)`."
            )
        if name in _FUNCTIONS and inspect.iscoroutinefunction(method):
            raise TypeError(
                f"{adapter.__qualname__}.{name} must be a plain function: write `def {name}(…)`. "
                "It looks up what is known already."
            )
        if name in _GENERATORS and not inspect.isasyncgenfunction(method):
            raise TypeError(
                f"{adapter.__qualname__}.{name} must be an async generator: write "
                f"`async def {name}(…)` with a `yield` in it. An iterator that blocks goes into "
                "`await asyncio.to_thread(next, …)`."
            )


def _check_name(adapter: type, base: type) -> None:
    if adapter.__init__ is not base.__init__:  # type: ignore[misc]  # It may name the instance.
        return
    name = getattr(adapter, "name", None)
    if name is None:
        raise TypeError(f'{adapter.__qualname__} has no name: write `name = "acme"` in the class.')
    prefix = inspect.getattr_static(adapter, "model_prefix")
    check_prefix(name if isinstance(prefix, property) else prefix, adapter.__qualname__)
