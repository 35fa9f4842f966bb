"""A request for each thing that a feature opens, and ways to ask with features."""

import json
from collections.abc import Collection
from typing import Any

import pytest

from veneer_protocol import ChatCompletionRequest, Feature, InvalidRequestError, parse_request

ALL = frozenset(Feature)
HELLO: dict[str, Any] = {"role": "user", "content": "hello"}
TEXT: dict[str, Any] = {"type": "text", "text": "hello"}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"x": {"type": ["string", "null"], "default": None, "enum": [None, "a"]}},
    "required": [],
}
FUNCTION: dict[str, Any] = {
    "type": "function",
    "function": {"name": "look_up", "description": "Looks up.", "parameters": SCHEMA},
}
CUSTOM: dict[str, Any] = {
    "type": "custom",
    "custom": {
        "name": "run-code",
        "description": "Runs code.",
        "format": {"type": "grammar", "grammar": {"definition": "a", "syntax": "lark"}},
    },
}
CALL: dict[str, Any] = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "look_up", "arguments": "{"},
}
CUSTOM_CALL: dict[str, Any] = {
    "id": "call_2",
    "type": "custom",
    "custom": {"name": "run-code", "input": ""},
}
OLD: dict[str, Any] = {"name": "look_up", "description": "Looks up.", "parameters": {}}
BREAKPOINT: dict[str, Any] = {"mode": "explicit", "ttl": "12h"}
IMAGE: dict[str, Any] = {
    "type": "image_url",
    "image_url": {"url": "https://example.com/a.png", "detail": "low"},
}


def turns(*messages: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [HELLO, *messages]}


def called(*calls: dict[str, Any], **fields: Any) -> dict[str, Any]:
    answers = [{"role": "tool", "tool_call_id": call["id"], "content": ""} for call in calls]
    return turns({"role": "assistant", "tool_calls": [*calls], **fields}, *answers)


def parts(*added: dict[str, Any], role: str = "user") -> dict[str, Any]:
    return turns({"role": role, "content": [TEXT, *added]})


def image(**fields: Any) -> dict[str, Any]:
    return parts({"type": "image_url", "image_url": fields})


def function(**fields: Any) -> dict[str, Any]:
    return {"tools": [{"type": "function", "function": fields}]}


def schema(**fields: Any) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": fields}}


def choosing(choice: Any) -> dict[str, Any]:
    return {"tools": [FUNCTION], "tool_choice": choice}


def allowing(*tools: Any, mode: str = "auto") -> dict[str, Any]:
    allowed = {"mode": mode, "tools": [*tools]}
    return choosing({"type": "allowed_tools", "allowed_tools": allowed})


