"""The openai package's own types of a request: what they allow, and values of them to draw."""

from typing import Any, Literal, NotRequired, Required, get_args, get_origin, get_type_hints

from hypothesis import strategies as st
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming

FIELDS = get_type_hints(CompletionCreateParamsStreaming, include_extras=True)

NAMES = st.text("abcXYZ019_-", min_size=1, max_size=64)
_TEXTS = st.text(max_size=8)
_ANY_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | _TEXTS,
    lambda values: st.lists(values, max_size=3) | st.dictionaries(_TEXTS, values, max_size=3),
    max_leaves=4,
)  # fmt: skip
_LEAVES: dict[object, st.SearchStrategy[Any]] = {
    str: st.text(min_size=1, max_size=8),
    bool: st.booleans(),
    int: st.integers(),
    float: st.floats(allow_nan=False, allow_infinity=False),
    object: _ANY_JSON,
}
_CHOSEN: st.SearchStrategy[Any] = st.builds(
    lambda kind, name: {"type": kind, kind: {"name": name}},
    st.sampled_from(["function", "custom"]),
    NAMES,
)
# What the API holds closer than the types do, by the path within a request.
WITHIN: dict[str, st.SearchStrategy[Any]] = {
    "frequency_penalty": st.floats(-2, 2),
    "function_call.name": NAMES,
    "functions.name": NAMES,
    "logit_bias": st.dictionaries(
        st.integers(0, 10**6).map(str), st.integers(-100, 100), max_size=3
    ),
    "metadata": st.dictionaries(st.text(max_size=64), st.text(max_size=512), max_size=16),
    "modalities": st.lists(st.sampled_from(["text", "audio"]), min_size=1, max_size=2),
    "presence_penalty": st.floats(-2, 2),
    "response_format.json_schema.name": NAMES,
    "safety_identifier": st.text(max_size=128),
    "seed": st.integers(-(2**63), 2**63 - 1),
    "tool_choice.allowed_tools.tools": st.lists(_CHOSEN, min_size=1, max_size=3),
    "tool_choice.custom.name": NAMES,
    "tool_choice.function.name": NAMES,
    "tools.custom.name": NAMES,
    "tools.function.name": NAMES,
    "top_logprobs": st.integers(0, 20),
    "user.content.image_url.url": _TEXTS.map(lambda text: f"https://{text}"),
}


def allows(kind: Any, value: Any) -> bool:
    """Tell whether `kind` allows `value`; what may be left out may be null."""
    kind, origin, inner = _taken_apart(kind)
    if origin is Literal:
        return isinstance(value, str) and value in inner
    if is_dictionary(kind):
        return isinstance(value, dict) and _allows_all(kind, value)
    if origin is dict:
        return isinstance(value, dict) and all(allows(inner[1], one) for one in value.values())
    if _is_list(origin):
        return isinstance(value, list) and all(allows(inner[0], one) for one in value)
    if inner:
        return any(allows(one, value) for one in inner if one is not type(None))
    return kind is object or type(value) is kind or (kind is float and type(value) is int)


def _allows_all(kind: Any, value: dict[str, Any]) -> bool:
    hints = get_type_hints(kind, include_extras=True)
    return (
        value.keys() <= hints.keys()
        and all(value.get(name) is not None or is_nullable(hints[name]) for name in required(kind))
        and all(one is None or allows(hints[name], one) for name, one in value.items())
    )


def values(kind: Any, path: str) -> st.SearchStrategy[Any]:
    """Draw what `kind` allows at `path`, and the API as well; nothing of it is null."""
    kind, origin, inner = _taken_apart(kind)
    if path in WITHIN or kind in _LEAVES:
        return WITHIN[path] if path in WITHIN else _LEAVES[kind]
    if origin is Literal:
        return st.sampled_from(inner)
    if is_dictionary(kind):
        return _dictionaries(kind, path)
    if origin is dict:
        return st.dictionaries(_TEXTS, values(inner[1], path), max_size=3)
    if _is_list(origin):
        return st.lists(values(inner[0], path), min_size=1, max_size=3)
    return st.one_of(*(values(one, path) for one in inner if one is not type(None)))


def _dictionaries(kind: Any, path: str) -> st.SearchStrategy[Any]:
    drawn = {
        name: values(hint, f"{path}.{name}")
        for name, hint in get_type_hints(kind, include_extras=True).items()
    }
    needed = {name: drawn.pop(name) for name in required(kind)}
    return st.fixed_dictionaries(needed, optional=drawn)


def bare(kind: Any, value: Any) -> Any:
    """Give `value` without what is null, but for what is any object."""
    kind, origin, inner = _taken_apart(kind)
    if is_dictionary(kind) and isinstance(value, dict):
        hints = get_type_hints(kind, include_extras=True)
        return {name: bare(hints[name], one) for name, one in value.items() if one is not None}
    if _is_list(origin) and isinstance(value, list):
        return [bare(inner[0], one) for one in value]
    if inner and origin not in (Literal, dict):
        return next((bare(one, value) for one in inner if allows(one, value)), value)
    return value


def is_dictionary(kind: Any) -> bool:
    return hasattr(kind, "__required_keys__")


def is_nullable(kind: Any) -> bool:
    return type(None) in _taken_apart(kind)[2]


def required(kind: Any) -> set[str]:
    """The names that must be there; of annotations that are strings, the type knows none."""
    hints = get_type_hints(kind, include_extras=True)
    return {
        name
        for name, hint in hints.items()
        if get_origin(hint) is Required or (kind.__total__ and get_origin(hint) is not NotRequired)
    }


def _taken_apart(kind: Any) -> tuple[Any, Any, tuple[Any, ...]]:
    while get_origin(kind) in (Required, NotRequired):
        (kind,) = get_args(kind)
    return kind, get_origin(kind), get_args(kind)


def _is_list(origin: Any) -> bool:
    return origin is list or getattr(origin, "__name__", "") in ("Iterable", "SequenceNotStr")
