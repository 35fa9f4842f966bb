"""What is installed, what of it works, who serves a model, and how it answers."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar, cast

from openai.types.chat import ChatCompletionChunk

from veneer_gateway.patience import within
from veneer_gateway.registry import Provider, Registry
from veneer_gateway.routes.models import features_of, list_models
from veneer_protocol import (
    ChatCompletionRequest,
    Headers,
    Message,
    ProviderAdapter,
    RequestContext,
    StreamGuard,
    check_completion,
)

PROBE_TIMEOUT_SECONDS = 60
_PROBE_MESSAGES = (Message(role="user", content="Say hello."),)
_PROBE_TOKENS = 16


@dataclass(frozen=True)
class Probe:
    """One small request, really asked."""

    model: str
    mode: str
    """`plain` or `stream`."""
    seconds: float
    """Until the whole answer was there, or the failure."""
    problem: str | None
    """Why it failed, if it did."""


@dataclass(frozen=True)
class Checkup:
    """One provider, looked at."""

    provider: Provider
    models: tuple[str, ...]
    problem: str | None
    """Why it does not serve, or cannot list its models."""
    features: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """What each of its models declares, if it declares anything."""

    def to_json(self) -> dict[str, Any]:
        """Give it for machines."""
        return {
            "name": self.provider.name,
            "prefix": self.provider.prefix,
            "origin": self.provider.origin,
            "models": list(self.models),
            "problem": self.problem,
        }


@dataclass(frozen=True)
class Verdict:
    """Who serves a model, or why nobody does."""

    model: str
    provider: str | None
    """The name of the one whose prefix it has."""
    problem: str | None
    features: Sequence[str] = ()
    """What the model declares."""

    def to_json(self) -> dict[str, Any]:
        """Give it for machines, with its features if it declares any."""
        said = {"model": self.model, "provider": self.provider, "problem": self.problem}
        return said | ({"features": list(self.features)} if self.features else {})


Found = TypeVar("Found", Checkup, Probe, Verdict)


async def examine(
    registry: Registry, context: RequestContext, models_timeout_seconds: float
) -> list[Checkup]:
    """Ask every provider for its models, each within the time limit."""
    return await asyncio.gather(
        *(_examine(provider, context, models_timeout_seconds) for provider in registry.providers)
    )


def explain(model: str, checkups: Sequence[Checkup]) -> Verdict:
    """Tell which of the providers serves `model`, or why none does."""
    prefix, slash, _ = model.partition("/")
    if not slash:
        return Verdict(model, None, "it names no provider: a model is written <prefix>/<name>")
    for checkup in checkups:
        if checkup.provider.prefix == prefix:
            problem = checkup.problem
            if problem is None and model not in checkup.models:
                listed = ", ".join(checkup.models) or "none"
                problem = f"{checkup.provider.name} does not list it; its models are: {listed}"
            return Verdict(model, checkup.provider.name, problem, checkup.features.get(model, ()))
    known = [checkup.provider.prefix for checkup in checkups if checkup.provider.prefix]
    problem = f"no provider has the prefix {prefix!r}; those here are: {', '.join(known) or 'none'}"
    lost = [
        f"{checkup.provider.name} from {checkup.provider.origin} ({checkup.problem})"
        for checkup in checkups
        if checkup.provider.prefix is None
    ]
    if lost:
        problem += f". What could not be loaded may have had it: {'; '.join(lost)}"
    return Verdict(model, None, problem)


async def probe(adapter: ProviderAdapter, model: str, context: RequestContext) -> list[Probe]:
    """Ask `model` for a few words, as a whole and as a stream."""
    return [await _probe(adapter, model, context, mode) for mode in ("plain", "stream")]


def without_secrets(found: Found, headers: Headers) -> Found:
    """Give `found` without what a provider quotes of `headers` in its problem."""
    if found.problem is None:
        return found
    return replace(found, problem=headers.hide_in(found.problem))


async def _examine(
    provider: Provider, context: RequestContext, models_timeout_seconds: float
) -> Checkup:
    if provider.adapter is None or provider.failure is not None:
        return Checkup(provider, (), _told(provider.failure))
    try:
        models = await list_models(provider.adapter, context, models_timeout_seconds)
    except Exception as error:  # noqa: BLE001  For the operator's eyes.
        return Checkup(provider, (), f"cannot list its models: {_told(error)}")
    features = {model.id: declared for model in models if (declared := features_of(model))}
    return Checkup(provider, tuple(model.id for model in models), None, features)


async def _probe(adapter: ProviderAdapter, model: str, context: RequestContext, mode: str) -> Probe:
    request = ChatCompletionRequest(
        model=model, messages=_PROBE_MESSAGES, max_tokens=_PROBE_TOKENS, stream=mode == "stream"
    )
    problem = None
    started = time.perf_counter()
    ask = _read if request.stream else _complete
    try:
        await within(PROBE_TIMEOUT_SECONDS, ask(adapter, request, context), "the answer")
    except Exception as error:  # noqa: BLE001  For the operator's eyes.
        problem = _told(error)
    return Probe(model, mode, round(time.perf_counter() - started, 3), problem)


async def _complete(
    adapter: ProviderAdapter, request: ChatCompletionRequest, context: RequestContext
) -> None:
    completion = await adapter.create_chat_completion(request, context)
    check_completion(completion, features=adapter.features_of(request.model_name))


async def _read(
    adapter: ProviderAdapter, request: ChatCompletionRequest, context: RequestContext
) -> None:
    guard = StreamGuard(features=adapter.features_of(request.model_name))
    given = adapter.stream_chat_completion(request, context)
    # That it is a generator was seen to when the class was defined.
    async with aclosing(cast("AsyncGenerator[ChatCompletionChunk, None]", given)) as chunks:
        async for chunk in chunks:
            guard.check(chunk)
    guard.end()


def _told(error: BaseException | None) -> str:
    """Give an error and what led to it in one line."""
    told = []
    while error is not None:
        try:
            text = str(error)
        except Exception:  # noqa: BLE001  Even that may fail.
            text = "it cannot be shown"
        told.append(f"{type(error).__name__}: {text}")
        error = error.__cause__
    return ", because of ".join(told)
