"""What an adapter declares, for all its models or for one, over a real socket."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import httpx2
import pytest
from openai import BadRequestError, InternalServerError, OpenAI
from openai.types import Model

from tests.adapters import PlainAdapter
from tests.protocol.features import CALL, FUNCTION, IMAGE, called, parts
from veneer_gateway.testing import running_gateway
from veneer_protocol import Feature, RequestContext

HELLO: Any = {"role": "user", "content": "hello"}


class GiftedAdapter(PlainAdapter):
    """Every model takes `seed`; `one` takes tools as well, and `two` images."""

    features = frozenset({Feature.SEED})

    def __init__(self) -> None:
        super().__init__("gifted")

    def features_of(self, model: str) -> Collection[str]:
        more = {"one": {"tools", "json_schema"}, "two": {"images"}}.get(model, set())
        return self.features | more

    async def list_models(self, context: RequestContext) -> Sequence[Model]:
        return [
            Model(id=f"gifted/{name}", object="model", created=0, owned_by="gifted")
            for name in ("one", "two", "three")
        ]


class ModestAdapter(PlainAdapter):
    """Declares nothing, and lists a model with a field of its own, and one that is not its own."""

    async def list_models(self, context: RequestContext) -> Sequence[Model]:
        extra: dict[str, Any] = {"context_length": 8, "features": ["magic"]}
        return [Model(id="plain/one", object="model", created=0, owned_by="x", **extra)]


class FailingAdapter(PlainAdapter):
    """Does not know what its models declare."""

    def features_of(self, model: str) -> Collection[str]:
        raise RuntimeError("hunter2")


@pytest.fixture(scope="module")
def gifted() -> GiftedAdapter:
    return GiftedAdapter()


@pytest.fixture(scope="module")
def url(gifted: GiftedAdapter) -> Iterator[str]:
    with running_gateway(gifted, ModestAdapter(), FailingAdapter("failing")) as gateway:
        yield f"{gateway.url}/v1"


@pytest.fixture
def openai(url: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=url, api_key="sk-of-a-test", max_retries=0) as client:
        yield client


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        ("gifted/one", {"tools": [FUNCTION], "tool_choice": "auto", "seed": 7}),
        ("gifted/one", called(CALL)),
        ("gifted/two", parts(IMAGE)),
        ("gifted/three", {"seed": 7}),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_what_a_model_declares_reaches_the_adapter_as_it_came(
    openai: OpenAI, gifted: GiftedAdapter, model: str, fields: dict[str, Any], stream: bool
) -> None:
    asked: dict[str, Any] = {"model": model, "messages": [HELLO], **fields}

    answer = openai.chat.completions.create(**asked, stream=stream)
    _ = [*answer] if stream else answer

    request = gifted.requests[-1]
    assert request.to_openai() == asked | {"model": model.partition("/")[2]}
    assert request.stream is stream


@pytest.mark.parametrize(
    ("model", "fields", "param", "feature"),
    [
        ("gifted/two", {"tools": [FUNCTION]}, "tools", "tools"),
        ("gifted/one", parts(IMAGE), "messages[1].content[1].type", "images"),
        ("gifted/three", parts(IMAGE), "messages[1].content[1].type", "images"),
        ("plain/one", {"seed": 7}, "seed", "seed"),
        ("nobody/one", {"seed": 7}, "seed", "seed"),
    ],
)
def test_what_a_model_does_not_declare_is_refused(
    openai: OpenAI, model: str, fields: dict[str, Any], param: str, feature: str
) -> None:
    asked: dict[str, Any] = {"model": model, "messages": [HELLO], **fields}

    with pytest.raises(BadRequestError) as refusal:
        openai.chat.completions.create(**asked)

    assert refusal.value.param == param
    assert refusal.value.code in {"unsupported_parameter", "unsupported_value"}
    assert f"'{model}', which does not declare the feature '{feature}'" in refusal.value.message


def test_the_parse_helper_of_the_sdk_asks_for_a_schema_that_is_taken(
    openai: OpenAI, gifted: GiftedAdapter
) -> None:
    form: Any = {
        "type": "json_schema",
        "json_schema": {"name": "x", "strict": True, "schema": {"type": "object"}},
    }

    openai.chat.completions.create(model="gifted/one", messages=[HELLO], response_format=form)

    assert gifted.requests[-1].response_format == form


def test_an_adapter_that_cannot_tell_its_features_is_a_500_that_tells_nothing(
    openai: OpenAI,
) -> None:
    with pytest.raises(InternalServerError) as failure:
        openai.chat.completions.create(model="failing/one", messages=[HELLO], seed=1)

    assert failure.value.status_code == 500
    assert "hunter2" not in failure.value.message


def test_each_model_is_listed_with_what_it_declares(url: str) -> None:
    listed = httpx2.get(f"{url}/models").json()["data"]

    assert {model["id"]: model.get("features") for model in listed} == {
        "gifted/one": ["json_schema", "seed", "tools"],
        "gifted/two": ["images", "seed"],
        "gifted/three": ["seed"],
        "plain/one": None,
    }


def test_where_nothing_is_declared_there_is_no_such_field(url: str) -> None:
    model = httpx2.get(f"{url}/models/plain/one").json()

    assert "features" not in model
    assert model["context_length"] == 8


def test_one_model_is_shown_with_what_it_declares(openai: OpenAI) -> None:
    model = openai.models.retrieve("gifted/two")

    assert model.model_extra == {"features": ["images", "seed"]}
