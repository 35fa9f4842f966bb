"""Entry points and register() to the adapter that answers."""

import asyncio
from collections.abc import Collection
from importlib.metadata import EntryPoint

import pytest

from tests.adapters import PlainAdapter
from tests.gateway.conftest import Install
from veneer_gateway import RegistrationError, Registry
from veneer_gateway.registry import ENTRY_POINT_GROUP
from veneer_protocol import ProviderNotFoundError, ServerError, ServiceUnavailableError
from veneer_providers_dummy import DummyAdapter


def test_the_dummy_is_found_by_its_entry_point() -> None:
    registry = Registry.discover()

    assert isinstance(registry.resolve("dummy/echo-1"), DummyAdapter)
    assert registry.providers[0].origin.startswith("veneer-providers-dummy 0.")


@pytest.mark.parametrize("target", ["an_adapter", "AClass", "a_call", "a_call_for_several"])
def test_an_entry_point_may_be_an_adapter_a_class_or_a_call(install: Install, target: str) -> None:
    source = (
        "from tests.adapters import PlainAdapter\n"
        "class AClass(PlainAdapter):\n"
        "    def __init__(self):\n"
        "        super().__init__('found')\n"
        "an_adapter = AClass()\n"
        "def a_call():\n"
        "    return AClass()\n"
        "def a_call_for_several():\n"
        "    return [AClass(), PlainAdapter('second')]\n"
    )
    install("good", "good_module", source, found=f"good_module:{target}")

    registry = Registry.discover()

    assert registry.resolve("found/one").name == "found"


@pytest.mark.parametrize(
    ("source", "failure"),
    [
        ("import nothing_of_this_name", "ModuleNotFoundError"),
        ("raise RuntimeError('hunter2')", "RuntimeError"),
        ("", "AttributeError"),
        ("def make():\n    raise ValueError('hunter2')", "ValueError"),
        ("def make():\n    return 3", "TypeError"),
        ("def make():\n    return ['no adapter']", "TypeError"),
        ("def make(argument):\n    pass", "TypeError"),
        ("def make():\n    raise SystemExit(3)", "SystemExit"),
        (
            "from tests.adapters import PlainAdapter\ndef make():\n    return PlainAdapter('a/b')",
            "TypeError",
        ),
        (
            "from tests.adapters import PlainAdapter\ndef make():\n    return PlainAdapter(None)",
            "TypeError",
        ),
    ],
)
def test_a_provider_that_cannot_be_loaded_is_named_and_the_rest_serve(
    install: Install, caplog: pytest.LogCaptureFixture, source: str, failure: str
) -> None:
    install("broken", "broken_module", source, broken="broken_module:make")

    registry = Registry.discover()

    broken = next(provider for provider in registry.providers if provider.name == "broken")
    assert (broken.origin, type(broken.failure).__name__) == ("broken 1.0", failure)
    assert registry.resolve("dummy/echo-1").name == "dummy"
    assert "provider cannot be loaded" in caplog.text


def test_two_that_claim_one_prefix_stop_the_start_and_are_both_named(install: Install) -> None:
    source = "from veneer_providers_dummy import DummyAdapter"
    install("impostor", "impostor_module", source, impostor="impostor_module:DummyAdapter")

    with pytest.raises(RegistrationError) as refusal:
        Registry.discover()

    assert "'dummy'" in str(refusal.value)
    assert "veneer-providers-dummy" in str(refusal.value)
    assert "impostor 1.0" in str(refusal.value)


def test_a_feature_that_there_is_not_is_refused_at_registration() -> None:
    adapter = PlainAdapter()
    adapter.features = {"imagse"}

    with pytest.raises(TypeError, match="Did you mean 'images'"):
        Registry().register(adapter)


class Mistaken(PlainAdapter):
    """Declares what there is not, for one of its models."""

    def features_of(self, model: str) -> Collection[str]:
        return {"tool"} if model == "one" else {"tools"}


