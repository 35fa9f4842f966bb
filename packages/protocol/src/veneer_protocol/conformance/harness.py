"""What the author of an adapter gives to the kit, and the two ways to the adapter."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar

import pytest

from veneer_protocol.adapter import ProviderAdapter
from veneer_protocol.conformance.asking import SECRETS
from veneer_protocol.conformance.serving import Served, serving
from veneer_protocol.conformance.stage import Stage


class Harness:
    """The settings and fixtures of `AdapterConformance`."""

    model: ClassVar[str | None] = None
    """The model to ask; unless set, the first that is listed."""
    headers: ClassVar[Mapping[str, str]] = {}
    """What a request must have beside credentials: a tenant, say."""
    honours_stop: ClassVar[bool] = False
    """Whether `stop` ends the answer."""
    honours_token_limit: ClassVar[bool] = False
    """Whether `max_tokens` and `max_completion_tokens` end the answer."""
    timeout_seconds: ClassVar[float] = 10
    """How long an answer may take."""

    @pytest.fixture
    def adapter(self) -> ProviderAdapter:
        """Give the adapter, not started yet; called for every test."""
        raise NotImplementedError(
            f"{type(self).__name__} needs a fixture `adapter` that gives an instance of the adapter"
        )

    @pytest.fixture
    def failing_adapter(self) -> ProviderAdapter:
        """Give one whose upstream does not answer, if there is an upstream."""
        pytest.skip("no fixture `failing_adapter` gives an adapter whose upstream fails")

    @pytest.fixture
    def direct(self, adapter: ProviderAdapter) -> Iterator[Stage]:
        """The adapter, started, on an event loop of the test."""
        with self.on_stage(adapter) as stage:
            yield stage

    @pytest.fixture
    def served(self, adapter: ProviderAdapter) -> Iterator[Served]:
        """The adapter behind the real gateway."""
        with serving(adapter, self._headers, self.model, self.timeout_seconds) as served:
            yield served

    @contextmanager
    def on_stage(self, adapter: ProviderAdapter) -> Iterator[Stage]:
        """Start `adapter` on an event loop of its own, and stop it when the block ends."""
        stage = self.stage(adapter)
        stage.start()
        try:
            yield stage
        finally:
            stage.stop()

    def stage(self, adapter: ProviderAdapter) -> Stage:
        """Put `adapter`, not started yet, on an event loop of its own."""
        return Stage(adapter, self._headers, self.model, self.timeout_seconds)

    @property
    def _headers(self) -> dict[str, str]:
        return {**SECRETS, **{name.lower(): value for name, value in self.headers.items()}}
