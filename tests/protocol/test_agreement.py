"""What the API refuses for the sake of another field, and numbers that JSON cannot say again."""

from typing import Any

import pytest

from tests.protocol.features import ALL_FEATURES, CALL, FUNCTION, OLD, called, verdict
from veneer_protocol import InvalidRequestError, parse_request

TWICE = called(CALL)["messages"] + called(CALL)["messages"][-1:]
TOOL = '{"type":"function","function":{"name":"f","parameters":%s}}'
SCHEMA = '{"type":"json_schema","json_schema":{"name":"x","schema":%s}}'


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"tools": [FUNCTION], "functions": [OLD]}, "functions"),
        ({"messages": TWICE}, "messages[3].tool_call_id"),
        (called(CALL, CALL), "messages[1].tool_calls[1].id"),
    ],
)
def test_what_does_not_agree_is_refused_at_its_place(fields: dict[str, Any], param: str) -> None:
    assert verdict(ALL_FEATURES, **fields) == (param, "invalid_value")


@pytest.mark.parametrize(
    ("field", "param"),
    [
        (f'"tools":[{TOOL}]' % '{"x":[0,{"y":1e999}]}', "tools[0].function.parameters.x[1].y"),
        ('"functions":[{"name":"f","parameters":{"x":-1e400}}]', "functions[0].parameters.x"),
        (f'"response_format":{SCHEMA}' % '{"x":1e309}', "response_format.json_schema.schema.x"),
    ],
)
def test_a_number_beyond_all_bounds_is_refused_at_its_place(field: str, param: str) -> None:
    body = f'{{"model":"acme/one","messages":[{{"role":"user","content":"x"}}],{field}}}'

    with pytest.raises(InvalidRequestError) as refusal:
        parse_request(body.encode(), lambda _: ALL_FEATURES)

    assert (refusal.value.param, refusal.value.code) == (param, "invalid_value")
    assert refusal.value.message.endswith("It must be finite.")
