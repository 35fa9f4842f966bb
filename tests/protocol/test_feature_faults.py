"""What a feature opens, with something wrong in it: it is refused, at its exact place."""

from typing import Any

import pytest

from tests.protocol.features import (
    ALL,
    BREAKPOINT,
    CALL,
    CUSTOM,
    CUSTOM_CALL,
    FUNCTION,
    HELLO,
    IMAGE,
    OLD,
    TEXT,
    allowing,
    ask,
    called,
    choosing,
    function,
    image,
    parts,
    schema,
    turns,
    verdict,
)
from veneer_protocol import InvalidRequestError, request_schema

LOOKED_UP = {"type": "function", "function": {"name": "look_up"}}
TYPE, VALUE = "invalid_type", "invalid_value"
MISSING, UNKNOWN = "missing_required_parameter", "unknown_parameter"

WRONG: list[tuple[dict[str, Any], str, str]] = [
    # Tools.
    ({"tools": []}, "tools", VALUE),
    ({"tools": [FUNCTION] * 129}, "tools", VALUE),
    ({"tools": {}}, "tools", TYPE),
    ({"tools": [None]}, "tools[0]", TYPE),
    ({"tools": [FUNCTION, {}]}, "tools[1].type", MISSING),
    ({"tools": [FUNCTION | {"type": None}]}, "tools[0].type", MISSING),
    ({"tools": [FUNCTION | {"type": 1}]}, "tools[0].type", TYPE),
    ({"tools": [FUNCTION | {"type": "retrieval"}]}, "tools[0].type", VALUE),
    ({"tools": [FUNCTION | {"type": "allowed_tools"}]}, "tools[0].type", VALUE),
    ({"tools": [FUNCTION | {"x": None}]}, "tools[0].x", UNKNOWN),
    ({"tools": [{"type": "function"}]}, "tools[0].function", MISSING),
    ({"tools": [{"type": "function", "function": "f"}]}, "tools[0].function", TYPE),
    (function(), "tools[0].function.name", MISSING),
    (function(name=None), "tools[0].function.name", MISSING),
    (function(name=1), "tools[0].function.name", TYPE),
    (function(name=""), "tools[0].function.name", VALUE),
    (function(name="a b"), "tools[0].function.name", VALUE),
    (function(name="a\n"), "tools[0].function.name", VALUE),
    (function(name="a" * 65), "tools[0].function.name", VALUE),
    (function(name="f", description=1), "tools[0].function.description", TYPE),
    (function(name="f", parameters=[]), "tools[0].function.parameters", TYPE),
    (function(name="f", strict="true"), "tools[0].function.strict", TYPE),
    (function(name="f", parametres={}), "tools[0].function.parametres", UNKNOWN),
    ({"tools": [CUSTOM | {"custom": {}}]}, "tools[0].custom.name", MISSING),
    (
        {"tools": [{"type": "custom", "custom": {"name": "c", "format": {"type": "json"}}}]},
        "tools[0].custom.format.type",
        VALUE,
    ),
    (
        {"tools": [{"type": "custom", "custom": {"name": "c", "format": {"type": "grammar"}}}]},
        "tools[0].custom.format.grammar",
        MISSING,
    ),
    ({"tool_choice": "auto"}, "tool_choice", VALUE),
    ({"parallel_tool_calls": True}, "parallel_tool_calls", VALUE),
    ({"tools": [FUNCTION], "parallel_tool_calls": 1}, "parallel_tool_calls", TYPE),
    (choosing("any"), "tool_choice", VALUE),
    (choosing(True), "tool_choice", TYPE),
    (choosing([]), "tool_choice", TYPE),
    (choosing({}), "tool_choice.type", MISSING),
    (choosing({"type": "function"}), "tool_choice.function", MISSING),
    (choosing({"type": "function", "function": {}}), "tool_choice.function.name", MISSING),
    (
        choosing({"type": "function", "function": {"name": "other"}}),
        "tool_choice.function.name",
        VALUE,
    ),
    (choosing({"type": "custom", "custom": {"name": "look_up"}}), "tool_choice.custom.name", VALUE),
    (allowing(), "tool_choice.allowed_tools.tools", VALUE),
    (allowing(LOOKED_UP, mode="none"), "tool_choice.allowed_tools.mode", VALUE),
    (allowing(LOOKED_UP, 1), "tool_choice.allowed_tools.tools[1]", TYPE),
    (
        allowing(LOOKED_UP, {"type": "function", "function": {"name": "g"}}),
        "tool_choice.allowed_tools.tools[1].function.name",
        VALUE,
    ),
    # Calls.
    (called(CALL | {"id": None}), "messages[1].tool_calls[0].id", MISSING),
    (called(CALL | {"idx": 0}), "messages[1].tool_calls[0].idx", UNKNOWN),
    (called(CALL | {"type": "x"}), "messages[1].tool_calls[0].type", VALUE),
    (
        called(CALL | {"function": {"name": 1, "arguments": ""}}),
        "messages[1].tool_calls[0].function.name",
        TYPE,
    ),
    (
        called(CALL, CALL | {"function": {"name": "f", "arguments": {}}}),
        "messages[1].tool_calls[1].function.arguments",
        TYPE,
    ),
    (
        called(CUSTOM_CALL | {"custom": {"name": "c"}}),
        "messages[1].tool_calls[0].custom.input",
        MISSING,
    ),
    (called(), "messages[1].tool_calls", VALUE),
    (
        turns({"role": "user", "content": "x", "tool_calls": [CALL]}),
        "messages[1].tool_calls",
        UNKNOWN,
    ),
    (turns({"role": "tool", "content": "x"}), "messages[1].tool_call_id", MISSING),
    (
        turns({"role": "tool", "tool_call_id": "call_1", "content": "x"}),
        "messages[1].tool_call_id",
        VALUE,
    ),
    (turns({"role": "assistant", "tool_calls": [CALL]}), "messages[1].tool_calls", VALUE),
    (turns({"role": "assistant", "tool_calls": [CALL]}, HELLO), "messages[1].tool_calls", VALUE),
    (
        {"messages": [*called(CALL)["messages"], HELLO, called(CALL)["messages"][-1]]},
        "messages[4].tool_call_id",
        VALUE,
    ),
    (
        {"messages": [*called(CALL)["messages"][:-1], {"role": "tool", "tool_call_id": "call_1"}]},
        "messages[2].content",
        MISSING,
    ),
    # In the form of another API.
    ({"tools": [FUNCTION["function"] | {"type": "function"}]}, "tools[0].function", MISSING),
    (
        {"tools": [FUNCTION], "tool_choice": {"type": "function", "name": "look_up"}},
        "tool_choice.function",
        MISSING,
    ),
    # Functions.
    ({"functions": []}, "functions", VALUE),
    ({"functions": [OLD] * 129}, "functions", VALUE),
    ({"functions": [OLD | {"strict": True}]}, "functions[0].strict", UNKNOWN),
    ({"function_call": "auto"}, "function_call", VALUE),
    ({"functions": [OLD], "function_call": "required"}, "function_call", VALUE),
    ({"functions": [OLD], "function_call": {"name": "g"}}, "function_call.name", VALUE),
    ({"functions": [OLD], "function_call": {}}, "function_call.name", MISSING),
    (turns({"role": "function", "content": "x"}), "messages[1].name", MISSING),
    (turns({"role": "function", "name": "f", "content": [TEXT]}), "messages[1].content", TYPE),
    # Parts.
    (image(), "messages[1].content[1].image_url.url", MISSING),
    (image(url=1), "messages[1].content[1].image_url.url", TYPE),
    (image(url="file:///etc/passwd"), "messages[1].content[1].image_url.url", VALUE),
    (image(url="example.com/a.png"), "messages[1].content[1].image_url.url", VALUE),
    (image(url="https://x", detail="best"), "messages[1].content[1].image_url.detail", VALUE),
    (image(url="https://x", size=1), "messages[1].content[1].image_url.size", UNKNOWN),
    (
        parts({"type": "image_url", "image_url": "https://x"}),
        "messages[1].content[1].image_url",
        TYPE,
    ),
    (
        parts(IMAGE | {"prompt_cache_breakpoint": {}}),
        "messages[1].content[1].prompt_cache_breakpoint.mode",
        MISSING,
    ),
    (parts(IMAGE, role="assistant"), "messages[1].content[1].type", VALUE),
    (parts(IMAGE, role="system"), "messages[1].content[1].type", VALUE),
    (parts({"type": "refusal", "refusal": "No."}), "messages[1].content[1].type", VALUE),
    (
        parts({"type": "input_audio", "input_audio": {"data": "", "format": "ogg"}}),
        "messages[1].content[1].input_audio.format",
        VALUE,
    ),
    (parts({"type": "file", "file": {}}), "messages[1].content[1].file.file_id", MISSING),
    (parts({"type": "file", "file": {"file_id": 1}}), "messages[1].content[1].file.file_id", TYPE),
    (
        parts(TEXT | {"prompt_cache_breakpoint": BREAKPOINT | {"ttl": "1h"}}),
        "messages[1].content[1].prompt_cache_breakpoint.ttl",
        VALUE,
    ),
    (turns({"role": "developer", "content": ""}), "messages[1].content", VALUE),
    (turns({"role": "assistant", "content": ""}), "messages[1].content", VALUE),
    (turns({"role": "assistant"}), "messages[1].content", MISSING),
    (turns({"role": "assistant", "audio": {}}), "messages[1].audio.id", MISSING),
    # The rest.
    ({"modalities": []}, "modalities", VALUE),
    ({"modalities": ["video"]}, "modalities[0]", VALUE),
    ({"modalities": ["audio"]}, "audio", MISSING),
    ({"audio": {"voice": "x", "format": "ogg"}}, "audio.format", VALUE),
    ({"audio": {"voice": 1, "format": "mp3"}}, "audio.voice", TYPE),
    ({"audio": {"voice": {}, "format": "mp3"}}, "audio.voice.id", MISSING),
    ({"response_format": "json_object"}, "response_format", TYPE),
    ({"response_format": {}}, "response_format.type", MISSING),
    ({"response_format": {"type": "xml"}}, "response_format.type", VALUE),
    ({"response_format": {"type": "text", "x": 1}}, "response_format.x", UNKNOWN),
    (schema(), "response_format.json_schema.name", MISSING),
    (schema(name="a b"), "response_format.json_schema.name", VALUE),
    (schema(name="x", schema=[]), "response_format.json_schema.schema", TYPE),
    (schema(name="x", strict=1), "response_format.json_schema.strict", TYPE),
    ({"logprobs": 1}, "logprobs", TYPE),
    ({"top_logprobs": 1}, "top_logprobs", VALUE),
    ({"logprobs": False, "top_logprobs": 1}, "top_logprobs", VALUE),
    ({"logprobs": True, "top_logprobs": 21}, "top_logprobs", VALUE),
    ({"logprobs": True, "top_logprobs": -1}, "top_logprobs", VALUE),
    ({"n": 0}, "n", VALUE),
    ({"n": 129}, "n", VALUE),
    ({"n": 2.0}, "n", TYPE),
    ({"frequency_penalty": 2.001}, "frequency_penalty", VALUE),
    ({"frequency_penalty": "0"}, "frequency_penalty", TYPE),
    ({"presence_penalty": -3}, "presence_penalty", VALUE),
    ({"presence_penalty": 10**400}, "presence_penalty", VALUE),
    ({"logit_bias": []}, "logit_bias", TYPE),
    ({"logit_bias": {"1": 1, "2": 101}}, "logit_bias.2", VALUE),
    ({"logit_bias": {"1": 1.5}}, "logit_bias.1", TYPE),
    ({"logit_bias": {"1": None}}, "logit_bias.1", TYPE),
    ({"logit_bias": {"hello": 1}}, "logit_bias.hello", VALUE),
    ({"seed": 1.0}, "seed", TYPE),
    ({"seed": 2**63}, "seed", VALUE),
    ({"reasoning_effort": "much"}, "reasoning_effort", VALUE),
    ({"reasoning_effort": 3}, "reasoning_effort", TYPE),
    ({"verbosity": "none"}, "verbosity", VALUE),
    ({"prediction": "x"}, "prediction", TYPE),
    ({"prediction": {"type": "content", "content": []}}, "prediction.content", VALUE),
    (
        {"prediction": {"type": "content", "content": [IMAGE]}},
        "prediction.content[0].image_url",
        UNKNOWN,
    ),
    ({"service_tier": "slow"}, "service_tier", VALUE),
    ({"store": "yes"}, "store", TYPE),
    ({"metadata": {"a": 1}}, "metadata.a", TYPE),
    ({"metadata": {"a": "v" * 513}}, "metadata.a", VALUE),
    ({"metadata": {"k" * 65: "v"}}, f"metadata.{'k' * 65}", VALUE),
    ({"metadata": {str(i): "" for i in range(17)}}, "metadata", VALUE),
    ({"prompt_cache_key": 1}, "prompt_cache_key", TYPE),
    ({"prompt_cache_options": {"ttl": "1h"}}, "prompt_cache_options.ttl", VALUE),
    ({"prompt_cache_retention": "12h"}, "prompt_cache_retention", VALUE),
    ({"safety_identifier": "x" * 129}, "safety_identifier", VALUE),
    ({"web_search_options": True}, "web_search_options", TYPE),
    ({"web_search_options": {"x": 1}}, "web_search_options.x", UNKNOWN),
    (
        {"web_search_options": {"user_location": {"type": "exact", "approximate": {}}}},
        "web_search_options.user_location.type",
        VALUE,
    ),
    ({"moderation": {}}, "moderation.model", MISSING),
    (
        {"moderation": {"model": "m", "policy": {"output": {"mode": "x"}}}},
        "moderation.policy.output.mode",
        VALUE,
    ),
    (
        {"stream_options": {"include_obfuscation": True}, "stream": True},
        "stream_options.include_obfuscation",
        "unsupported_parameter",
    ),
    # The core is no less strict beside it.
    ({"seed": 1, "temperature": 3}, "temperature", VALUE),
    ({"seed": 1, "stop": ["a", 1]}, "stop[1]", TYPE),
    ({"seed": 1, "max_tokens": 1, "max_completion_tokens": 2}, "max_completion_tokens", VALUE),
    ({"seed": 1, "x": 1}, "x", UNKNOWN),
    ({"seed": 1, "messages": []}, "messages", VALUE),
]


