"""The OpenAPI document of what the gateway serves.

The protocol tells what a request is, the openai package's own models what an answer is.

Reference: https://spec.openapis.org/oas/v3.1.1
"""

import json
from functools import cache
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from openai.types import Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic.json_schema import models_json_schema

from veneer_gateway.exchange import SANE_REQUEST_ID
from veneer_protocol import Feature, request_schema

_REF_TEMPLATE = "#/components/schemas/{model}"

_DESCRIPTION = (
    "The chat completions of the OpenAI API, served by any model. Credentials and all other "
    "headers go to the provider as they are; the gateway asks for none. HEAD is answered wherever "
    "GET is."
)
_EVENTS = (
    "The answer; with `stream`, as events. Each event is `data: ` and a chunk; the last is "
    "`data: [DONE]`. A stream that breaks ends in an event that holds an error, and in no `[DONE]`."
)

_ANYWHERE = frozenset({400, 431, 500, 503, 504, 505})
# A provider may give any other status too, which `default` stands for.
_BY_A_PROVIDER = frozenset({401, 403, 404, 429, 502}) | _ANYWHERE
_ABOUT_A_BODY = frozenset({408, 413, 415, 501})

_STRING = {"type": "string"}
_STRING_OR_NULL = {"type": ["string", "null"]}


@cache
def openapi_json() -> bytes:
    """Give the document as JSON; the first call takes tens of milliseconds."""
    document = {
        "openapi": "3.1.1",
        "info": {
            "title": "Veneer",
            "description": _DESCRIPTION,
            "version": version("veneer-gateway"),
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": _paths(),
        "components": {
            "schemas": _schemas(),
            "responses": {"Error": _response("A failure.", _json(_schema("Error")), may_wait=True)},
            "headers": _headers(),
        },
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _paths() -> dict[str, Any]:
    model = {
        "name": "model",
        "in": "path",
        "required": True,
        "description": "`<prefix>/<name>`; the slash may come as it is, or as `%2F`.",
        "schema": _STRING,
    }
    # OpenAPI 3.1 has no word for what is in an event; a `schema` would be of the stream as a whole.
    events = {"x-event-data": {"anyOf": [_schema("ChatCompletionChunk"), _schema("Error")]}}
    completion = _json(_schema("ChatCompletion")) | {"text/event-stream": events}
    request = {"required": True, "content": _json(_schema("ChatCompletionRequest"))}
    unready = _json({"anyOf": [_schema("Readiness"), _schema("Error")]})
    return {
        "/v1/chat/completions": _serve(
            "createChatCompletion",
            "Answer a conversation, whole or as an event stream.",
            {"200": _response(_EVENTS, completion)},
            _BY_A_PROVIDER | _ABOUT_A_BODY,
            method="post",
            requestBody=request,
        ),
        "/v1/models": _serve(
            "listModels",
            "List the models of all providers; one that fails is left out.",
            {"200": _response("The models.", _json(_schema("ModelList")))},
            _BY_A_PROVIDER,
        ),
        "/v1/models/{model}": _serve(
            "retrieveModel",
            "Tell of one model.",
            {"200": _response("The model.", _json(_schema("Model")))},
            _BY_A_PROVIDER,
            parameters=[model],
        ),
        "/healthz": _serve(
            "isAlive",
            "Tell that the process lives.",
            {"200": _response("It does.", _json(_object(status={"const": "alive"})))},
        ),
        "/readyz": _serve(
            "isReady",
            "Tell whether requests can be served, and by which providers.",
            {
                "200": _response("They can.", _json(_schema("Readiness"))),
                "503": _response("They cannot, or this one is cut.", unready),
            },
        ),
        "/metrics": _serve(
            "getMetrics",
            "Give what is counted of the requests, for Prometheus.",
            {"200": _response("The metrics.", {"text/plain": {"schema": _STRING}})},
        ),
        "/openapi.json": _serve(
            "getOpenAPI",
            "Give this document.",
            {"200": _response("The document.", _json({"type": "object"}))},
        ),
    }


def _schemas() -> dict[str, Any]:
    answers = (ChatCompletion, ChatCompletionChunk, Model)
    _, schemas = models_json_schema(
        [(answer, "validation") for answer in answers], ref_template=_REF_TEMPLATE
    )
    schemas["$defs"]["Model"]["properties"]["features"] = {
        "description": "What it takes beyond the core; absent where that is nothing.",
        **_array({"enum": sorted(Feature)}),
    }
    request = request_schema(_REF_TEMPLATE)
    core = request_schema(_REF_TEMPLATE, core_only=True)
    provider = _object(
        name=_STRING, prefix=_STRING_OR_NULL, origin=_STRING, failure=_STRING_OR_NULL
    )
    error = _object(message=_STRING, type=_STRING, param=_STRING_OR_NULL, code=_STRING_OR_NULL)
    return {
        **schemas["$defs"],
        **core.pop("$defs"),
        **request.pop("$defs"),
        "CoreRequest": core,
        "ChatCompletionRequest": request,
        "Error": _object(error=error),
        "ModelList": _object(object={"const": "list"}, data=_array(_schema("Model"))),
        "Readiness": _object(status={"enum": ["ready", "not ready"]}, providers=_array(provider)),
    }


def _headers() -> dict[str, Any]:
    return {
        "x-request-id": {
            "description": "The request's own id: the caller's, where that is sane.",
            "required": True,
            "schema": {"type": "string", "pattern": f"^{SANE_REQUEST_ID.pattern}$"},
        },
        "Retry-After": {
            "description": "After how many seconds to try again.",
            "schema": {"type": "integer", "minimum": 0},
        },
        "X-Upstream-Request-Id": {
            "description": "What the provider's upstream calls the request.",
            "schema": _STRING,
        },
    }


def _serve(
    name: str,
    summary: str,
    responses: dict[str, Any],
    errors: frozenset[int] = _ANYWHERE,
    *,
    method: str = "get",
    **more: Any,
) -> dict[str, Any]:
    error = {"$ref": "#/components/responses/Error"}
    failures = {
        str(status): error | {"description": HTTPStatus(status).phrase} for status in sorted(errors)
    }
    every = failures | responses | {"default": error}
    return {method: {"operationId": name, "summary": summary, **more, "responses": every}}


def _response(description: str, content: Any, *, may_wait: bool = False) -> dict[str, Any]:
    names = ["x-request-id", *(("Retry-After", "X-Upstream-Request-Id") if may_wait else ())]
    headers = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    return {"description": description, "headers": headers, "content": content}


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}


def _schema(name: str) -> dict[str, Any]:
    return {"$ref": _REF_TEMPLATE.format(model=name)}


def _array(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    """Give the schema of an object that has exactly these properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
