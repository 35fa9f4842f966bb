"""The adapter keeps what every adapter promises, in front of gateways whose adapters keep it."""

from collections.abc import Iterator

import pytest

from tests.conformance.wrong_adapters.declared import Declares
from veneer_gateway.testing import RunningGateway, running_gateway
from veneer_protocol.conformance import AdapterConformance
from veneer_providers_openai import OpenAIAdapter, Upstream


class TestOpenAIAdapter(AdapterConformance):
    model = "inner/dummy/echo-1"
    honours_stop = True
    honours_token_limit = True

    @pytest.fixture
    def adapter(self, gateway_of_the_dummy: RunningGateway) -> OpenAIAdapter:
        url = f"{gateway_of_the_dummy.url}/v1"
        return OpenAIAdapter(Upstream(name="inner", base_url=url, features=frozenset()))

    @pytest.fixture
    def failing_adapter(self) -> OpenAIAdapter:
        return OpenAIAdapter(Upstream(name="inner", base_url="http://127.0.0.1:9/v1"))


@pytest.fixture(scope="module")
def gateway_of_all_features() -> Iterator[RunningGateway]:
    with running_gateway(Declares()) as gateway:
        yield gateway


class TestOpenAIAdapterWithAllFeatures(AdapterConformance):
    model = "inner/right/one"
    honours_stop = True
    honours_token_limit = True

    @pytest.fixture
    def adapter(self, gateway_of_all_features: RunningGateway) -> OpenAIAdapter:
        url = f"{gateway_of_all_features.url}/v1"
        return OpenAIAdapter(Upstream(name="inner", base_url=url))
