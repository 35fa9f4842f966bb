"""Each feature, field by field, from a client to an upstream and back, through one gateway or two.

What is asked is that of the tests of the protocol; a feature without a case fails here.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from tests.protocol.features import EXAMPLES, FLAT, HELLO
from tests.providers_openai.features import ANSWERS, answers
from tests.providers_openai.recorder import Recorder, recording
from veneer_gateway.testing import running_gateway
from veneer_protocol import Feature
from veneer_providers_openai import OpenAIAdapter, Upstream

CASES = [(feature, fields) for feature, fields, _ in FLAT]


STREAM = {"stream": True, "stream_options": {"include_usage": True}}


@dataclass(frozen=True)
class Way:
    """Where a client asks, and for which model."""

    url: str
    model: str

    def ask(self, **fields: Any) -> httpx2.Response:
        body = {"model": self.model, "messages": [HELLO], **fields}
        return httpx2.post(f"{self.url}/chat/completions", json=body)

    def stream(self, **fields: Any) -> list[Any]:
        *events, done, rest = self.ask(**fields, **STREAM).text.split("\n\n")
        assert (done, rest) == ("data: [DONE]", "")
        return [json.loads(event.removeprefix("data: ")) for event in events]


def asking(name: str, url: str, **settings: Any) -> OpenAIAdapter:
    return OpenAIAdapter(Upstream.model_validate({"name": name, "base_url": url, **settings}))


@pytest.fixture(scope="module")
def upstream() -> Iterator[Recorder]:
    with recording() as recorder:
        yield recorder


@pytest.fixture(scope="module")
def gateway(upstream: Recorder) -> Iterator[str]:
    with running_gateway(asking("up", upstream.url)) as gateway:
        yield f"{gateway.url}/v1"


@pytest.fixture(scope="module", params=["one gateway", "two gateways"])
def way(request: pytest.FixtureRequest, gateway: str) -> Iterator[Way]:
    if request.param == "one gateway":
        yield Way(gateway, "up/one")
    else:
        with running_gateway(asking("in", gateway)) as outer:
            yield Way(f"{outer.url}/v1", "in/up/one")


def test_every_feature_has_its_answers() -> None:
    assert list(ANSWERS) == list(EXAMPLES) == list(Feature)


@pytest.mark.parametrize(("feature", "fields"), CASES)
def test_the_upstream_sees_what_the_client_sent(
    upstream: Recorder, way: Way, feature: Feature, fields: dict[str, Any]
) -> None:
    sent = {"messages": [HELLO], "temperature": 0.5, "stop": ["a"], **fields}

    for answer in answers(feature, fields.get("n", 1)):
        upstream.says = answer.whole("one")
        upstream.streams = answer.chunks("one")
        for mode in ({}, STREAM):
            assert way.ask(**sent, **mode).status_code == 200
            assert upstream.asked == {"model": "one", **sent, **mode}


@pytest.mark.parametrize(("feature", "fields"), CASES)
def test_the_client_sees_what_the_upstream_answered(
    upstream: Recorder, way: Way, feature: Feature, fields: dict[str, Any]
) -> None:
    for answer in answers(feature, fields.get("n", 1)):
        upstream.says = answer.whole("one")
        assert way.ask(**fields).json() == answer.whole(way.model)

        upstream.streams = answer.chunks("one")
        assert way.stream(**fields) == answer.chunks(way.model)


@pytest.mark.parametrize("mode", [{}, STREAM])
def test_what_the_upstream_does_not_take_it_says_itself(
    upstream: Recorder, way: Way, monkeypatch: pytest.MonkeyPatch, mode: dict[str, Any]
) -> None:
    error = {
        "message": "Unsupported value: 'seed' is none of mine.",
        "type": "invalid_request_error",
        "param": "seed",
        "code": "unsupported_value",
    }
    monkeypatch.setattr(upstream, "status", 422)
    monkeypatch.setattr(upstream, "says", {"error": error})

    refusal = way.ask(seed=7, **mode)

    assert upstream.asked["seed"] == 7
    assert refusal.status_code == 422
    assert refusal.json() == {"error": error}


@pytest.mark.parametrize("features", [[], ["logprobs"]])
@pytest.mark.parametrize("mode", [{}, STREAM])
def test_what_the_operator_did_not_name_is_refused_by_the_name_of_its_feature(
    upstream: Recorder, features: list[str], mode: dict[str, Any]
) -> None:
    upstream.asked = None

    with running_gateway(asking("up", upstream.url, features=features)) as gateway:
        way = Way(f"{gateway.url}/v1", "up/one")
        refusals = [(feature, way.ask(**fields, **mode)) for feature, fields in CASES]

    for feature, refusal in refusals:
        if feature not in features:
            error = refusal.json()["error"]
            assert refusal.status_code == 400
            assert error["code"] in {"unsupported_parameter", "unsupported_value"}
            assert "'up/one'" in error["message"]
            assert f"'{feature}'" in error["message"]
    assert (upstream.asked is None) is (not features)


def test_the_features_that_the_operator_named_are_listed_and_open(upstream: Recorder) -> None:
    adapter = asking("up", upstream.url, features=["seed", "store"], models=["one"])
    (answer,) = ANSWERS[Feature.STORE]
    upstream.says = answer.whole("one")

    with running_gateway(adapter) as gateway:
        way = Way(f"{gateway.url}/v1", "up/one")
        (listed,) = httpx2.get(f"{way.url}/models").json()["data"]
        answered = way.ask(seed=7, store=True)

    assert listed["features"] == ["seed", "store"]
    assert answered.json() == answer.whole("up/one")
    assert (upstream.asked["seed"], upstream.asked["store"]) == (7, True)


@pytest.mark.parametrize("mode", [{}, STREAM])
def test_an_upstream_that_calls_where_it_must_not_is_refused(
    upstream: Recorder, mode: dict[str, Any]
) -> None:
    answer = ANSWERS[Feature.TOOLS][0]
    upstream.says, upstream.streams = answer.whole("one"), answer.chunks("one")

    with running_gateway(asking("up", upstream.url, features=["seed"])) as gateway:
        refusal = Way(f"{gateway.url}/v1", "up/one").ask(**mode)

    assert "does not declare the feature 'tools'" in refusal.text
    assert "invalid_provider_response" in refusal.text
