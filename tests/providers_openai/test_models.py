"""The list of models: read, remembered, and asked for once."""

import asyncio
from collections.abc import Mapping

import pytest
from openai.types import Model

from tests.providers_openai.upstreams import (
    HANG,
    KEY,
    SOON,
    WAIT,
    Answer,
    RawUpstream,
    asking,
    response,
    serving,
)
from veneer_protocol import (
    ApiError,
    Headers,
    InvalidProviderResponseError,
    RequestContext,
    check_models,
    encode_models,
)
from veneer_providers_openai import OpenAIAdapter
from veneer_providers_openai.models import read_models

ONE = {"id": "one", "object": "model", "created": 7, "owned_by": "them"}
LIST = response(200, {"object": "list", "data": [ONE]})


def context(headers: Mapping[str, str]) -> RequestContext:
    return RequestContext(Headers(headers))


async def ids(adapter: OpenAIAdapter, **headers: str) -> list[str]:
    return [each.id for each in await adapter.list_models(context(headers))]


async def test_the_upstreams_models_are_listed_under_the_prefix() -> None:
    async with serving(LIST) as upstream, asking(upstream.url) as adapter:
        models = await adapter.list_models(context({"x-tenant-id": "7"}))

    assert models == (Model(id="up/one", object="model", created=7, owned_by="them"),)
    assert (upstream.requests[0].method, upstream.requests[0].path) == ("GET", "/v1/models")
    assert upstream.requests[0].headers["x-tenant-id"] == "7"


@pytest.mark.parametrize(
    "odd",
    [
        {"id": "odd"},
        {"id": "odd", "created": None, "owned_by": None, "object": None},
        {"id": "odd", "created": "yesterday", "owned_by": 7, "object": 7},
        {"id": "odd", "owned_by": "\ud800", "permission": [{"\ud800": 1}]},
    ],
)
def test_a_model_with_odd_fields_is_listed(odd: object) -> None:
    models = read_models({"data": [odd, ONE]}, "up")

    encode_models(check_models(models, "up"))
    assert [each.id for each in models] == ["up/odd", "up/one"]
    assert (models[0].created, models[0].owned_by) == (0, "up")


@pytest.mark.parametrize("none", [{}, {"id": None}, {"id": ""}, {"id": "\ud800"}, "text", None])
def test_what_names_no_model_is_left_out(none: object) -> None:
    models = read_models({"data": [none, ONE]}, "up")

    assert [each.id for each in check_models(models, "up")] == ["up/one"]


@pytest.mark.parametrize("answer", [{"data": None}, {"data": []}, []])
def test_a_list_may_be_empty(answer: object) -> None:
    assert read_models(answer, "up") == ()


def test_a_model_that_is_listed_twice_is_given_once() -> None:
    models = read_models([ONE, {"id": "two"}, ONE], "up")

    assert [each.id for each in models] == ["up/one", "up/two"]


def test_a_bare_list_is_a_list() -> None:
    assert [each.id for each in read_models([ONE], "up")] == ["up/one"]


@pytest.mark.parametrize("answer", [{"data": {}}, {"models": []}, "text", 7])
def test_what_is_no_list_is_refused(answer: object) -> None:
    with pytest.raises(InvalidProviderResponseError):
        read_models(answer, "up")


async def test_a_list_is_remembered_for_each_who_may_ask() -> None:
    theirs = response(200, {"data": [{"id": "theirs"}]})

    async with serving(LIST, theirs) as upstream, asking(upstream.url) as adapter:
        for request_id in ("1", "2"):
            trace = {"x-request-id": request_id}
            assert await ids(adapter, authorization="Bearer a", **trace) == ["up/one"]
            assert await ids(adapter, authorization="Bearer b", **trace) == ["up/theirs"]

    assert len(upstream.requests) == 2


@pytest.mark.parametrize(
    "name",
    ["x-amzn-trace-id", "x-cloud-trace-context", "cf-ray", "b3", "x-b3-spanid", "x-correlation-id"],
)
async def test_what_a_proxy_calls_a_request_does_not_cost_the_remembered_list(name: str) -> None:
    async with serving(LIST) as upstream, asking(upstream.url) as adapter:
        for request in ("Root=1-1", "Root=1-2"):
            assert await ids(adapter, **{name: request}) == ["up/one"]

    assert [each.headers[name] for each in upstream.requests] == ["Root=1-1"]


async def test_with_a_key_of_our_own_one_list_is_remembered_for_all() -> None:
    async with serving(LIST) as upstream, asking(upstream.url, api_key=KEY) as adapter:
        for caller in ("a", "b"):
            assert await ids(adapter, authorization=f"Bearer {caller}") == ["up/one"]

    assert len(upstream.requests) == 1


async def test_a_list_is_not_remembered_if_it_should_not_be() -> None:
    async with serving(LIST) as upstream, asking(upstream.url, models_cache_seconds=0) as adapter:
        await ids(adapter)
        await ids(adapter)

    assert len(upstream.requests) == 2


async def test_a_failure_is_not_remembered() -> None:
    async with serving(response(500, ""), LIST) as upstream, asking(upstream.url) as adapter:
        with pytest.raises(ApiError):
            await ids(adapter)

        assert await ids(adapter) == ["up/one"]


async def ask_together(
    adapter: OpenAIAdapter, upstream: RawUpstream, count: int
) -> list[asyncio.Task[list[str]]]:
    tasks = [asyncio.create_task(ids(adapter)) for _ in range(count)]
    async with asyncio.timeout(SOON):
        await upstream.is_waiting.wait()
    return tasks


async def test_those_who_ask_at_once_ask_once() -> None:
    slow: Answer = [WAIT, *LIST]

    async with serving(slow) as upstream, asking(upstream.url) as adapter:
        tasks = await ask_together(adapter, upstream, 5)
        upstream.may_go_on.set()

        assert await asyncio.gather(*tasks) == [["up/one"]] * 5
    assert len(upstream.requests) == 1


async def test_one_who_leaves_does_not_take_the_list_from_the_others() -> None:
    async with serving([WAIT, *LIST]) as upstream, asking(upstream.url) as adapter:
        leaving, staying = await ask_together(adapter, upstream, 2)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        upstream.may_go_on.set()

        assert await staying == ["up/one"]


async def test_an_upstream_that_does_not_list_in_time_is_a_timeout_for_all_who_asked() -> None:
    async with (
        serving([HANG], LIST) as upstream,
        asking(upstream.url, models_timeout_seconds=1) as adapter,
    ):
        failures = await asyncio.gather(ids(adapter), ids(adapter), return_exceptions=True)

        assert [getattr(each, "code", None) for each in failures] == ["upstream_timeout"] * 2
        assert await ids(adapter) == ["up/one"]


async def test_a_list_that_is_being_asked_for_ends_with_the_adapter() -> None:
    async with serving([HANG]) as upstream:
        async with asking(upstream.url) as adapter:
            (asker,) = await ask_together(adapter, upstream, 1)

        async with asyncio.timeout(SOON):
            await upstream.was_left.wait()
        with pytest.raises(asyncio.CancelledError):
            await asker


async def test_an_upstream_without_a_list_points_to_the_base_url() -> None:
    answer = response(404, {"error": {"message": "no"}})

    async with serving(answer) as upstream, asking(upstream.url) as adapter:
        with pytest.raises(ApiError) as failure:
            await ids(adapter)

    assert failure.value.code == "upstream_url_not_found"
