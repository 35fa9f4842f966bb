"""What a package promises: its `__all__`, its version, its changelog, its licence."""

import importlib
import importlib.metadata
import inspect
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MEMBERS = [
    "packages/protocol",
    "packages/providers-dummy",
    "packages/providers-openai",
    "services/gateway",
]
ALL = [*MEMBERS, "examples/providers-acme"]
PUBLIC = {
    "veneer_gateway": {
        "Gateway",
        "RegistrationError",
        "Registry",
        "Settings",
        "SettingsError",
        "configure_logging",
        "create_app",
        "serve",
    },
    "veneer_providers_dummy": {"DummyAdapter"},
    "veneer_providers_openai": {
        "OpenAIAdapter",
        "SettingsError",
        "Upstream",
        "adapters_from_environment",
    },
    "veneer_protocol": {
        "DONE",
        "ApiError",
        "AuthenticationError",
        "ChatCompletionRequest",
        "Feature",
        "FinishReason",
        "Frames",
        "Headers",
        "InvalidProviderResponseError",
        "InvalidRequestError",
        "Message",
        "ModelNotFoundError",
        "PermissionDeniedError",
        "ProviderAdapter",
        "ProviderNotFoundError",
        "RateLimitError",
        "Reply",
        "RequestContext",
        "ServerError",
        "ServiceUnavailableError",
        "StreamGuard",
        "StreamOptions",
        "TextAdapter",
        "TextPart",
        "UpstreamError",
        "UpstreamTimeoutError",
        "check_completion",
        "check_features",
        "check_models",
        "check_prefix",
        "complete",
        "encode_completion",
        "encode_error",
        "encode_event",
        "encode_model",
        "encode_models",
        "open_stream",
        "parse_request",
        "request_schema",
        "tool_call",
        "usage",
    },
}


@pytest.mark.parametrize("package", PUBLIC)
def test_the_public_names_are_these_and_exist(package: str) -> None:
    module = importlib.import_module(package)

    assert set(module.__all__) == PUBLIC[package]
    assert all(hasattr(module, name) for name in module.__all__)
    assert len(module.__all__) == len(set(module.__all__))


@pytest.mark.parametrize("package", PUBLIC)
def test_what_is_public_is_documented(package: str) -> None:
    module = importlib.import_module(package)
    items = [getattr(module, name) for name in module.__all__]

    assert [item for item in items if inspect.isroutine(item) or inspect.isclass(item)]
    assert [
        i for i in items if (inspect.isroutine(i) or inspect.isclass(i)) and not i.__doc__
    ] == []


@pytest.mark.parametrize("member", ALL)
def test_version_and_changelog_agree(member: str) -> None:
    project = tomllib.loads((ROOT / member / "pyproject.toml").read_text())["project"]
    headings = re.findall(r"^## (\S+)", (ROOT / member / "CHANGELOG.md").read_text(), re.M)

    assert headings[0] == project["version"]


@pytest.mark.parametrize("member", MEMBERS)
def test_the_installed_version_is_the_written_one(member: str) -> None:
    project = tomllib.loads((ROOT / member / "pyproject.toml").read_text())["project"]

    assert importlib.metadata.version(project["name"]) == project["version"]


@pytest.mark.parametrize("member", ALL)
def test_each_package_carries_the_licence(member: str) -> None:
    assert (ROOT / member / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
