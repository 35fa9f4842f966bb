"""The proxies of the environment, where they are at fault."""

import pytest

from tests.providers_openai.upstreams import asking, whole
from veneer_protocol import UpstreamError
from veneer_providers_openai import OpenAIAdapter, SettingsError, Upstream

NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without proxies."""
    for name in ("ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize("value", ["garbage://u:secret@h", "http://u:secret@h:port", "socks9://h"])
async def test_a_malformed_proxy_is_named_unseen(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", value)

    with pytest.raises(SettingsError, match="with HTTPS_PROXY as set") as refused:
        await OpenAIAdapter(Upstream(name="up", base_url=NOWHERE)).startup()

    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("variables", "is_told"),
    [
        ({"HTTP_PROXY": NOWHERE}, True),
        ({"ALL_PROXY": NOWHERE}, True),
        ({"HTTPS_PROXY": NOWHERE}, False),
        ({"HTTP_PROXY": NOWHERE, "NO_PROXY": "127.0.0.1"}, False),
        ({}, False),
    ],
)
async def test_an_upstream_that_cannot_be_reached_by_way_of_a_proxy_is_told_so(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], is_told: bool
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    async with asking(NOWHERE) as adapter:
        with pytest.raises(UpstreamError, match="cannot be reached") as failure:
            await whole(adapter)

    assert ("by way of a proxy" in failure.value.message) == is_told
