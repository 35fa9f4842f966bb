"""No schema, pattern or answer holds up the gateway, or takes more memory than there is."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.adapters import SayingAdapter, ScriptedAdapter
from tests.protocol.emulation import ALL, CONTEXT, LOOK, TOOLS, asked
from veneer_protocol import (
    ChatCompletionRequest,
    Feature,
    InvalidRequestError,
    ProviderAdapter,
    Reply,
    RequestContext,
    usage,
)
from veneer_protocol.emulation import EmulatingAdapter, structures
from veneer_protocol.emulation.blocks import Call, objects_in, render_call
from veneer_protocol.emulation.errors import NotAsAskedError
from veneer_protocol.emulation.streams import LONGEST_PIECE
from veneer_protocol.emulation.structures import LONGEST_SCHEMA, MOST_SECONDS, Structure
from veneer_protocol.emulation.threads import THREADS, in_thread

MANY = 20_000


def strictly(schema: dict[str, Any]) -> dict[str, Any]:
    described = {"name": "x", "schema": schema, "strict": True}
    return {"response_format": {"type": "json_schema", "json_schema": described}}


def of_items(**schema: Any) -> dict[str, Any]:
    return {"properties": {"a": {"items": schema}}}


async def longest_pause(work: asyncio.Task[Any]) -> float:
    """Give for how much of its processor's time `work` let nobody else have a turn, at most."""
    longest, before = 0.0, time.thread_time()
    while not work.done():
        await asyncio.sleep(0)
        now = time.thread_time()
        longest, before = max(longest, now - before), now
    return longest


def test_a_schema_beyond_all_bounds_is_refused() -> None:
    schema = {"description": "x" * LONGEST_SCHEMA}

    with pytest.raises(InvalidRequestError, match=str(LONGEST_SCHEMA)) as refusal:
        Structure(schema)

    assert refusal.value.param == "response_format.json_schema.schema"


async def test_others_have_their_turn_while_a_schema_is_looked_at() -> None:
    fields = strictly({"properties": {f"p{i}": {"type": "string"} for i in range(3000)}})
    adapter = EmulatingAdapter(SayingAdapter("{}"), ALL)
    request = asked(adapter, **fields)
    before = time.thread_time()
    Structure(fields["response_format"]["json_schema"]["schema"])
    at_once = time.thread_time() - before

    work = asyncio.create_task(adapter.create_chat_completion(request, CONTEXT))

    assert await longest_pause(work) < at_once / 2
    assert work.result().choices[0].message.content == "{}"


@pytest.mark.timeout(60)
async def test_a_schema_that_takes_long_holds_up_none_that_has_no_schema() -> None:
    leave = threading.Event()
    for _ in range(2 * THREADS):
        in_thread(leave.wait)
    adapter = EmulatingAdapter(SayingAdapter(LOOK), ALL)

    try:
        answer = await adapter.create_chat_completion(asked(adapter, tools=TOOLS), CONTEXT)
    finally:
        leave.set()

    assert answer.choices[0].finish_reason == "tool_calls"


@pytest.mark.timeout(60)
async def test_the_threads_of_others_are_not_taken() -> None:
    leave = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        asyncio.get_running_loop().set_default_executor(pool)
        pool.submit(leave.wait)
        adapter = EmulatingAdapter(SayingAdapter("{}"), ALL)

        try:
            answer = await adapter.create_chat_completion(asked(adapter, **strictly({})), CONTEXT)
        finally:
            leave.set()

    assert answer.choices[0].message.content == "{}"


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "items",
    [
        {"enum": [f"k{i}" for i in range(9000)]},
        {"anyOf": [{"pattern": rf"\p{{L}}{{200}}{i}"} for i in range(4000)]},
        {"not": {"anyOf": [{"const": i} for i in range(6000)]}},
    ],
    ids=["enum", "patterns", "anyOf"],
)
def test_a_schema_that_takes_too_long_is_refused(items: dict[str, Any]) -> None:
    said = json.dumps({"a": ["", *["k8999"] * MANY]})

    with pytest.raises(InvalidRequestError, match="takes too long"):
        Structure({"properties": {"a": {"prefixItems": [True], "items": items}}}).read(said)


def test_a_schema_that_takes_too_long_to_look_at_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(structures, "MOST_SECONDS", 0.05)

    with pytest.raises(InvalidRequestError, match="takes too long to check"):
        Structure({"allOf": [{}] * 20_000})


@pytest.mark.timeout(60)
def test_what_is_in_a_schema_is_compared_in_linear_time() -> None:
    before = time.thread_time()

    with pytest.raises(InvalidRequestError, match="is no JSON Schema"):
        Structure({"type": [{str(number): 1} for number in range(4000)]})

    assert time.thread_time() - before < MOST_SECONDS


@pytest.mark.parametrize("name", ["unevaluatedProperties", "unevaluatedItems"])
def test_what_the_library_works_out_at_once_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequestError, match=name):
        Structure(of_items(**{name: False}))


