"""What all tests share: a gateway with the dummy provider, and the official clients."""

from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import HealthCheck, settings
from openai import AsyncOpenAI, OpenAI
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

import veneer_gateway.testing
from tests.servers import SERVER
from veneer_gateway.testing import RunningGateway, running_gateway
from veneer_providers_dummy import DummyAdapter

veneer_gateway.testing.default_server = SERVER

# How fast a busy machine makes its first examples is no finding. The same examples each time: what
# is new is looked for by `hatch run fuzz`.
settings.register_profile(
    "veneer",
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("brief", settings.get_profile("veneer"), max_examples=25)
settings.register_profile(
    "fuzz", settings.get_profile("veneer"), max_examples=300, derandomize=False, print_blob=True
)
settings.load_profile("veneer")

# Folders and files, and what their tests share of which there is but one: the ports that READMEs
# and pages name, an image, packages that are built, a run of all wrong adapters, or what became of
# many requests. Each is left to one of the processes that run the tests.
_GROUPS = {
    "conformance": "wrong adapters",
    "deploy/test_containers.py": "ports",
    "deploy": "image",
    "docs/test_pages.py": "ports",
    "docs/test_tutorial.py": "ports",
    "packaging": "shelf",
    "readme": "ports",
    "redaction": "journeys",
}


class ByGroup(LoadScopeScheduling):  # type: ignore[misc]  # It has no types.
    """Keeps together what cannot run side by side.

    The marker `xdist_group` is for that, but pytest-xdist 3.8 overlooks it under pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        return _group(nodeid) or nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> ByGroup:
    return ByGroup(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what cannot run side by side."""
    items.sort(key=lambda item: _group(item.nodeid) is None)


def _group(nodeid: str) -> str | None:
    path = nodeid.partition("::")[0].removeprefix("tests/")
    return _GROUPS.get(path, _GROUPS.get(path.partition("/")[0]))


@pytest.fixture(scope="session")
def gateway() -> Iterator[RunningGateway]:
    """A gateway that serves the dummy provider."""
    with running_gateway(DummyAdapter()) as gateway:
        yield gateway


@pytest.fixture
def base_url(gateway: RunningGateway) -> str:
    """Where that gateway answers, without the `/v1`."""
    return gateway.url


@pytest.fixture
async def client(base_url: str) -> AsyncIterator[AsyncOpenAI]:
    """The official asynchronous client, which does not try again."""
    async with AsyncOpenAI(
        base_url=f"{base_url}/v1", api_key="sk-of-a-test", max_retries=0
    ) as client:
        yield client


@pytest.fixture
def sync_client(base_url: str) -> Iterator[OpenAI]:
    """The official synchronous client, which does not try again."""
    with OpenAI(base_url=f"{base_url}/v1", api_key="sk-of-a-test", max_retries=0) as client:
        yield client
