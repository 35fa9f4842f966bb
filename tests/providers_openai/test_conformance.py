"""The adapter keeps what every adapter promises, in front of a gateway with the dummy."""

import pytest

from veneer_gateway.testing import RunningGateway
from veneer_protocol.conformance import AdapterConformance
from veneer_providers_openai import OpenAIAdapter, Upstream


class TestOpenAIAdapter(AdapterConformance):
    model = "inner/dummy/echo-1"
    honours_stop = True
    honours_token_limit = True

    @pytest.fixture
    def adapter(self, gateway_of_the_dummy: RunningGateway) -> OpenAIAdapter:
        return OpenAIAdapter(Upstream(name="inner", base_url=f"{gateway_of_the_dummy.url}/v1"))

    @pytest.fixture
    def failing_adapter(self) -> OpenAIAdapter:
        return OpenAIAdapter(Upstream(name="inner", base_url="http://127.0.0.1:9/v1"))