@pytest.mark.timeout(60)
def test_things_that_cannot_be_sorted_are_compared_in_linear_time() -> None:
    items = [number if number % 2 else str(number) for number in range(10 * MANY)]
    schema = {"properties": {"a": {"uniqueItems": True}}}

    assert Structure(schema).read(text := json.dumps({"a": items})) == text


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, 1.0, 1.5, "a", "1"]),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.just("b"), values),
    max_leaves=5,
)
KEYWORDS = st.fixed_dictionaries({}, optional={"type": st.sampled_from(["array", "integer"])}) | (
    st.builds(lambda value: {"const": value}, VALUES)
)
SCHEMAS = st.fixed_dictionaries(
    {},
    optional={
        "uniqueItems": st.booleans(),
        "anyOf": st.lists(KEYWORDS, min_size=1, max_size=3),
        "oneOf": st.lists(KEYWORDS, min_size=1, max_size=3),
    },
)


@given(SCHEMAS, st.lists(VALUES, max_size=4) | VALUES)
def test_what_is_checked_in_another_way_comes_to_the_same(
    schema: dict[str, Any], value: object
) -> None:
    whole = {"properties": {"a": schema}}
    said = {"a": value}

    try:
        is_right = bool(Structure(whole).read(json.dumps(said)))
    except NotAsAskedError:
        is_right = False

    assert is_right == Draft202012Validator(whole).is_valid(said)


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    "text",
    [
        "{" * 16 + '"' * 1_000_000,
        '{"a":' * 200_000,
        "{" * 1_000_000,
        '{"a":x' * 160_000,
        '{"' * 500_000,
        ("{" + " " * 1000) * 1000,
        ('{"a":[' + "1," * 2000) * 240,
    ],
    ids=["quotes", "nested", "braces", "values", "keys", "blanks", "lists"],
)
def test_objects_are_looked_for_in_linear_time(text: str) -> None:
    assert not [*objects_in(text, 16)]


class Whole(ProviderAdapter):
    """Gives its answer at once, as one does whose upstream does not stream."""

    name = "whole"

    def __init__(self, said: str) -> None:
        self.said = said

    async def list_models(self, context: RequestContext) -> list[Any]:
        return []

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        return Reply(model=request.model).completion(self.said)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "said",
    [("<tool_call>" + " " * 63) * 9000, "<tool_call>{" + '"' * 700_000, LOOK * 9000],
    ids=["blanks", "quotes", "calls"],
)
async def test_others_have_their_turn_while_a_long_answer_is_read(said: str) -> None:
    adapter = EmulatingAdapter(Whole(said), {Feature.TOOLS})
    request = asked(adapter, tools=TOOLS)
    before = time.thread_time()

    async def streamed() -> None:
        async for _ in adapter.stream_chat_completion(request, CONTEXT):
            pass

    longest = await longest_pause(asyncio.create_task(streamed()))

    assert longest < (time.thread_time() - before) / 4


@given(st.text(max_size=30).map(lambda text: text * (2 * LONGEST_PIECE // (len(text) or 1))))
async def test_a_long_text_comes_as_it_was_said(text: str) -> None:
    adapter = EmulatingAdapter(Whole(text), {Feature.TOOLS})

    answer = await adapter.create_chat_completion(asked(adapter, tools=TOOLS), CONTEXT)

    assert answer.choices[0].message.content == text


async def test_what_moderation_found_goes_on() -> None:
    reply = Reply(model="scripted/one")
    found = reply.chunk().model_copy(update={"choices": [], "moderation": {"flagged": False}})
    adapter = EmulatingAdapter(
        ScriptedAdapter(found, reply.chunk("Hi."), reply.last_chunk()), {Feature.TOOLS}
    )

    chunks = [
        chunk
        async for chunk in adapter.stream_chat_completion(asked(adapter, tools=TOOLS), CONTEXT)
    ]

    assert [getattr(chunk, "moderation", None) for chunk in chunks] == [
        {"flagged": False},
        None,
        None,
    ]
    assert chunks[0].choices == []


async def test_a_usage_that_is_not_whole_does_not_cost_a_second_answer() -> None:
    class Careless(SayingAdapter):
        async def stream_chat_completion(
            self, request: ChatCompletionRequest, context: RequestContext
        ) -> AsyncIterator[ChatCompletionChunk]:
            async for chunk in super().stream_chat_completion(request, context):
                if chunk.usage is not None:
                    chunk.usage = type(chunk.usage).construct(prompt_tokens=3, total_tokens="7")
                yield chunk

    adapter = EmulatingAdapter(Careless("No.", LOOK), ALL, repairs=True)

    answer = await adapter.create_chat_completion(
        asked(adapter, tools=TOOLS, tool_choice="required"), CONTEXT
    )

    assert answer.usage == usage(6, 0)


def test_a_number_that_json_does_not_have_is_told_to_no_model() -> None:
    assert json.loads(render_call(Call("look", '{"at": 1e999}'))[12:-13])["arguments"] == (
        '{"at": 1e999}'
    )
