"""Completions and streams with all that an answer can hold, for hypothesis to draw."""

import base64
import random
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

SOME_TEXT = st.text(max_size=12)
NAMES = st.text("abcdefgh_", min_size=1, max_size=8)
COUNTS = st.integers(0, 9)

_TOP_LOGPROBS = st.fixed_dictionaries(
    {
        "token": SOME_TEXT,
        "bytes": st.none() | st.lists(st.integers(0, 255), max_size=3),
        "logprob": st.floats(-99, 0),
    }
)
_TOKENS = st.lists(
    st.builds(
        lambda token, others: {**token, "top_logprobs": others},
        _TOP_LOGPROBS,
        st.lists(_TOP_LOGPROBS, max_size=2),
    ),
    max_size=4,
)
_FUNCTIONS = st.fixed_dictionaries({"name": NAMES, "arguments": SOME_TEXT})
_CALLS = st.fixed_dictionaries(
    {"type": st.just("function"), "function": _FUNCTIONS},
    # As Gemini's signature of a thought, which must come back with the call.
    optional={"extra_content": st.fixed_dictionaries({"signature": SOME_TEXT})},
) | st.fixed_dictionaries(
    {
        "type": st.just("custom"),
        "custom": st.fixed_dictionaries({"name": NAMES, "input": SOME_TEXT}),
    }
)
_ANNOTATIONS = st.fixed_dictionaries(
    {
        "type": st.just("url_citation"),
        "url_citation": st.fixed_dictionaries(
            {"start_index": COUNTS, "end_index": COUNTS, "title": SOME_TEXT, "url": SOME_TEXT}
        ),
    }
)
_AUDIO = st.fixed_dictionaries(
    {
        "id": NAMES,
        "data": st.binary(max_size=12).map(lambda data: base64.b64encode(data).decode()),
        "transcript": SOME_TEXT,
        "expires_at": COUNTS,
    }
)


def _numbered(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"id": f"call_{number}", **call} for number, call in enumerate(calls)]


_MESSAGES = st.fixed_dictionaries(
    {"role": st.just("assistant"), "content": st.none() | SOME_TEXT},
    optional={
        "refusal": SOME_TEXT,
        "tool_calls": st.lists(_CALLS, min_size=1, max_size=3).map(_numbered),
        "function_call": _FUNCTIONS,
        "audio": _AUDIO,
        "annotations": st.lists(_ANNOTATIONS, min_size=1, max_size=2),
        "reasoning_content": SOME_TEXT,
    },
)
_LOGPROBS = st.fixed_dictionaries(
    {"content": st.none() | _TOKENS, "refusal": st.none() | _TOKENS}
).filter(lambda lists: any(given is not None for given in lists.values()))
_USAGES = st.fixed_dictionaries(
    {"prompt_tokens": COUNTS, "completion_tokens": COUNTS, "total_tokens": COUNTS},
    optional={
        "prompt_tokens_details": st.fixed_dictionaries({"cached_tokens": COUNTS}),
        "completion_tokens_details": st.fixed_dictionaries(
            {"reasoning_tokens": COUNTS, "own_tokens": COUNTS}
        ),
    },
)


@st.composite
def _choices(draw: st.DrawFn) -> dict[str, Any]:
    message = draw(_MESSAGES)
    if not (message.keys() & {"refusal", "tool_calls", "function_call", "audio"}):
        message["content"] = message["content"] or ""
    reasons = ["stop", "length", "content_filter"]
    reasons += ["tool_calls"] * ("tool_calls" in message)
    reasons += ["function_call"] * ("function_call" in message)
    return {
        "message": message,
        "finish_reason": draw(st.sampled_from(reasons)),
        "logprobs": draw(st.none() | _LOGPROBS),
        **draw(st.fixed_dictionaries({}, optional={"content_filter_results": st.just({"a": 1})})),
    }


@st.composite
def completions(draw: st.DrawFn) -> ChatCompletion:
    """A legal completion of one or more choices."""
    choices = draw(st.lists(_choices(), min_size=1, max_size=3))
    return ChatCompletion.model_validate(
        {
            "id": "c",
            "object": "chat.completion",
            "created": 1,
            "model": "m/x",
            "choices": [{"index": index, **choice} for index, choice in enumerate(choices)],
            **draw(
                st.fixed_dictionaries(
                    {}, optional={"usage": _USAGES, "system_fingerprint": SOME_TEXT}
                )
            ),
        }
    )


def cut(chunks: list[ChatCompletionChunk], chance: random.Random) -> Iterator[ChatCompletionChunk]:
    """Cut the deltas of `chunks` anywhere; those of different choices come as chance has it."""
    lines: dict[int, list[dict[str, Any]]] = {}
    usage = None
    for chunk in chunks:
        usage = chunk.usage or usage
        for choice in chunk.model_dump(exclude_unset=True, warnings=False)["choices"]:
            lines.setdefault(choice["index"], []).extend(_cut_choice(choice, chance))
    shared = chunks[0].model_dump(exclude={"choices", "usage"}, exclude_unset=True, warnings=False)
    while lines:
        index = chance.choice(list(lines))
        yield ChatCompletionChunk.construct(None, **shared, choices=[lines[index].pop(0)])
        if not lines[index]:
            del lines[index]
    if usage is not None:
        yield ChatCompletionChunk.construct(None, **shared, choices=[], usage=usage.model_dump())


def _cut_choice(choice: dict[str, Any], chance: random.Random) -> Iterator[dict[str, Any]]:
    delta, logprobs = choice.pop("delta"), choice.pop("logprobs", None)
    index = choice["index"]
    for name, value in delta.items():
        for piece in _cut_part(name, value, chance):
            yield {"index": index, "delta": {name: piece}, "finish_reason": None}
    for name, tokens in (logprobs or {}).items():
        for piece in [None] if tokens is None else _cut_value(tokens, chance):
            lists = {"content": None, "refusal": None, name: piece}
            yield {"index": index, "delta": {}, "finish_reason": None, "logprobs": lists}
    yield {**choice, "delta": {}}


def _cut_part(name: str, value: Any, chance: random.Random) -> Iterator[Any]:
    if name in {"role", "annotations"}:
        yield value
    elif name == "tool_calls":
        for call in value:
            kind, text = ("function", "arguments") if "function" in call else ("custom", "input")
            first, *rest = _cut_value(call[kind][text], chance)
            yield [{**call, kind: {**call[kind], text: first}}]
            yield from ([{"index": call["index"], kind: {text: piece}}] for piece in rest)
    elif name == "function_call":
        first, *rest = _cut_value(value["arguments"], chance)
        yield {**value, "arguments": first}
        yield from ({"arguments": piece} for piece in rest)
    elif name == "audio":
        for part, given in value.items():
            pieces = _cut_value(given, chance) if part in {"data", "transcript"} else [given]
            yield from ({part: piece} for piece in pieces)
    else:
        yield from _cut_value(value, chance)


def _cut_value(value: Any, chance: random.Random) -> list[Any]:
    """Cut a string or list at some places, which may leave empty pieces."""
    places = sorted(chance.choices(range(len(value) + 1), k=chance.randrange(4)))
    return [value[a:b] for a, b in pairwise([0, *places, len(value)])]
