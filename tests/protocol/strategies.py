"""Requests and what comes near to one, for hypothesis to draw."""

from collections.abc import Iterable, Iterator

from hypothesis import strategies as st

from veneer_protocol import ChatCompletionRequest

NAMES = sorted(
    {"role", "content", "type", "text", "name", "include_usage", "tools", "refusal", "seed"}
    | set(ChatCompletionRequest.model_fields)
)

# `characters` has lone surrogates too, which `text` alone leaves out.
STRINGS = st.text(st.characters(), max_size=8) | st.sampled_from(["user", "text", "tool", "file"])

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | STRINGS,
    lambda values: (
        st.lists(values, max_size=4)
        | st.dictionaries(st.sampled_from(NAMES) | STRINGS, values, max_size=4)
    ),
    max_leaves=12,
)
"""Any JSON, and numbers and strings that JSON does not have."""

SOME_TEXT = st.text(min_size=1, max_size=20)
TEXT_PARTS = st.fixed_dictionaries({"type": st.just("text"), "text": SOME_TEXT})
MESSAGES = st.fixed_dictionaries(
    {
        "role": st.sampled_from(["system", "user", "assistant"]),
        "content": SOME_TEXT | st.lists(TEXT_PARTS, min_size=1, max_size=4),
    },
    optional={"name": st.text()},
)
REQUESTS = st.fixed_dictionaries(
    {
        "model": SOME_TEXT,
        "messages": st.lists(MESSAGES, min_size=1, max_size=4),
        "stream": st.just(True),
    },
    optional={
        "stream_options": st.fixed_dictionaries({}, optional={"include_usage": st.booleans()}),
        "temperature": st.floats(0, 2),
        "top_p": st.floats(0, 1),
        "max_tokens": st.integers(1, 2**63 - 1),
        "stop": st.text() | st.lists(st.text(), min_size=1, max_size=4),
        "user": st.text(),
        "n": st.just(1),
    },
)
"""Bodies that are taken as they are."""

Step = str | int
Path = tuple[Step, ...]


def places(value: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Give every value within `value`, itself first, and the path to it."""
    yield path, value
    inner: Iterable[tuple[Step, object]] = ()
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    for step, item in inner:
        yield from places(item, (*path, step))


def replaced(value: object, path: Path, change: object) -> object:
    """Give a copy of `value` with `change` at `path`."""
    if not path:
        return change
    step, *rest = path
    if isinstance(value, dict):
        return value | {step: replaced(value.get(step), tuple(rest), change)}
    assert isinstance(value, list)
    return [replaced(v, tuple(rest), change) if i == step else v for i, v in enumerate(value)]


@st.composite
def near_misses(draw: st.DrawFn) -> object:
    """A good body with one value, which was there or is new, that is anything."""
    body = draw(REQUESTS)
    path, value = draw(st.sampled_from(list(places(body))))
    if isinstance(value, dict) and draw(st.booleans()):
        path = (*path, draw(st.sampled_from(NAMES) | STRINGS))
    return replaced(body, path, draw(JSON))
