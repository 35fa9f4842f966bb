"""The entry point, as a gateway calls it."""

import os
import re

import pytest

from tests.checkout import ROOT
from tests.providers_openai.upstreams import LOCAL, SOON, asked
from veneer_gateway import Registry
from veneer_protocol import Feature, ServiceUnavailableError
from veneer_providers_openai import SettingsError, Upstream, adapters_from_environment

URL = "http://localhost:8000/v1"


@pytest.fixture(autouse=True)
def no_upstreams(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("VENEER_OPENAI_")]:
        monkeypatch.delenv(name)


def test_each_declared_upstream_gets_an_adapter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VENEER_OPENAI_VLLM_BASE_URL", URL)
    monkeypatch.setenv("VENEER_OPENAI_MY_BOX_BASE_URL", URL)

    adapters = adapters_from_environment()

    assert [(each.name, each.model_prefix) for each in adapters] == [
        ("my-box", "my-box"),
        ("vllm", "vllm"),
    ]


def test_a_gateway_finds_them_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VENEER_OPENAI_VLLM_BASE_URL", URL)

    assert Registry.discover().resolve("vllm/one").name == "vllm"


def test_without_an_upstream_a_gateway_serves_the_rest() -> None:
    registry = Registry.discover()

    assert [each.name for each in registry.providers] == ["dummy"]
    assert [each.failure for each in registry.providers] == [None]


async def test_a_malformed_variable_fails_its_upstream_alone_and_is_told_to_the_operator(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("VENEER_OPENAI_MY_BOX_BASE_URL", "localhost:8000")
    monkeypatch.setenv("VENEER_OPENAI_VLLM_BASE_URL", URL)
    registry = Registry.discover()

    await registry.startup(SOON)

    assert [each.name for each in registry.serving] == ["dummy", "vllm"]
    assert registry.resolve("vllm/one").name == "vllm"
    with pytest.raises(ServiceUnavailableError, match="'my-box' did not start"):
        registry.resolve("my-box/one")
    assert "VENEER_OPENAI_MY_BOX_BASE_URL is no good" in caplog.text
    await registry.shutdown(SOON)


async def test_an_upstream_with_a_malformed_variable_answers_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VENEER_OPENAI_VLLM_BASE_URL", "localhost:8000")
    (adapter,) = adapters_from_environment()

    for refused in (adapter.list_models(LOCAL), adapter.create_chat_completion(asked(), LOCAL)):
        with pytest.raises(SettingsError, match="VENEER_OPENAI_VLLM_BASE_URL is no good"):
            await refused


def test_a_variable_of_no_upstream_fails_the_provider(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("VENEER_OPENAI_VLLM_BASE_URL", URL)
    monkeypatch.setenv("VENEER_OPENAI_VLM_API_KEY", "sk-1")

    registry = Registry.discover()

    assert [each.name for each in registry.serving] == ["dummy"]
    assert "VENEER_OPENAI_VLM_API_KEY belongs to no upstream" in caplog.text


def test_the_table_in_the_readme_has_every_setting_and_its_default() -> None:
    readme = (ROOT / "packages/providers-openai/README.md").read_text()
    table = re.findall(r"^\| `VENEER_OPENAI_<NAME>_(\w+)` \| (.*?) \|", readme, re.MULTILINE)

    shown = {
        name.upper(): f"`{field.default}`" if field.default is not None else ""
        for name, field in Upstream.model_fields.items()
        if name != "name" and not field.is_required()
    }
    assert Upstream.model_fields["features"].default == frozenset(Feature)
    assert dict(table) == {"BASE_URL": "", **shown, "FEATURES": "`all`"}
