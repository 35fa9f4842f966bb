"""The OpenAPI document says what is served: no route more, no field less."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openai import OpenAI
from openai.types import Model
from openai.types.chat import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionContentPartTextParam,
)
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from tests.adapters import BrokenAdapter
from tests.docs.test_reference import classes
from tests.protocol.features import FLAT
from tests.protocol.strategies import near_misses
from tests.protocol.test_feature_faults import WRONG
from veneer_gateway import Registry, Settings, create_app
from veneer_gateway.openapi import openapi_json
from veneer_gateway.testing import running_gateway
from veneer_protocol import (
    InvalidRequestError,
    RateLimitError,
    encode_error,
    parse_request,
    request_schema,
)
from veneer_protocol.requests.openings import opened, openers
from veneer_protocol.requests.subset import MESSAGE, REQUEST, STREAM_OPTIONS, TEXT_PART, Names

CHAT = "/v1/chat/completions"
HELLO = {"role": "user", "content": "hello"}
GOOD: dict[str, Any] = {"model": "dummy/echo-1", "messages": [HELLO]}

DOCUMENT: dict[str, Any] = json.loads(openapi_json())


def asking(content: dict[str, Any]) -> dict[str, Any]:
    """Give the document with another body of a request for an answer."""
    document: dict[str, Any] = json.loads(openapi_json())
    document["paths"][CHAT]["post"]["requestBody"]["content"] = content
    return document


def bodies(mode: schemathesis.GenerationMode) -> st.SearchStrategy[Any]:
    """Draw bodies of a request to any model, of which the document tells exactly what they take."""

    def made() -> st.SearchStrategy[Any]:
        operation = schemathesis.openapi.from_dict(asking(CORE))[CHAT]["POST"]
        return operation.as_strategy(generation_mode=mode).map(lambda case: case.body)

    # Made for the test alone: each process that collects tests would wait for it.
    return st.deferred(made)


CORE = {"application/json": {"schema": {"$ref": "#/components/schemas/CoreRequest"}}}
BODIES = bodies(schemathesis.GenerationMode.POSITIVE)
NO_BODIES = bodies(schemathesis.GenerationMode.NEGATIVE)
# They take their time to draw.
FEWER = settings(max_examples=settings().max_examples // 4)


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    """Give what holds a value to `schema`, which may refer to the document's own."""
    return Draft202012Validator(schema | {"components": DOCUMENT["components"]})


def component(name: str) -> Draft202012Validator:
    return validator({"$ref": f"#/components/schemas/{name}"})


REQUESTS = component("CoreRequest")
SDK: dict[bool, TypeAdapter[Any]] = {
    False: TypeAdapter(CompletionCreateParamsNonStreaming),
    True: TypeAdapter(CompletionCreateParamsStreaming),
}
PARTS = TypeAdapter(list[ChatCompletionContentPartTextParam])


def test_the_document_is_valid_openapi() -> None:
    OpenAPIV31SpecValidator(DOCUMENT).validate()

    assert DOCUMENT["openapi"].startswith("3.1.")


def test_the_document_is_served_as_json(base_url: str) -> None:
    response = httpx2.get(f"{base_url}/openapi.json")

    assert response.headers["content-type"] == "application/json"
    assert response.json() == DOCUMENT


