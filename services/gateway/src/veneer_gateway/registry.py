"""Who serves what: entry points to adapters, model ids to the adapter that answers."""

import asyncio
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Self

from veneer_protocol import ProviderAdapter, ProviderNotFoundError, ServiceUnavailableError

ENTRY_POINT_GROUP = "veneer.providers"

log = logging.getLogger("veneer.registry")


class RegistrationError(Exception):
    """An adapter cannot be served as it is; the message says why."""


@dataclass
class Provider:
    """One provider, serving or not."""

    name: str
    origin: str
    """The distribution it came from, or where it was registered by hand."""
    adapter: ProviderAdapter | None = None
    """None where it could not be loaded."""
    failure: str | None = None
    """Why it does not serve: the kind of the exception. Its text may hold a secret."""

    @property
    def prefix(self) -> str | None:
        """The part of its model ids before the slash, if it could be loaded."""
        return None if self.adapter is None else self.adapter.model_prefix


class Registry:
    """The providers of one gateway."""

    def __init__(self) -> None:
        self._providers: list[Provider] = []
        self._by_prefix: dict[str, Provider] = {}

    @classmethod
    def discover(cls) -> Self:
        """Register what the installed distributions announce under `veneer.providers`.

        One that cannot be loaded is logged and kept as a failed provider, and the rest serve.

        Raises:
            RegistrationError: two claim one prefix.
        """
        registry = cls()
        for entry_point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda e: e.name):
            origin = _origin(entry_point)
            try:
                adapters = list(_adapters(entry_point.load()))
            except Exception as error:
                log.exception(
                    "provider cannot be loaded",
                    extra={"provider": entry_point.name, "origin": origin},
                )
                failure = type(error).__name__
                registry._providers.append(Provider(entry_point.name, origin, failure=failure))
                continue
            for adapter in adapters:
                registry.register(adapter, origin=origin)
        return registry

    def register(self, adapter: ProviderAdapter, *, origin: str = "register()") -> None:
        """Serve `adapter` under its prefix, beside those found by entry point.

        Raises:
            RegistrationError: it is no adapter, or its prefix is taken.
        """
        if not isinstance(adapter, ProviderAdapter):
            raise RegistrationError(
                f"{adapter!r} from {origin} is no ProviderAdapter. Give an instance of a subclass."
            )
        prefix = adapter.model_prefix
        if not prefix or "/" in prefix:
            raise RegistrationError(
                f"The model prefix {prefix!r} of {type(adapter).__qualname__} from {origin} must "
                "be a word without a slash."
            )
        if (other := self._by_prefix.get(prefix)) is not None:
            raise RegistrationError(
                f"The prefix {prefix!r} is claimed twice: by {type(other.adapter).__qualname__} "
                f"from {other.origin} and by {type(adapter).__qualname__} from {origin}. "
                "Uninstall one, or give one another model_prefix."
            )
        provider = Provider(adapter.name, origin, adapter)
        self._providers.append(provider)
        self._by_prefix[prefix] = provider

    @property
    def providers(self) -> tuple[Provider, ...]:
        """All of them, failed ones too, in order of registration."""
        return tuple(self._providers)

    @property
    def serving(self) -> tuple[ProviderAdapter, ...]:
        """The adapters that take requests."""
        return tuple(
            provider.adapter
            for provider in self._providers
            if provider.adapter is not None and provider.failure is None
        )

    def resolve(self, model: str) -> ProviderAdapter:
        """Give the adapter that serves `model`, by its prefix.

        Raises:
            ProviderNotFoundError: nobody has the prefix, or there is none.
            ServiceUnavailableError: the provider that has it did not start.
        """
        prefix, slash, _ = model.partition("/")
        provider = self._by_prefix.get(prefix) if slash else None
        if provider is None or provider.adapter is None:
            raise ProviderNotFoundError(model, tuple(self._by_prefix))
        if provider.failure is not None:
            raise ServiceUnavailableError(
                f"The provider {provider.name!r} did not start; its operator finds why in the log.",
                code="provider_unavailable",
            )
        return provider.adapter

    async def startup(self) -> None:
        """Start all adapters at once; one that fails is logged and does not serve."""
        await asyncio.gather(
            *(
                self._start(provider, provider.adapter)
                for provider in self._providers
                if provider.adapter is not None
            )
        )

    async def shutdown(self) -> None:
        """Stop all adapters that started, at once; a failure is logged."""
        await asyncio.gather(*(self._stop(adapter) for adapter in self.serving))

    async def _start(self, provider: Provider, adapter: ProviderAdapter) -> None:
        try:
            await adapter.startup()
        except Exception as error:
            provider.failure = type(error).__name__
            log.exception(
                "provider did not start",
                extra={"provider": provider.name, "origin": provider.origin},
            )

    async def _stop(self, adapter: ProviderAdapter) -> None:
        try:
            await adapter.shutdown()
        except Exception:
            log.exception("provider did not stop cleanly", extra={"provider": adapter.name})


def _origin(entry_point: EntryPoint) -> str:
    distribution = entry_point.dist
    return f"{distribution.name} {distribution.version}" if distribution else entry_point.value


def _adapters(announced: Any) -> Iterator[ProviderAdapter]:
    """Give the adapters of an entry point's object: an adapter, a class of one, or a call."""
    made = announced if isinstance(announced, ProviderAdapter) else announced()
    several: Iterable[Any] = [made] if isinstance(made, ProviderAdapter) else made
    for adapter in several:
        if not isinstance(adapter, ProviderAdapter):
            raise TypeError(f"{adapter!r} is no ProviderAdapter")
        yield adapter
