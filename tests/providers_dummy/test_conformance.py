"""The dummy keeps what every adapter promises."""

import pytest

from veneer_protocol.conformance import AdapterConformance
from veneer_providers_dummy import DummyAdapter


class TestDummyAdapter(AdapterConformance):
    honours_stop = True
    honours_token_limit = True

    @pytest.fixture
    def adapter(self) -> DummyAdapter:
        return DummyAdapter()