# What is asked, and the first place at which a model without the feature refuses it.
EXAMPLES: dict[Feature, list[tuple[dict[str, Any], str]]] = {
    Feature.TOOLS: [
        ({"tools": [FUNCTION]}, "tools"),
        ({"tools": [{"type": "function", "function": {"name": "f", "strict": True}}]}, "tools"),
        ({"tools": [FUNCTION], "tool_choice": "required"}, "tools"),
        (
            {
                "tools": [FUNCTION],
                "tool_choice": {"type": "function", "function": {"name": "look_up"}},
                "parallel_tool_calls": False,
            },
            "tools",
        ),
        (
            {
                "tools": [FUNCTION],
                "tool_choice": {
                    "type": "allowed_tools",
                    "allowed_tools": {
                        "mode": "auto",
                        "tools": [{"type": "function", "function": {"name": "look_up"}}],
                    },
                },
            },
            "tools",
        ),
        ({"tool_choice": "none"}, "tool_choice"),
        (called(CALL), "messages[1].tool_calls"),
        (called(CALL, content="I look it up."), "messages[1].tool_calls"),
        (called(CALL, content=""), "messages[1].tool_calls"),
        (called(CALL, CALL | {"id": "call_3"}), "messages[1].tool_calls"),
    ],
    Feature.CUSTOM_TOOLS: [
        ({"tool_choice": "none"}, "tool_choice"),
        ({"tools": [CUSTOM]}, "tools"),
        ({"tools": [{"type": "custom", "custom": {"name": "c"}}]}, "tools"),
        (
            {
                "tools": [CUSTOM],
                "tool_choice": {"type": "custom", "custom": {"name": "run-code"}},
            },
            "tools",
        ),
        (called(CUSTOM_CALL), "messages[1].tool_calls"),
    ],
    Feature.FUNCTIONS: [
        ({"functions": [OLD]}, "functions"),
        ({"functions": [OLD], "function_call": "auto"}, "functions"),
        ({"functions": [OLD], "function_call": {"name": "look_up"}}, "functions"),
        (
            turns({"role": "assistant", "function_call": {"name": "f", "arguments": ""}}),
            "messages[1].function_call",
        ),
        (turns({"role": "function", "name": "f", "content": ""}), "messages[1].role"),
        (turns({"role": "function", "name": "f"}), "messages[1].role"),
    ],
    Feature.IMAGES: [
        (parts(IMAGE), "messages[1].content[1].type"),
        (
            parts({"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}),
            "messages[1].content[1].type",
        ),
    ],
    Feature.AUDIO_INPUT: [
        (
            parts({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}),
            "messages[1].content[1].type",
        ),
    ],
    Feature.AUDIO_OUTPUT: [
        ({"modalities": ["text"]}, "modalities"),
        ({"audio": {"voice": "alloy", "format": "mp3"}, "modalities": ["text", "audio"]}, "audio"),
        ({"audio": {"voice": {"id": "voice_1"}, "format": "pcm16"}}, "audio"),
        (turns({"role": "assistant", "audio": {"id": "audio_1"}}), "messages[1].audio"),
    ],
    Feature.FILES: [
        (parts({"type": "file", "file": {"file_id": "f"}}), "messages[1].content[1].type"),
        (
            parts({"type": "file", "file": {"file_data": "AAAA", "filename": "a.pdf"}}),
            "messages[1].content[1].type",
        ),
    ],
    Feature.JSON_OBJECT: [
        ({"response_format": {"type": "json_object"}}, "response_format"),
        ({"response_format": {"type": "text"}}, "response_format"),
    ],
    Feature.JSON_SCHEMA: [
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "x", "description": "", "schema": SCHEMA},
                }
            },
            "response_format",
        ),
        (
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "x", "strict": True},
                }
            },
            "response_format",
        ),
        ({"response_format": {"type": "text"}}, "response_format"),
    ],
    Feature.REFUSALS: [
        (turns({"role": "assistant", "refusal": "No."}), "messages[1].refusal"),
        (turns({"role": "assistant", "content": "x", "refusal": ""}), "messages[1].refusal"),
        (
            parts({"type": "refusal", "refusal": "No."}, role="assistant"),
            "messages[1].content[1].type",
        ),
    ],
    Feature.LOGPROBS: [
        ({"logprobs": False}, "logprobs"),
        ({"logprobs": True, "top_logprobs": 0}, "logprobs"),
        ({"logprobs": True, "top_logprobs": 20}, "logprobs"),
    ],
    Feature.CHOICES: [({"n": 2}, "n"), ({"n": 128}, "n")],
    Feature.PENALTIES: [
        ({"frequency_penalty": -2}, "frequency_penalty"),
        ({"presence_penalty": 2.0}, "presence_penalty"),
    ],
    Feature.LOGIT_BIAS: [
        ({"logit_bias": {}}, "logit_bias"),
        ({"logit_bias": {"50256": -100, "0": 100}}, "logit_bias"),
    ],
    Feature.SEED: [({"seed": -(2**63)}, "seed"), ({"seed": 2**63 - 1}, "seed")],
    Feature.DEVELOPER_ROLE: [
        (turns({"role": "developer", "content": "Be brief.", "name": "d"}), "messages[1].role"),
        (parts(role="developer"), "messages[1].role"),
    ],
    Feature.REASONING_EFFORT: [({"reasoning_effort": "xhigh"}, "reasoning_effort")],
    Feature.VERBOSITY: [({"verbosity": "low"}, "verbosity")],
    Feature.PREDICTION: [
        ({"prediction": {"type": "content", "content": ""}}, "prediction"),
        ({"prediction": {"type": "content", "content": [TEXT]}}, "prediction"),
    ],
    Feature.SERVICE_TIER: [({"service_tier": "flex"}, "service_tier")],
    Feature.STORE: [
        ({"store": True}, "store"),
        ({"store": False, "metadata": {}}, "store"),
        ({"metadata": {"k" * 64: "v" * 512}}, "metadata"),
    ],
    Feature.PROMPT_CACHE: [
        ({"prompt_cache_key": ""}, "prompt_cache_key"),
        ({"prompt_cache_options": {}}, "prompt_cache_options"),
        ({"prompt_cache_options": {"mode": "implicit", "ttl": "30m"}}, "prompt_cache_options"),
        ({"prompt_cache_retention": "in_memory"}, "prompt_cache_retention"),
        (
            turns({"role": "user", "content": [TEXT | {"prompt_cache_breakpoint": BREAKPOINT}]}),
            "messages[1].content[0].prompt_cache_breakpoint",
        ),
    ],
    Feature.SAFETY_IDENTIFIER: [({"safety_identifier": "x" * 128}, "safety_identifier")],
    Feature.WEB_SEARCH: [
        ({"web_search_options": {}}, "web_search_options"),
        (
            {
                "web_search_options": {
                    "search_context_size": "low",
                    "user_location": {
                        "type": "approximate",
                        "approximate": {"city": "Seoul", "country": "KR"},
                    },
                }
            },
            "web_search_options",
        ),
    ],
    Feature.MODERATION: [
        ({"moderation": {"model": "m"}}, "moderation"),
        ({"moderation": {"model": "m", "policy": {"input": {"mode": "block"}}}}, "moderation"),
    ],
}
ALL_FEATURES = frozenset(Feature)
FLAT = [(feature, *example) for feature, examples in EXAMPLES.items() for example in examples]


def body(**fields: Any) -> bytes:
    return json.dumps({"model": "acme/one", "messages": [HELLO], **fields}).encode()


def ask(features: Collection[str], **fields: Any) -> ChatCompletionRequest:
    """Parse a request to a model that declares `features`."""
    return parse_request(body(**fields), lambda _: features)


def verdict(features: Collection[str], **fields: Any) -> tuple[str | None, str | None]:
    """Tell at which parameter such a request is refused, and by which code."""
    with pytest.raises(InvalidRequestError) as refusal:
        ask(features, **fields)
    assert refusal.value.status == 400
    return refusal.value.param, refusal.value.code
