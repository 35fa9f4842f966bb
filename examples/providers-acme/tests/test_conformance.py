"""The adapter keeps what every adapter promises."""

import pytest

from veneer_protocol.conformance import AdapterConformance
from veneer_providers_acme import AcmeAdapter


class TestAcmeAdapter(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> AcmeAdapter:
        return AcmeAdapter()