@pytest.mark.parametrize(("fields", "param", "code"), WRONG, ids=str)
def test_what_is_opened_is_held_to_the_api_at_its_exact_place(
    fields: dict[str, Any], param: str, code: str
) -> None:
    assert verdict(ALL, **fields) == (param, code)


@pytest.mark.parametrize(("name", "most", "right"), [("logit_bias", 1024, 0), ("metadata", 16, "")])
def test_entries_are_counted_before_they_are_looked_at(name: str, most: int, right: object) -> None:
    assert ask(ALL, **{name: {str(number): right for number in range(most)}})
    assert verdict(ALL, **{name: {str(number): None for number in range(most + 1)}}) == (
        name,
        VALUE,
    )
    assert request_schema()["properties"][name]["anyOf"][0]["maxProperties"] == most


FLOODS: dict[str, dict[str, Any]] = {
    "tools": {"tools": [{}] * 300_000},
    "names in a tool": {"tools": [FUNCTION | {f"x{i}": 1 for i in range(300_000)}]},
    "calls": turns({"role": "assistant", "tool_calls": [{"id": 1}] * 300_000}),
    "parts": parts(*[{"type": "image_url"}] * 300_000),
    "biases": {"logit_bias": {f"x{i}": None for i in range(300_000)}},
    "metadata": {"metadata": {str(i): i for i in range(300_000)}},
    "modalities": {"modalities": [1] * 300_000},
    "prediction": {"prediction": {"type": "content", "content": [1] * 300_000}},
}


@pytest.mark.parametrize("fields", FLOODS.values(), ids=FLOODS.keys())
def test_a_flood_of_faults_in_what_is_opened_ends_in_one_short_error(
    fields: dict[str, Any],
) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        ask(ALL, **fields)

    assert len(refusal.value.to_json()) < 500
