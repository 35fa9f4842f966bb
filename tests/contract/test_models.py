"""The list of models, with adapters that behave and adapters that do not."""

import asyncio
from collections.abc import Sequence

import httpx2
import pytest
from openai import AsyncOpenAI, NotFoundError, OpenAI
from openai.types import Model

from tests.adapters import BrokenAdapter, PlainAdapter
from veneer_gateway import Settings
from veneer_gateway.testing import running_gateway
from veneer_protocol import AuthenticationError, RequestContext


class HangingAdapter(PlainAdapter):
    async def list_models(self, context: RequestContext) -> Sequence[Model]:
        await asyncio.Event().wait()
        return []


class RubbishAdapter(PlainAdapter):
    def __init__(self, models: object) -> None:
        super().__init__("rubbish")
        self.models = models

    async def list_models(self, context: RequestContext) -> Sequence[Model]:
        return self.models  # type: ignore[return-value]


async def test_the_list_holds_the_models_of_the_dummy(client: AsyncOpenAI) -> None:
    models = [model async for model in client.models.list()]

    assert [model.id for model in models] == ["dummy/echo-1", "dummy/story-1"]
    assert {model.object for model in models} == {"model"}


def test_the_sync_client_lists_too(sync_client: OpenAI) -> None:
    assert [model.id for model in sync_client.models.list()] == ["dummy/echo-1", "dummy/story-1"]


async def test_a_model_is_found_by_its_id(client: AsyncOpenAI) -> None:
    model = await client.models.retrieve("dummy/echo-1")

    assert model.id == "dummy/echo-1"


@pytest.mark.parametrize("path", ["dummy/echo-1", "dummy%2Fecho-1", "dummy%2fecho-1"])
async def test_the_slash_of_an_id_may_be_raw_or_encoded(base_url: str, path: str) -> None:
    async with httpx2.AsyncClient() as http:
        response = await http.get(f"{base_url}/v1/models/{path}")

    assert response.status_code == 200
    assert response.json()["id"] == "dummy/echo-1"


@pytest.mark.parametrize(
    ("model", "code"),
    [
        ("dummy/echo-2", "model_not_found"),
        ("dummy/", "model_not_found"),
        ("nobody/echo-1", "provider_not_found"),
        ("echo-1", "provider_not_found"),
        ("dummy", "provider_not_found"),
    ],
)
async def test_an_unknown_model_is_a_404(client: AsyncOpenAI, model: str, code: str) -> None:
    with pytest.raises(NotFoundError) as refusal:
        await client.models.retrieve(model)

    assert refusal.value.code == code
    assert refusal.value.type == "not_found_error"
    assert refusal.value.param == "model"


def test_the_lists_of_all_adapters_are_one() -> None:
    with running_gateway(PlainAdapter("a"), PlainAdapter("b")) as gateway:
        listed = httpx2.get(f"{gateway.url}/v1/models").json()

    assert [model["id"] for model in listed["data"]] == ["a/one", "b/one"]
    assert listed["object"] == "list"


@pytest.mark.parametrize(
    "bad",
    [
        BrokenAdapter(RuntimeError("boom")),
        BrokenAdapter(asyncio.CancelledError()),
        RubbishAdapter("not a list"),
        BrokenAdapter(SystemExit(3)),
        RubbishAdapter([{"id": "rubbish/one"}]),
        RubbishAdapter([Model(id="rubbish/x", object="model", created=0, owned_by="\ud800")]),
        RubbishAdapter([Model(id="elsewhere/one", object="model", created=0, owned_by="x")]),
        HangingAdapter("hanging"),
    ],
    ids=[
        "raises",
        "cancels itself",
        "a string",
        "exits",
        "dicts",
        "no Unicode",
        "another prefix",
        "hangs",
    ],
)
def test_a_failing_adapter_does_not_take_the_list_down(bad: PlainAdapter) -> None:
    settings = Settings(host="127.0.0.1", port=0, models_timeout_seconds=0.2)

    with running_gateway(bad, PlainAdapter("good"), settings=settings) as gateway:
        response = httpx2.get(f"{gateway.url}/v1/models")

    assert response.status_code == 200
    assert [model["id"] for model in response.json()["data"]] == ["good/one"]


def test_a_failing_adapter_is_named_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with running_gateway(BrokenAdapter(RuntimeError("boom")), PlainAdapter()) as gateway:
        httpx2.get(f"{gateway.url}/v1/models")

    (record,) = [r for r in caplog.records if r.message == "provider cannot list its models"]
    assert vars(record)["provider"] == "broken"


def test_all_adapters_are_asked_at_once() -> None:
    meeting = asyncio.Barrier(3)

    class Sociable(PlainAdapter):
        async def list_models(self, context: RequestContext) -> Sequence[Model]:
            await meeting.wait()  # Goes on when all three are here.
            return await super().list_models(context)

    with running_gateway(Sociable("a"), Sociable("b"), Sociable("c")) as gateway:
        listed = httpx2.get(f"{gateway.url}/v1/models").json()

    assert [model["id"] for model in listed["data"]] == ["a/one", "b/one", "c/one"]


def test_where_every_adapter_fails_the_first_failure_is_the_answer() -> None:
    with running_gateway(BrokenAdapter(AuthenticationError("Who are you?"))) as gateway:
        response = httpx2.get(f"{gateway.url}/v1/models")

    assert response.status_code == 401
    assert response.json()["error"]["message"] == "Who are you?"


def test_a_gateway_without_adapters_lists_nothing() -> None:
    with running_gateway() as gateway:
        response = httpx2.get(f"{gateway.url}/v1/models")

    assert response.json() == {"object": "list", "data": []}


def test_the_adapter_sees_the_headers_of_who_lists() -> None:
    adapter = PlainAdapter()

    with running_gateway(adapter) as gateway:
        httpx2.get(f"{gateway.url}/v1/models", headers={"authorization": "Bearer mine"})

    assert adapter.contexts[0].headers["authorization"] == "Bearer mine"