def test_the_document_lists_exactly_the_routes() -> None:
    rules = create_app(Settings(), Registry()).url_map.iter_rules()

    # HEAD is answered wherever GET is; the document says so once.
    served = {
        (re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in rules
        for method in (rule.methods or set()) - {"HEAD"}
    }

    assert {(path, method) for path, item in DOCUMENT["paths"].items() for method in item} == served


@pytest.mark.parametrize(
    "path", [path for path, item in DOCUMENT["paths"].items() if "get" in item]
)
def test_head_is_answered_wherever_get_is(base_url: str, path: str) -> None:
    response = httpx2.head(base_url + path.replace("{model}", "dummy/echo-1"))

    assert (response.status_code, response.content) == (200, b"")


def test_every_status_of_an_error_is_in_the_document() -> None:
    # 405 is of the methods that a path does not have.
    statuses = {str(kind.status) for kind in classes()} - {"405"}

    assert statuses <= DOCUMENT["paths"][CHAT]["post"]["responses"].keys()


@pytest.mark.parametrize("path", DOCUMENT["paths"])
def test_every_error_is_the_one_error(path: str) -> None:
    (operation,) = DOCUMENT["paths"][path].values()

    told = {
        status: response.get("$ref")
        for status, response in operation["responses"].items()
        if not status.startswith("2") and (path, status) != ("/readyz", "503")
    }

    assert set(told.values()) == {"#/components/responses/Error"}


def is_taken(body: object) -> bool:
    try:
        parse_request(json.dumps(body).encode())
    except InvalidRequestError:
        return False
    return True


def without_exceptions(body: object) -> object:
    """Give `body` without what the document tells in words only.

    These are integers that have a point, and limits that differ.
    """
    if not isinstance(body, dict):
        return body
    names = ("max_tokens", "max_completion_tokens", "n")
    body = body | {
        name: int(value)
        for name in names
        if isinstance(value := body.get(name), float) and value.is_integer()
    }
    limits = [body.get("max_tokens"), body.get("max_completion_tokens")]
    if None not in limits and REQUESTS.is_valid(body):
        body["max_tokens"] = body["max_completion_tokens"]
    return body


@FEWER
@given(BODIES)
def test_what_the_document_allows_is_taken_and_is_a_request_of_the_sdk(body: object) -> None:
    assert REQUESTS.is_valid(body)

    request = parse_request(json.dumps(without_exceptions(body)).encode())

    given = request.model_dump(mode="json", exclude_unset=True)
    for message in given["messages"]:
        if isinstance(message["content"], list):
            # Of an iterable within a union pydantic has read too much when it comes to its items.
            assert PARTS.validate_python(message["content"]) == message["content"]
            message["content"] = "parts"
    sdk = SDK[request.stream]
    assert sdk.dump_python(sdk.validate_python(given), mode="json") == given


def is_wellformed(body: object) -> bool:
    try:
        json.dumps(body, allow_nan=False, ensure_ascii=False).encode()
    except ValueError:
        return False
    return True


@FEWER
@given(NO_BODIES.filter(lambda body: isinstance(body, dict | list)))
def test_what_the_document_forbids_is_refused(body: object) -> None:
    assert is_taken(without_exceptions(body)) is REQUESTS.is_valid(body)


@given(near_misses().filter(is_wellformed))
def test_the_document_and_the_parser_agree_on_near_misses(body: object) -> None:
    assert is_taken(without_exceptions(body)) is REQUESTS.is_valid(body)


DEEP: Any = 1
for _ in range(201):
    DEEP = [DEEP]

EXCEPTIONS = {
    "a name comes twice": b'{"model":"x/y",' + json.dumps(GOOD).encode()[1:],
    "an integer with a point": json.dumps(GOOD | {"max_tokens": 1.0}).encode(),
    "limits that differ": json.dumps(GOOD | {"max_tokens": 1, "max_completion_tokens": 2}).encode(),
    "half a surrogate pair": json.dumps(GOOD | {"user": "\ud800"}).encode(),
    "nested too deep": json.dumps(
        GOOD | {"messages": [HELLO | {"provider_specific_fields": DEEP}]}
    ).encode(),
}


@pytest.mark.parametrize("body", EXCEPTIONS.values(), ids=EXCEPTIONS.keys())
def test_what_no_schema_can_say_is_allowed_by_it_and_refused(body: bytes) -> None:
    assert REQUESTS.is_valid(json.loads(body))
    with pytest.raises(InvalidRequestError):
        parse_request(body)


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("CoreRequest", REQUEST),
        ("CoreMessage", MESSAGE),
        ("CoreTextPart", TEXT_PART),
        ("StreamOptions", STREAM_OPTIONS),
    ],
)
def test_the_document_names_every_field_that_every_model_takes(name: str, names: Names) -> None:
    schema = DOCUMENT["components"]["schemas"][name]

    assert set(schema["properties"]) == names.taken | names.excluded | names.echoed
    assert schema["additionalProperties"] is False


WHOLE = component("ChatCompletionRequest")
# By name and type; what the document tells in words only is of integers, or of messages by role.
BY_SCHEMA = {"invalid_type", "unknown_parameter"}
IN_WORDS = {"n", "seed", "messages[1].content", "messages[1].tool_calls"}


@pytest.mark.parametrize(("fields", "_", "__"), [(fields, f, p) for f, fields, p in FLAT])
def test_what_a_feature_opens_is_allowed_by_the_document(
    fields: dict[str, Any], _: str, __: str
) -> None:
    assert WHOLE.is_valid(GOOD | fields)
    assert not REQUESTS.is_valid(GOOD | fields)


@given(near_misses().filter(is_wellformed))
def test_what_every_model_takes_is_allowed_to_all(body: object) -> None:
    assert WHOLE.is_valid(without_exceptions(body)) or not is_taken(without_exceptions(body))


