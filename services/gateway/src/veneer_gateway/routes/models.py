"""`GET /v1/models` and `GET /v1/models/{id}`.

Reference: https://platform.openai.com/docs/api-reference/models
"""

import asyncio
import itertools
import logging

from openai.types import Model
from quart import Blueprint, Response

from veneer_gateway.exchange import current_exchange
from veneer_gateway.patience import within
from veneer_gateway.registry import Registry, declared_features
from veneer_protocol import (
    ModelNotFoundError,
    ProviderAdapter,
    RequestContext,
    UpstreamTimeoutError,
    check_models,
    encode_model,
    encode_models,
)

log = logging.getLogger("veneer.models")


def model_routes(registry: Registry, timeout_seconds: float) -> Blueprint:
    """Serve the models that the adapters of `registry` list within `timeout_seconds`."""
    routes = Blueprint("models", __name__)

    @routes.get("/v1/models")
    async def list_every_model() -> Response:
        exchange = current_exchange()
        with exchange.watch.answer():
            models = await list_all_models(registry, exchange.context, timeout_seconds)
        return Response(encode_models(models), content_type="application/json")

    # A client sends the slash of an id as it is or as %2F; both arrive here decoded.
    @routes.get("/v1/models/<path:model>")
    async def retrieve_model(model: str) -> Response:
        exchange = current_exchange()
        adapter = registry.resolve(model)
        exchange.serve_by(adapter.name)
        with exchange.watch.answer():
            models = await list_models(adapter, exchange.context, timeout_seconds)
        for listed in models:
            if listed.id == model:
                return Response(encode_model(listed), content_type="application/json")
        raise ModelNotFoundError(model)

    return routes


async def list_all_models(
    registry: Registry, context: RequestContext, timeout_seconds: float
) -> list[Model]:
    """Ask all adapters at once; one that fails is logged and left out.

    Raises:
        Exception: what the first adapter raised, if none could answer.
    """
    answers = await asyncio.gather(
        *(list_models(adapter, context, timeout_seconds) for adapter in registry.serving),
        return_exceptions=True,
    )
    failures = [answer for answer in answers if isinstance(answer, BaseException)]
    if failures and len(failures) == len(answers):
        raise failures[0]
    for adapter, answer in zip(registry.serving, answers, strict=True):
        if isinstance(answer, BaseException):
            log.warning(
                "provider cannot list its models",
                exc_info=answer,
                extra={"provider": adapter.name},
            )
    lists = [answer for answer in answers if not isinstance(answer, BaseException)]
    return list(itertools.chain.from_iterable(lists))


async def list_models(
    adapter: ProviderAdapter, context: RequestContext, timeout_seconds: float
) -> list[Model]:
    """Ask one adapter.

    Raises:
        ApiError: it fails, takes longer than `timeout_seconds`, or gives what cannot be served.
    """
    try:
        models = await within(timeout_seconds, adapter.list_models(context), "list_models()")
    except TimeoutError:
        raise UpstreamTimeoutError(
            f"The provider {adapter.name!r} did not list its models within {timeout_seconds:g} s."
        ) from None
    checked = check_models(models, adapter.model_prefix)
    declared = [_declaring(model, adapter) for model in checked]
    encode_models(declared)  # One that cannot be encoded must not take the others' list down.
    return declared


def _declaring(model: Model, adapter: ProviderAdapter) -> Model:
    """Give `model` with its features, which the API does not have, if it declares any."""
    declared = set(declared_features(adapter, model.id))
    if declared:
        return model.model_copy(update={"features": sorted(declared)})
    if "features" in (model.model_extra or ()):  # Of its own, which mean something else.
        model = model.model_copy()
        del model.features  # type: ignore[attr-defined]
    return model


def features_of(model: Model) -> list[str]:
    """Give what `model`, as it is listed, declares beyond the core subset."""
    declared: list[str] = (model.model_extra or {}).get("features", [])
    return declared
