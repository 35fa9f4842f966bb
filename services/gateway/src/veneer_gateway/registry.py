"""Who serves what: entry points to adapters, model ids to the adapter that answers."""

import asyncio
import logging
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Self

from veneer_gateway.patience import within
from veneer_protocol import (
    ProviderAdapter,
    ProviderNotFoundError,
    ServiceUnavailableError,
    check_features,
    check_prefix,
)

ENTRY_POINT_GROUP = "veneer.providers"

log = logging.getLogger("veneer.registry")


class RegistrationError(Exception):
    """Two providers claim one prefix; the message names both."""


@dataclass
class Provider:
    """One provider, serving or not."""

    name: str
    origin: str
    """The distribution it came from, or where it was registered by hand."""
    adapter: ProviderAdapter | None = None
    """None where it could not be loaded."""
    prefix: str | None = None
    """The part of its model ids before the slash, if it could be loaded."""
    has_started: bool = False
    failure: BaseException | None = None
    """Why it does not serve. Its text may hold a secret: for the log and the operator's eyes."""

    def fail(self, error: BaseException, event: str) -> None:
        """Take it out of service, and log why."""
        # Without its traceback, which would keep alive all that its frames hold.
        self.failure = error.with_traceback(None)
        log.error(event, exc_info=error, extra={"provider": self.name, "origin": self.origin})


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
            except (Exception, SystemExit) as error:  # noqa: BLE001  Logged by fail().
                provider = Provider(entry_point.name, origin)
                provider.fail(error, "provider cannot be loaded")
                registry._providers.append(provider)
                continue
            for adapter in adapters:
                registry.register(adapter, origin=origin)
        return registry

    def register(self, adapter: ProviderAdapter, *, origin: str = "register()") -> None:
        """Serve `adapter` under its prefix, beside those found by entry point.

        Raises:
            TypeError: it is no adapter, its prefix cannot stand in a model id, or it declares a
                feature that there is not.
            RegistrationError: its prefix is taken.
        """
        _check_adapter(adapter)
        prefix = adapter.model_prefix
        if (other := self._by_prefix.get(prefix)) is not None:
            raise RegistrationError(
                f"The prefix {prefix!r} is claimed twice: by {type(other.adapter).__qualname__} "
                f"from {other.origin} and by {type(adapter).__qualname__} from {origin}. "
                "Uninstall one, or give one another model_prefix."
            )
        provider = Provider(adapter.name, origin, adapter, prefix)
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

    def features_of(self, model: str) -> Collection[str]:
        """Give what `model` takes beyond the core subset; nothing where nobody has its prefix.

        Raises:
            ServiceUnavailableError: the provider that has it did not start.
            TypeError: its adapter gives what is no feature.
        """
        try:
            adapter = self.resolve(model)
        except ProviderNotFoundError:
            return ()
        return declared_features(adapter, model)

    async def startup(self, timeout_seconds: float) -> None:
        """Start all adapters at once; one that fails or takes too long does not serve."""
        await asyncio.gather(
            *(
                self._start(provider, provider.adapter, timeout_seconds)
                for provider in self._providers
                if provider.adapter is not None
            )
        )

    async def shutdown(self, timeout_seconds: float) -> None:
        """Stop all adapters that started, at once; one that fails or takes too long is logged."""
        await asyncio.gather(
            *(
                self._stop(provider.adapter, timeout_seconds)
                for provider in self._providers
                if provider.adapter is not None and provider.has_started
            )
        )

    async def _start(
        self, provider: Provider, adapter: ProviderAdapter, timeout_seconds: float
    ) -> None:
        try:
            await within(timeout_seconds, adapter.startup(), "startup()")
        except Exception as error:  # noqa: BLE001  Logged by fail().
            provider.fail(error, "provider did not start")
        else:
            provider.has_started = True

    async def _stop(self, adapter: ProviderAdapter, timeout_seconds: float) -> None:
        try:
            await within(timeout_seconds, adapter.shutdown(), "shutdown()")
        except Exception:
            log.exception("provider did not stop cleanly", extra={"provider": adapter.name})


def declared_features(adapter: ProviderAdapter, model: str) -> Collection[str]:
    """Give what `adapter` declares for `model`, which is named with its prefix.

    Raises:
        TypeError: there is no such feature.
    """
    declared = adapter.features_of(model.partition("/")[2])
    check_features(declared, f"{type(adapter).__qualname__}.features_of")
    return declared


def _origin(entry_point: EntryPoint) -> str:
    distribution = entry_point.dist
    return f"{distribution.name} {distribution.version}" if distribution else entry_point.value


def _adapters(announced: Any) -> Iterator[ProviderAdapter]:
    """Give the adapters of an entry point's object: an adapter, a class of one, or a call."""
    made = announced if isinstance(announced, ProviderAdapter) else announced()
    several: Iterable[Any] = [made] if isinstance(made, ProviderAdapter) else made
    for adapter in several:
        _check_adapter(adapter)
        yield adapter


def _check_adapter(adapter: object) -> None:
    if not isinstance(adapter, ProviderAdapter):
        raise TypeError(f"{adapter!r} is no ProviderAdapter. Give an instance of a subclass.")
    kind = type(adapter).__qualname__
    if not isinstance(getattr(adapter, "name", None), str):
        raise TypeError(f'{kind} has no name: write `name = "acme"` in the class.')
    check_prefix(adapter.model_prefix, kind)
    check_features(adapter.features, kind)
