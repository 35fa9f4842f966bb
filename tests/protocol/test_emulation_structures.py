"""JSON out of what a model says, held to a schema that a caller wrote."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veneer_protocol import InvalidRequestError
from veneer_protocol.emulation.errors import NotAsAskedError
from veneer_protocol.emulation.structures import Structure

CITY = {
    "type": "object",
    "properties": {"city": {"type": "string", "pattern": "^[A-Z]"}},
    "required": ["city"],
    "additionalProperties": False,
}
SEOUL = '{"city": "Seoul"}'


def bomb(length: int) -> dict[str, Any]:
    """A schema that takes twice as long with each of its lines."""
    lines: dict[str, Any] = {
        f"l{number}": {"allOf": [{"$ref": f"#/$defs/l{number + 1}"}] * 2}
        for number in range(length)
    }
    return {"$defs": {**lines, f"l{length}": True}, "$ref": "#/$defs/l0"}


@pytest.mark.parametrize(
    "text",
    [
        SEOUL,
        f"\n {SEOUL}\n",
        f"```json\n{SEOUL}\n```",
        f"Here it is: {SEOUL} I hope it helps.",
        f"The set {{a, b}} is none. {SEOUL}",
        f'Not {{"town": "Seoul"}}, but {SEOUL}.',
        f"<think>{'{a} {} { ' * 5000}</think>{SEOUL}",
        f"{'{a} ' * 5000}{SEOUL}",
        f"""{'{"city": x} ' * 500}{SEOUL}""",
        f'<think>{{"city": "Busan"}} {{</think>\n```json\n{SEOUL}\n```',
        f"<think>It is {SEOUL}</think> I said it.",
    ],
)
def test_the_one_object_that_is_right_is_found(text: str) -> None:
    assert Structure(CITY).read(text) == SEOUL


def test_the_end_of_a_thought_may_be_in_an_object() -> None:
    said = '{"city": "S</think>{}"}'

    assert Structure().read(said) == said


@given(st.dictionaries(st.text(), st.integers() | st.text()), st.sampled_from(["", "So: ", "{ "]))
def test_any_object_is_found_as_it_was_said(value: dict[str, Any], before: str) -> None:
    said = json.dumps(value)

    assert Structure().read(f"{before}{said}\n```") == said


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no JSON object"),
        ("I do not know.", "no JSON object"),
        ("[1, 2]", "no JSON object"),
        ('{"city": NaN}', "no JSON object"),
        ('{"city": "Seo', "no JSON object"),
        ("{" * 5000, "no JSON object"),
        (f'{SEOUL} {{"city": "Busan"}}', "several JSON objects"),
        ('{"city": 7}', "does not keep to the schema"),
        ('{"city": "seoul"}', "does not keep to the schema"),
        ('{"city": "Seoul", "sky": "blue"}', "does not keep to the schema"),
    ],
)
def test_anything_else_is_told(text: str, reason: str) -> None:
    with pytest.raises(NotAsAskedError, match=reason):
        Structure(CITY).read(text)


def test_the_place_that_is_wrong_is_told_to_the_model() -> None:
    with pytest.raises(NotAsAskedError) as wrong:
        Structure(CITY).read('{"city": 7}')

    assert wrong.value.detail == "$.city: 7 is not of type 'string'"


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "thing"},
        {"properties": []},
        {"items": {"patternProperties": {"a": {}}}},
        {"type": "array", "items": {"type": "string"}},
        {"type": ["string", "null"]},
    ],
)
def test_a_schema_that_cannot_be_checked_is_refused_at_once(schema: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        Structure(schema)

    assert refusal.value.param == "response_format.json_schema.schema"


def test_a_property_may_have_the_name_of_what_cannot_be_checked() -> None:
    lists = {"properties": {"unevaluatedItems": {"type": "array"}}}
    schema = {"properties": {"properties": lists, "patternProperties": {"type": "string"}}}
    said = '{"patternProperties": "^a", "properties": {"unevaluatedItems": []}}'

    assert Structure(schema).read(said) == said
    with pytest.raises(InvalidRequestError, match="patternProperties"):
        Structure({"properties": {"properties": {"patternProperties": {}}}})


def test_a_reference_makes_no_keyword_of_the_name_of_a_property() -> None:
    properties = {"patternProperties": {"^(c+)+$": True}}

    with pytest.raises(InvalidRequestError, match="patternProperties"):
        Structure({"properties": properties, "$ref": "#/properties"}).read(SEOUL)


@pytest.mark.parametrize("kinds", ["object", ["object", "null"]])
def test_a_schema_that_allows_an_object_is_none_of_these(kinds: object) -> None:
    assert Structure({"type": kinds}).read(SEOUL) == SEOUL


# None of these may fetch anything, nor hold up the gateway.
@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "http://127.0.0.1:9/schema"},
        {"$ref": "#/nowhere"},
        {"$ref": "#"},
        {"$ref": "#/enum/0", "enum": ["no schema"]},
        {"$ref": "#/allOf/first", "allOf": [True]},
        {"$id": "x", "$defs": {"q": {"$id": "http://[z"}}, "$ref": "q"},
        {"properties": {"city": {"not": {"$dynamicRef": "#nowhere"}}}},
        {"properties": {"city": {"pattern": "(?=a)"}}},
        bomb(60),
    ],
)
def test_a_schema_that_leads_astray_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequestError):
        Structure(schema).read(SEOUL)


def test_nothing_is_fetched_for_a_schema() -> None:
    fetched = []

    class Schema(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            fetched.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"true")

    with ThreadingHTTPServer(("127.0.0.1", 0), Schema) as server:
        Thread(target=server.serve_forever).start()
        with pytest.raises(InvalidRequestError):
            Structure({"$ref": f"http://127.0.0.1:{server.server_port}/"}).read(SEOUL)
        server.shutdown()

    assert fetched == []


def test_a_number_too_large_to_check_is_refused() -> None:
    schema = {"properties": {"size": {"multipleOf": 0.1}}}

    with pytest.raises(InvalidRequestError):
        Structure(schema).read(json.dumps({"size": 10**400}))


@pytest.mark.timeout(60)
def test_a_pattern_takes_no_longer_than_its_text() -> None:
    schema = {"properties": {"city": {"pattern": "^(a+)+$"}}}

    with pytest.raises(NotAsAskedError):
        Structure(schema).read(json.dumps({"city": "a" * 5000 + "!"}))


DIALECT = {"$schema": "https://json-schema.org/draft/2020-12/schema"}


# The library has a class of its own for it, whose patterns may backtrack without an end.
@pytest.mark.parametrize(
    "dialect", [DIALECT, {"$schema": "http://json-schema.org/draft-07/schema#"}]
)
def test_a_schema_that_names_its_dialect_is_checked_no_other_way(dialect: dict[str, Any]) -> None:
    city = {**dialect, "type": "string", "pattern": "^(?=S)"}

    with pytest.raises(InvalidRequestError, match="pattern"):
        Structure({**dialect, "properties": {"city": city}}).read(SEOUL)


@pytest.mark.timeout(60)
def test_references_are_counted_below_a_dialect_too() -> None:
    schema = {"properties": {"city": {**DIALECT, "$ref": "#/$defs/l0"}}, "$defs": bomb(60)["$defs"]}

    with pytest.raises(InvalidRequestError, match="too long"):
        Structure(schema).read(SEOUL)