@pytest.mark.parametrize(
    ("fields", "param"), [(fields, param) for fields, param, code in WRONG if code in BY_SCHEMA]
)
def test_what_is_wrong_by_name_or_type_is_forbidden_by_the_document(
    fields: dict[str, Any], param: str
) -> None:
    assert WHOLE.is_valid(GOOD | fields) is (param in IN_WORDS)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("ChatCompletionRequest", "fields"),
        ("Message", "message_fields"),
        ("TextPart", "part_fields"),
    ],
)
def test_the_document_names_the_feature_that_opens_a_field(name: str, place: str) -> None:
    properties = DOCUMENT["components"]["schemas"][name]["properties"]

    for field in opened(place):
        told = set(re.findall("`(.+?)`", properties[field]["description"]))
        assert told == {str(feature) for feature in openers(place, field)}


def test_the_document_tells_of_the_features_of_a_model() -> None:
    model = {"id": "a/b", "object": "model", "created": 0, "owned_by": "a"}

    assert component("Model").is_valid(model | {"features": ["tools", "images"]})
    assert not component("Model").is_valid(model | {"features": ["wings"]})


def test_no_schema_of_a_request_has_the_name_of_one_of_an_answer() -> None:
    answers = (ChatCompletion, ChatCompletionChunk, Model)
    _, schemas = models_json_schema([(answer, "validation") for answer in answers])
    requests = request_schema()["$defs"].keys() | request_schema(core_only=True)["$defs"].keys()

    assert schemas["$defs"].keys() & requests == set()


def schema_of(path: str, status: str, kind: str = "application/json") -> Draft202012Validator:
    (operation,) = DOCUMENT["paths"][path].values()
    response = operation["responses"][status]
    if "$ref" in response:
        response = DOCUMENT["components"]["responses"]["Error"]
    content = response["content"][kind]
    return validator(content.get("schema") or content["x-event-data"])


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/v1/models", "/v1/models"),
        ("/v1/models/{model}", "/v1/models/dummy/echo-1"),
        ("/healthz", "/healthz"),
        ("/readyz", "/readyz"),
        ("/openapi.json", "/openapi.json"),
    ],
)
def test_an_answer_is_what_the_document_says(base_url: str, path: str, asked: str) -> None:
    response = httpx2.get(f"{base_url}{asked}")

    schema_of(path, "200").validate(response.json())


def test_a_gateway_that_is_not_ready_says_so_as_the_document_has_it() -> None:
    with running_gateway() as gateway:
        response = httpx2.get(f"{gateway.url}/readyz")

    assert response.status_code == 503
    component("Readiness").validate(response.json())
    schema_of("/readyz", "503").validate(response.json())


def test_a_completion_is_what_the_document_says(sync_client: OpenAI) -> None:
    answer = sync_client.chat.completions.with_raw_response.create(**GOOD)

    schema_of(CHAT, "200").validate(json.loads(answer.text))


def events(text: str) -> Iterator[Any]:
    data = [line.removeprefix("data: ") for line in text.splitlines() if line]
    assert data.pop() == "[DONE]"
    yield from map(json.loads, data)


def test_every_event_of_a_stream_is_what_the_document_says(base_url: str) -> None:
    body = GOOD | {"stream": True, "stream_options": {"include_usage": True}}
    response = httpx2.post(f"{base_url}{CHAT}", json=body)

    chunks = [*events(response.text)]

    assert chunks
    for chunk in chunks:
        schema_of(CHAT, "200", "text/event-stream").validate(chunk)
        component("ChatCompletionChunk").validate(chunk)
        TypeAdapter(ChatCompletionChunk).validate_python(chunk)


def test_the_last_event_of_a_stream_that_breaks_is_what_the_document_says() -> None:
    frame = encode_error(RateLimitError("Slow down."))

    event = json.loads(frame.removeprefix(b"data: "))

    schema_of(CHAT, "200", "text/event-stream").validate(event)


def test_an_error_and_its_headers_are_what_the_document_says() -> None:
    error = RateLimitError("Slow down.", retry_after_seconds=1.5, upstream_request_id="up-1")

    with running_gateway(BrokenAdapter(error)) as gateway:
        response = httpx2.post(f"{gateway.url}{CHAT}", json=GOOD | {"model": "broken/x"})

    schema_of(CHAT, str(response.status_code)).validate(response.json())
    headers = DOCUMENT["components"]["headers"]
    assert headers.keys() == DOCUMENT["components"]["responses"]["Error"]["headers"].keys()
    assert [name for name in headers if name not in response.headers] == []
    assert re.search(headers["x-request-id"]["schema"]["pattern"], response.headers["x-request-id"])
    assert int(response.headers["retry-after"]) >= headers["Retry-After"]["schema"]["minimum"]


@given(st.text(max_size=3), st.sampled_from([None, "n"]))
def test_every_error_body_is_what_the_document_says(text: str, param: str | None) -> None:
    error = InvalidRequestError(text, param=param)

    component("Error").validate(json.loads(error.to_json()))