def test_the_features_of_a_model_are_those_of_its_adapter() -> None:
    registry = Registry()
    registry.register(Mistaken("acme"))

    assert registry.features_of("acme/two/x") == {"tools"}
    assert registry.features_of("nobody/two") == ()
    assert registry.features_of("two") == ()
    with pytest.raises(TypeError, match=r"Mistaken.features_of: .+ Did you mean 'tools'"):
        registry.features_of("acme/one")


@pytest.mark.parametrize("prefix", ["", "a/b", "a b", "-a", "가"])
def test_a_prefix_that_cannot_be_routed_is_refused(prefix: str) -> None:
    with pytest.raises(TypeError, match="slash"):
        Registry().register(PlainAdapter(prefix))


def test_what_is_no_adapter_is_refused() -> None:
    with pytest.raises(TypeError, match="ProviderAdapter"):
        Registry().register(PlainAdapter)  # type: ignore[arg-type]


@pytest.mark.parametrize("model", ["nobody/x", "plain", "", "/", "PLAIN/x", " plain/x"])
def test_an_unknown_prefix_is_refused_with_those_that_are_known(model: str) -> None:
    registry = Registry()
    registry.register(PlainAdapter())

    with pytest.raises(ProviderNotFoundError, match="plain"):
        registry.resolve(model)


def test_what_follows_the_first_slash_is_the_adapters_affair() -> None:
    registry = Registry()
    registry.register(PlainAdapter())

    assert registry.resolve("plain/team/model:latest").name == "plain"


async def test_an_adapter_that_does_not_start_does_not_serve_and_the_rest_do(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class NotToday(PlainAdapter):
        async def startup(self) -> None:
            raise OSError("hunter2")

    registry = Registry()
    registry.register(NotToday("lazy"))
    registry.register(PlainAdapter())

    await registry.startup(timeout_seconds=5)

    assert [adapter.name for adapter in registry.serving] == ["plain"]
    assert isinstance(registry.providers[0].failure, OSError)
    with pytest.raises(ServiceUnavailableError) as refusal:
        registry.resolve("lazy/one")
    assert "hunter2" not in str(refusal.value)


async def test_an_adapter_that_never_starts_holds_up_nobody() -> None:
    class Sleepy(PlainAdapter):
        async def startup(self) -> None:
            await asyncio.Event().wait()

    class Faint(PlainAdapter):
        async def startup(self) -> None:
            raise asyncio.CancelledError

    registry = Registry()
    registry.register(Sleepy("sleepy"))
    registry.register(Faint("faint"))
    registry.register(PlainAdapter())

    await registry.startup(timeout_seconds=0.05)

    assert [adapter.name for adapter in registry.serving] == ["plain"]
    assert isinstance(registry.providers[0].failure, TimeoutError)
    assert isinstance(registry.providers[1].failure, ServerError)


async def test_an_adapter_that_never_stops_holds_up_nobody(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Clingy(PlainAdapter):
        async def shutdown(self) -> None:
            await asyncio.Event().wait()

    registry = Registry()
    registry.register(Clingy())

    await registry.startup(timeout_seconds=5)
    await registry.shutdown(timeout_seconds=0.05)

    assert "provider did not stop cleanly" in caplog.text


async def test_each_adapter_starts_once_and_stops_once_also_beside_one_that_fails() -> None:
    events: list[str] = []

    class Counted(PlainAdapter):
        async def startup(self) -> None:
            events.append(f"start {self.name}")

        async def shutdown(self) -> None:
            events.append(f"stop {self.name}")
            if self.name == "a":
                raise RuntimeError("boom")

    registry = Registry()
    registry.register(Counted("a"))
    registry.register(Counted("b"))

    await registry.startup(timeout_seconds=5)
    await registry.shutdown(timeout_seconds=5)

    assert events == ["start a", "start b", "stop a", "stop b"]


def test_the_group_is_the_documented_one() -> None:
    assert EntryPoint("x", "y:z", ENTRY_POINT_GROUP).group == "veneer.providers"
