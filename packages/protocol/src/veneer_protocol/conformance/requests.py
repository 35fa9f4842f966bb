"""What the kit asks of an adapter for the features that it declares."""

import base64
import io
import wave
from collections.abc import Mapping

from veneer_protocol.conformance.asking import QUESTION, USER, Fields
from veneer_protocol.features import Feature

TOOL_NAME = "get_weather"
_FUNCTION = {
    "name": TOOL_NAME,
    "description": "Tells the weather in a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
}
_TOOL = {"type": "function", "function": _FUNCTION}
_OTHER = {**_FUNCTION, "name": "get_time", "description": "Tells the time in a city."}
_OTHER_TOOL = {"type": "function", "function": _OTHER}
_WEATHER = {"role": "user", "content": "What is the weather in Seoul? Look it up."}
_CALLED = {"name": TOOL_NAME, "arguments": '{"city": "Seoul"}'}
_CALL = {"id": "call_1", "type": "function", "function": _CALLED}

CALLING: Fields = {"messages": [_WEATHER], "tools": [_TOOL]}
"""A question that a tool may answer."""
REQUIRED: Fields = {**CALLING, "tool_choice": "required"}
FORBIDDEN: Fields = {**CALLING, "tool_choice": "none"}
ALONE: Fields = {**CALLING, "parallel_tool_calls": False}
_CHOSEN = {"type": "function", "function": {"name": TOOL_NAME}}
_AMONG_OTHERS: Fields = {**CALLING, "tools": [_OTHER_TOOL, _TOOL]}
NAMED: Fields = {**_AMONG_OTHERS, "tool_choice": _CHOSEN}
ALLOWED: Fields = {
    **_AMONG_OTHERS,
    "tool_choice": {
        "type": "allowed_tools",
        "allowed_tools": {"mode": "required", "tools": [_CHOSEN]},
    },
}

_COLOURS = {
    "type": "object",
    "properties": {"colours": {"type": "array", "items": {"type": "string"}}},
    "required": ["colours"],
    "additionalProperties": False,
}
_IN_JSON = {"role": "user", "content": f"{QUESTION} Answer with a JSON object of `colours`."}

# The least image there is: one pixel.
_PIXEL = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AA"
    "AAMBAQDJ/pLvAAAAAElFTkSuQmCC"
)


def _silence() -> str:
    """Give a tenth of a second of it, in base64."""
    sound = io.BytesIO()
    with wave.open(sound, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(bytes(3_200))
    return base64.b64encode(sound.getvalue()).decode()


def _beside_text(part: Mapping[str, object]) -> Fields:
    text = {"type": "text", "text": "What is this?"}
    return {"messages": [{"role": "user", "content": [text, part]}]}


REQUESTS: Mapping[Feature, Fields] = {
    Feature.TOOLS: {
        "messages": [
            _WEATHER,
            {"role": "assistant", "content": None, "tool_calls": [_CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": "Sunny."},
        ],
        "tools": [_TOOL],
    },
    Feature.CUSTOM_TOOLS: {
        "tools": [{"type": "custom", "custom": {"name": "look_up", "description": "Looks it up."}}]
    },
    Feature.FUNCTIONS: {
        "messages": [
            _WEATHER,
            {"role": "assistant", "content": None, "function_call": _CALLED},
            {"role": "function", "name": TOOL_NAME, "content": "Sunny."},
        ],
        "functions": [_FUNCTION],
    },
    Feature.IMAGES: _beside_text({"type": "image_url", "image_url": {"url": _PIXEL}}),
    Feature.AUDIO_INPUT: _beside_text(
        {"type": "input_audio", "input_audio": {"data": _silence(), "format": "wav"}}
    ),
    Feature.JSON_OBJECT: {"messages": [_IN_JSON], "response_format": {"type": "json_object"}},
    Feature.JSON_SCHEMA: {
        "messages": [_IN_JSON],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "colours", "schema": _COLOURS, "strict": True},
        },
    },
    Feature.REFUSALS: {"messages": [USER, {"role": "assistant", "refusal": "No."}, USER]},
    Feature.LOGPROBS: {"logprobs": True, "top_logprobs": 2},
    Feature.CHOICES: {"n": 2},
    Feature.PENALTIES: {"frequency_penalty": 0.1, "presence_penalty": 0.1},
    Feature.SEED: {"seed": 7},
    Feature.DEVELOPER_ROLE: {"messages": [{"role": "developer", "content": "Be brief."}, USER]},
    Feature.REASONING_EFFORT: {"reasoning_effort": "low"},
    Feature.VERBOSITY: {"verbosity": "low"},
    Feature.PREDICTION: {"prediction": {"type": "content", "content": "Red."}},
    Feature.SERVICE_TIER: {"service_tier": "auto"},
    Feature.STORE: {"store": True, "metadata": {"of": "the kit"}},
    Feature.PROMPT_CACHE: {"prompt_cache_key": "the kit"},
    Feature.SAFETY_IDENTIFIER: {"safety_identifier": "the kit"},
    Feature.WEB_SEARCH: {"web_search_options": {}},
}
"""A request for each feature that can be asked for without knowing the model.

Not for voices, ids of tokens, kinds of files and models that moderate: each has its own.
"""
