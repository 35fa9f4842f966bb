"""Which names of the API the core subset takes, leaves out or refuses.

pydantic checks the values; this checks the names first, one look per object, so that null can mean
"left out" for every name the API knows, and so that the first wrong name ends the work: a body
full of unknown names costs no more than a good one.

Reference: https://platform.openai.com/docs/api-reference/chat/create
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel

from veneer_protocol.errors import InvalidRequestError, shown
from veneer_protocol.request import ChatCompletionRequest, Message, StreamOptions, TextPart

LONGEST_PARAM = 200
"""Characters of a caller's own naming that an error repeats."""

_LONGEST_NAME_WORTH_A_GUESS = 40


def joined(path: str, name: str) -> str:
    """Give the path of `name` inside the object at `path`."""
    return f"{path}.{name}" if path else name


@dataclass(frozen=True)
class Names:
    """The names that one kind of object may carry."""

    model: type[BaseModel]
    excluded: Mapping[str, str]
    """Names of the API that are not taken, and what they are part of. Null alone passes."""
    echoed: frozenset[str] = frozenset()
    """Names that clients send along without meaning anything by it. They are dropped."""
    taken: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "taken", frozenset(self.model.model_fields))


REQUEST = Names(
    ChatCompletionRequest,
    excluded={
        "audio": "audio output",
        "frequency_penalty": "sampling penalties",
        "function_call": "function calling",
        "functions": "function calling",
        "logit_bias": "sampling penalties",
        "logprobs": "log probabilities",
        "metadata": "stored completions",
        "modalities": "audio output",
        "moderation": "moderation",
        "parallel_tool_calls": "function calling",
        "prediction": "predicted output",
        "presence_penalty": "sampling penalties",
        "prompt_cache_key": "prompt caching",
        "prompt_cache_options": "prompt caching",
        "prompt_cache_retention": "prompt caching",
        "reasoning_effort": "reasoning control",
        "response_format": "structured outputs",
        "safety_identifier": "safety identification",
        "seed": "reproducible sampling",
        "service_tier": "service tiers",
        "store": "stored completions",
        "tool_choice": "function calling",
        "tools": "function calling",
        "top_logprobs": "log probabilities",
        "verbosity": "verbosity control",
        "web_search_options": "web search",
    },
)

MESSAGE = Names(
    Message,
    excluded={
        "annotations": "web search",
        "audio": "audio output",
        "function_call": "function calling",
        "refusal": "refusals",
        "tool_call_id": "function calling",
        "tool_calls": "function calling",
    },
    # LiteLLM hangs it on every answer and sends it back with the history.
    echoed=frozenset({"provider_specific_fields"}),
)

TEXT_PART = Names(
    TextPart,
    excluded={"prompt_cache_breakpoint": "prompt caching"},
    # The JavaScript agents SDK repeats the message's role inside its parts.
    echoed=frozenset({"role"}),
)

STREAM_OPTIONS = Names(StreamOptions, excluded={"include_obfuscation": "stream obfuscation"})

EXCLUDED_ROLES = frozenset({"developer", "function", "tool"})
"""Roles of the API outside the core subset."""

EXCLUDED_PARTS = frozenset({"file", "image_url", "input_audio", "refusal"})
"""Types of content parts of the API outside the core subset."""

# A message has role and content, a part type and text.
_FEWEST_FIELDS = 2

_ROLES = frozenset({"system", "user", "assistant"})


def take(document: dict[str, Any]) -> dict[str, Any]:
    """Give `document` with what it says by null or echo left out, at every depth.

    Values of a wrong type are handed on as they are, for pydantic to name.

    Raises:
        InvalidRequestError: a name is excluded or unknown; `param` says where.
    """
    taken = _take(document, REQUEST, "")
    if isinstance(options := taken.get("stream_options"), dict):
        taken["stream_options"] = _take(options, STREAM_OPTIONS, "stream_options")
    if isinstance(messages := taken.get("messages"), list):
        taken["messages"] = _items(messages, "messages", _message)
    return taken


def _items(items: list[Any], path: str, take_item: Callable[[Any, str], Any]) -> list[Any]:
    """Take `items` up to the first that pydantic will refuse, for it would look no further."""
    taken = []
    for index, item in enumerate(items):
        taken.append(take_item(item, f"{path}[{index}]"))
        if not isinstance(item, dict) or len(taken[-1]) < _FEWEST_FIELDS:
            break
    return taken


def _message(message: Any, path: str) -> Any:
    if not isinstance(message, dict):
        return message
    if not _is_one_of(message.get("role"), _ROLES):
        # Another role has other names: that it is another role is the one thing to say.
        return {"role": message.get("role")}
    taken = _take(message, MESSAGE, path)
    if isinstance(parts := taken.get("content"), list):
        taken["content"] = _items(parts, f"{path}.content", _part)
    return taken


def _part(part: Any, path: str) -> Any:
    if not isinstance(part, dict):
        return part
    if part.get("type") != "text":
        return {"type": part.get("type")}
    return _take(part, TEXT_PART, path)


def _take(values: dict[str, Any], names: Names, path: str) -> dict[str, Any]:
    taken = {}
    for name, value in values.items():
        if name in names.taken:
            if value is not None:
                taken[name] = value
        elif name in names.excluded:
            if value is not None:
                raise _unsupported(name, names.excluded[name], path)
        elif name not in names.echoed:
            raise _unknown(name, names, path)
    return taken


def _is_one_of(value: Any, choices: frozenset[str]) -> bool:
    return isinstance(value, str) and value in choices


def _unsupported(name: str, part_of: str, path: str) -> InvalidRequestError:
    param = joined(path, name)
    return InvalidRequestError(
        f"Unsupported parameter: '{param}' ({part_of}) is not taken here. Leave it out.",
        param=param,
        code="unsupported_parameter",
    )


def _unknown(name: str, names: Names, path: str) -> InvalidRequestError:
    param = joined(path, name)
    guesses = []
    if len(name) <= _LONGEST_NAME_WORTH_A_GUESS:
        guesses = get_close_matches(name, names.taken, n=1)
    advice = f"Did you mean {guesses[0]!r}?" if guesses else "Leave it out."
    return InvalidRequestError(
        f"Unknown parameter: {shown(param)}. {advice}",
        param=param[:LONGEST_PARAM],
        code="unknown_parameter",
    )
