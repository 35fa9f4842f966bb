"""What a caller asks of an emulated feature, and what the model says, is in no log."""

import json
import logging
from typing import Any

import httpx2
import pytest

from tests.adapters import SayingAdapter
from veneer_gateway.testing import running_gateway
from veneer_protocol import Feature
from veneer_protocol.emulation import EmulatingAdapter

SECRET = "zq-4f81c0d92be7"
ALL = {Feature.TOOLS, Feature.JSON_SCHEMA}
TOOL = {
    "type": "function",
    "function": {"name": "look", "description": SECRET, "parameters": {"const": SECRET}},
}
CALL = f'<tool_call>{{"name": "look", "arguments": {{"at": "{SECRET}"}}}}</tool_call>'


def strictly(schema: dict[str, Any]) -> dict[str, Any]:
    described = {"name": "x", "schema": schema, "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": described}}


CASES: list[tuple[int, dict[str, Any], str]] = [
    (200, {"tools": [TOOL]}, CALL),
    (502, {"tools": [TOOL], "tool_choice": "required"}, SECRET),
    (502, strictly({"properties": {SECRET: {"const": 1}}}), json.dumps({SECRET: SECRET})),
    (400, strictly({"properties": {SECRET: {"type": SECRET}}}), "{}"),
    (400, strictly({"properties": {"a": {"pattern": f"(?={SECRET})"}}}), '{"a": "x"}'),
    (400, strictly({"$ref": f"http://127.0.0.1:9/{SECRET}"}), "{}"),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("status", "fields", "said"), CASES)
def test_no_log_has_it(
    status: int,
    fields: dict[str, Any],
    said: str,
    stream: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    adapter = EmulatingAdapter(SayingAdapter(said, said), ALL, repairs=True)
    body = {"model": f"{adapter.name}/one", "messages": [{"role": "user", "content": SECRET}]}

    with caplog.at_level(logging.DEBUG), running_gateway(adapter) as gateway:
        answer = httpx2.post(
            f"{gateway.url}/v1/chat/completions",
            json={**body, **fields, "stream": stream},
            headers={"authorization": f"Bearer {SECRET}"},
            timeout=30,
        )

    assert answer.status_code == status
    assert SECRET not in caplog.text
    assert status != 502 or SECRET not in answer.text
    assert any(record.name.startswith("veneer") for record in caplog.records)
