"""What the tests of this provider share."""

from collections.abc import Iterator

import pytest

from veneer_gateway.testing import RunningGateway, running_gateway
from veneer_providers_dummy import DummyAdapter


@pytest.fixture(scope="session")
def gateway_of_the_dummy() -> Iterator[RunningGateway]:
    """An upstream that speaks the OpenAI API: another gateway."""
    with running_gateway(DummyAdapter()) as gateway:
        yield gateway
