"""Pages of the origins that are set may call from a browser; all others get no word of it."""

from collections.abc import Iterator

import httpx2
import pytest

from tests.adapters import PatientAdapter, PlainAdapter, ScriptedAdapter
from tests.contract.test_chat import HELLO
from veneer_gateway import Settings
from veneer_gateway.testing import RunningGateway, running_gateway
from veneer_protocol import RateLimitError, Reply, UpstreamError

CHAT = "/v1/chat/completions"
OURS = "https://app.example"
OTHER = "https://evil.example"
PATHS = (CHAT, "/v1/models", "/v1/models/plain/one", "/healthz", "/v1/embeddings")
ASKED = "authorization,content-type,x-stainless-lang,x-tenant-id"
REPLY = Reply(model="scripted/one")


def gateway_for(*origins: str, **limits: int) -> Settings:
    given = {"host": "127.0.0.1", "port": 0, "drain_seconds": 1, **limits}
    return Settings.model_validate({**given, "cors_origins": origins})


def preflight(
    gateway: RunningGateway, path: str, origin: str = OURS, **headers: str
) -> httpx2.Response:
    asking = {"origin": origin, "access-control-request-method": "POST", **headers}
    return httpx2.options(f"{gateway.url}{path}", headers=asking)


def ask(gateway: RunningGateway, origin: str | None = OURS, **body: object) -> httpx2.Response:
    return httpx2.post(
        f"{gateway.url}{CHAT}",
        headers={} if origin is None else {"origin": origin},
        json={"model": "plain/one", "messages": HELLO, **body},
    )


def allowances(response: httpx2.Response) -> dict[str, str]:
    found = {
        name: value for name, value in response.headers.items() if name.startswith("access-control")
    }
    return {name.removeprefix("access-control-"): value for name, value in found.items()}


@pytest.fixture(scope="module")
def ours() -> Iterator[RunningGateway]:
    """A gateway that lets pages of our origin call, with adapters that answer and that fail."""
    adapters = (
        PlainAdapter(),
        ScriptedAdapter(RateLimitError("Too fast.", retry_after_seconds=3), name="busy"),
        ScriptedAdapter(REPLY.chunk("so"), UpstreamError("Gone."), name="broken"),
    )
    settings = gateway_for("http://localhost:5173", OURS)
    with running_gateway(*adapters, settings=settings) as gateway:
        yield gateway


@pytest.mark.parametrize("path", PATHS)
def test_a_browser_that_asks_first_is_allowed_any_header(ours: RunningGateway, path: str) -> None:
    response = preflight(ours, path, **{"access-control-request-headers": ASKED})

    assert (response.status_code, response.content) == (204, b"")
    allowed = allowances(response)
    assert allowed["allow-origin"] == OURS
    assert allowed["allow-headers"] == ASKED
    assert "POST" in allowed["allow-methods"]
    assert int(allowed["max-age"]) > 0
    assert "origin" in response.headers["vary"]
    assert response.headers["x-request-id"]


def test_who_asks_for_no_header_is_told_of_none(ours: RunningGateway) -> None:
    assert "allow-headers" not in allowances(preflight(ours, CHAT))


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_may_be_read_with_its_request_id(ours: RunningGateway, stream: bool) -> None:
    response = ask(ours, stream=stream)

    assert response.status_code == 200
    assert allowances(response) == {
        "allow-origin": OURS,
        "expose-headers": "retry-after, x-request-id, x-upstream-request-id",
    }
    assert response.headers["vary"] == "origin"


def test_an_error_may_be_read_with_the_time_to_come_back(ours: RunningGateway) -> None:
    response = ask(ours, model="busy/one")

    assert (response.status_code, response.headers["retry-after"]) == (429, "3")
    assert allowances(response)["allow-origin"] == OURS


@pytest.mark.parametrize("path", ["/v1/embeddings", CHAT, "/v1/models/nobody/one"])
def test_a_refusal_may_be_read_on_every_path(ours: RunningGateway, path: str) -> None:
    response = httpx2.get(f"{ours.url}{path}", headers={"origin": OURS})

    assert response.status_code in {404, 405}
    assert allowances(response)["allow-origin"] == OURS


def test_a_stream_that_breaks_may_be_read_to_its_error(ours: RunningGateway) -> None:
    response = ask(ours, model="broken/one", stream=True)

    assert '"error"' in response.text
    assert allowances(response)["allow-origin"] == OURS


@pytest.mark.parametrize(
    "origin", [OTHER, "null", f"{OURS}:8443", f"{OURS}.evil", OURS.upper(), None]
)
def test_another_origin_gets_what_any_client_gets(ours: RunningGateway, origin: str | None) -> None:
    response = ask(ours, origin)

    assert response.status_code == 200
    assert allowances(response) == {}
    assert response.headers["vary"] == "origin"  # Else a cache would give it to ours.


def test_another_origin_is_not_allowed_to_ask(ours: RunningGateway) -> None:
    response = preflight(ours, CHAT, OTHER)

    assert response.status_code == 405
    assert response.json()["error"]["code"] == "method_not_allowed"
    assert allowances(response) == {}


def test_two_origins_are_none(ours: RunningGateway) -> None:
    twice = [("origin", OURS), ("origin", OTHER)]

    response = httpx2.get(f"{ours.url}/v1/models", headers=twice)

    assert allowances(response) == {}


@pytest.mark.parametrize(
    "headers", [{"origin": OURS}, {"access-control-request-method": "POST"}], ids=["mere", "own"]
)
def test_not_every_options_is_a_browser_that_asks(
    ours: RunningGateway, headers: dict[str, str]
) -> None:
    assert httpx2.options(f"{ours.url}{CHAT}", headers=headers).status_code == 405


def test_any_origin_may_be_allowed_but_never_with_cookies() -> None:
    with running_gateway(PlainAdapter(), settings=gateway_for("*")) as gateway:
        asked = preflight(gateway, CHAT, "null", **{"access-control-request-headers": ASKED})
        answered = ask(gateway, OTHER)

    for response in (asked, answered):
        assert allowances(response)["allow-origin"] == "*"
        assert "allow-credentials" not in allowances(response)
    # A mere * would not stand for `authorization`.
    assert allowances(asked)["allow-headers"] == ASKED
    assert "vary" not in answered.headers


def test_unless_origins_are_set_nobody_hears_of_it(base_url: str) -> None:
    asking = {"origin": OURS, "access-control-request-method": "POST"}

    asked = httpx2.options(f"{base_url}{CHAT}", headers=asking)
    answered = httpx2.get(f"{base_url}/v1/models", headers=asking)

    assert (asked.status_code, answered.status_code) == (405, 200)
    for response in (asked, answered):
        assert allowances(response) == {}
        assert "vary" not in response.headers


def test_a_full_gateway_lets_a_browser_ask_and_tells_it_to_come_back() -> None:
    settings = gateway_for(OURS, max_requests=1)
    body = {"model": "patient/one", "messages": HELLO, "stream": True}

    with (
        running_gateway(PatientAdapter(chunks_before=1), settings=settings) as gateway,
        httpx2.stream("POST", f"{gateway.url}{CHAT}", json=body),
    ):
        asked = preflight(gateway, CHAT)
        refused = ask(gateway, model="patient/one")

    assert asked.status_code == 204
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert allowances(refused)["allow-origin"] == OURS
