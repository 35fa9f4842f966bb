"""The kit, as the author of an adapter runs it."""

import pytest

from veneer_protocol.conformance import AdapterConformance
from veneer_providers_dummy import DummyAdapter


class TestDummyAdapter(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> DummyAdapter:
        return DummyAdapter()
