"""What each feature opens: the one list of what an adapter may take beyond the core subset.

The names are those of the openai package's own types, `CompletionCreateParams` and what it is made
of; a test compares them.

Reference: https://platform.openai.com/docs/api-reference/chat/create
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass

from veneer_protocol.features import Feature

Names = tuple[str, ...]


@dataclass(frozen=True)
class Opening:
    """What one feature opens."""

    words: str
    """What it is called in an error."""
    fields: Names = ()
    """Fields of the request."""
    values: Names = ()
    """Fields of the core subset that take other values with it."""
    roles: Names = ()
    """Roles of messages."""
    message_fields: Names = ()
    """Fields of a message."""
    parts: Names = ()
    """Types of the parts of a content."""
    part_fields: Names = ()
    """Fields of such a part."""
    tools: Names = ()
    """Types of tools, of what chooses among them, and of calls to them."""
    formats: Names = ()
    """Types of `response_format`."""


_CALLING: dict[str, Names] = {
    "fields": ("tools", "tool_choice", "parallel_tool_calls"),
    "roles": ("tool",),
    "message_fields": ("tool_calls", "tool_call_id"),
}

OPENINGS: Mapping[Feature, Opening] = {
    Feature.TOOLS: Opening("function calling", **_CALLING, tools=("function",)),
    Feature.CUSTOM_TOOLS: Opening("custom tools", **_CALLING, tools=("custom",)),
    Feature.FUNCTIONS: Opening(
        "the older function calling",
        fields=("functions", "function_call"),
        roles=("function",),
        message_fields=("function_call",),
    ),
    Feature.IMAGES: Opening("images", parts=("image_url",)),
    Feature.AUDIO_INPUT: Opening("audio input", parts=("input_audio",)),
    Feature.AUDIO_OUTPUT: Opening(
        "audio output", fields=("modalities", "audio"), message_fields=("audio",)
    ),
    Feature.FILES: Opening("files", parts=("file",)),
    Feature.JSON_OBJECT: Opening(
        "JSON answers", fields=("response_format",), formats=("text", "json_object")
    ),
    Feature.JSON_SCHEMA: Opening(
        "structured outputs", fields=("response_format",), formats=("text", "json_schema")
    ),
    Feature.REFUSALS: Opening("refusals", message_fields=("refusal",), parts=("refusal",)),
    Feature.LOGPROBS: Opening("log probabilities", fields=("logprobs", "top_logprobs")),
    Feature.CHOICES: Opening("several answers", values=("n",)),
    Feature.PENALTIES: Opening(
        "sampling penalties", fields=("frequency_penalty", "presence_penalty")
    ),
    Feature.LOGIT_BIAS: Opening("biased sampling", fields=("logit_bias",)),
    Feature.SEED: Opening("reproducible sampling", fields=("seed",)),
    Feature.DEVELOPER_ROLE: Opening("developer messages", roles=("developer",)),
    Feature.REASONING_EFFORT: Opening("reasoning control", fields=("reasoning_effort",)),
    Feature.VERBOSITY: Opening("verbosity control", fields=("verbosity",)),
    Feature.PREDICTION: Opening("predicted output", fields=("prediction",)),
    Feature.SERVICE_TIER: Opening("service tiers", fields=("service_tier",)),
    Feature.STORE: Opening("stored completions", fields=("store", "metadata")),
    Feature.PROMPT_CACHE: Opening(
        "prompt caching",
        fields=("prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"),
        part_fields=("prompt_cache_breakpoint",),
    ),
    Feature.SAFETY_IDENTIFIER: Opening("safety identification", fields=("safety_identifier",)),
    Feature.WEB_SEARCH: Opening("web search", fields=("web_search_options",)),
    Feature.MODERATION: Opening("moderation", fields=("moderation",)),
}

CORE_ROLES: Names = ("system", "user", "assistant")
"""The roles that need no feature."""

EXCLUDED: Mapping[tuple[str, str], str] = {
    # The gateway makes the frames of a stream itself, and does not pad them.
    ("stream_options", "include_obfuscation"): "stream obfuscation",
}
"""What no feature opens, by the field that it is in, and what it is part of."""


def _openers() -> Iterator[tuple[tuple[str, str], Feature]]:
    for feature, opening in OPENINGS.items():
        for place, names in asdict(opening).items():
            if place != "words":
                yield from (((place, name), feature) for name in names)


_OPENERS: dict[tuple[str, str], frozenset[Feature]] = {}
for _at, _feature in _openers():
    _OPENERS[_at] = _OPENERS.get(_at, frozenset()) | {_feature}

_NOTHING: frozenset[Feature] = frozenset()


def openers(place: str, name: str) -> frozenset[Feature]:
    """Give the features each of which opens `name` at `place`, a field of `Opening`."""
    return _OPENERS.get((place, name), _NOTHING)


def opened(place: str, features: Collection[str] = tuple(Feature)) -> frozenset[str]:
    """Give all names that `features` open at `place`."""
    return frozenset(
        name for (at, name), by in _OPENERS.items() if at == place and not by.isdisjoint(features)
    )


def words_for(place: str, name: str) -> str:
    """Tell what `name` is part of."""
    return OPENINGS[_in_order(place, name)[0]].words


def features_in_words(place: str, name: str, quote: str) -> str:
    """Name the features that open `name`, any of which is enough."""
    return " or ".join(f"{quote}{feature}{quote}" for feature in _in_order(place, name))


def _in_order(place: str, name: str) -> list[Feature]:
    return sorted(openers(place, name), key=list(Feature).index)
