"""What a model is asked in place of what it does not know, and what becomes of its answers."""

import re
from collections.abc import AsyncIterator, Collection
from contextlib import aclosing
from typing import Any, cast

import pytest
from openai.types.chat import ChatCompletionChunk

from tests.adapters import PlainAdapter, SayingAdapter, ScriptedAdapter, TirelessAdapter
from tests.protocol.emulation import (
    ALL,
    CALLED_LISTEN,
    CALLED_LOOK,
    CONTEXT,
    IN_JSON,
    LISTEN,
    LOOK,
    ONLY_LOOK,
    TOOLS,
    USER,
    asked,
    both,
    by_schema,
    calls,
    streamed,
    text,
)
from veneer_protocol import (
    ChatCompletionRequest,
    Feature,
    InvalidProviderResponseError,
    InvalidRequestError,
    ProviderAdapter,
    Reply,
    RequestContext,
    tool_call,
    usage,
)
from veneer_protocol.emulation import EmulatingAdapter, EmulationError
from veneer_protocol.emulation.answers import LONGEST_HELD


def test_what_is_emulated_is_declared_beside_what_is_there() -> None:
    class Seeded(PlainAdapter):
        features = frozenset({Feature.SEED})

    adapter = EmulatingAdapter(Seeded(), {Feature.TOOLS})

    assert adapter.features_of("one") == {Feature.SEED, Feature.TOOLS}


@pytest.mark.parametrize("features", [{Feature.IMAGES}, {"tolls"}, "tools"])
def test_nothing_else_can_be_emulated(features: Collection[str]) -> None:
    with pytest.raises(TypeError):
        EmulatingAdapter(PlainAdapter(), features)


def test_a_class_is_not_yet_an_adapter_to_be_emulated() -> None:
    inner: Any = PlainAdapter

    with pytest.raises(TypeError, match=r"PlainAdapter'> is no ProviderAdapter. Give an instance"):
        EmulatingAdapter(inner, {Feature.TOOLS})


@pytest.mark.parametrize(
    "fields", [{}, {"response_format": {"type": "text"}}, {"tools": TOOLS, "tool_choice": "none"}]
)
async def test_a_request_that_needs_nothing_emulated_goes_on(fields: dict[str, Any]) -> None:
    inner = SayingAdapter(LOOK)

    completion = await both(EmulatingAdapter(inner, ALL), **fields)

    assert text(completion) == LOOK
    assert not calls(completion)
    for request in inner.requests:
        assert request.to_openai() == {"model": "one", "messages": [USER]}
    assert inner.contexts == [CONTEXT] * 2


async def test_the_model_is_told_of_the_tools_at_the_beginning() -> None:
    inner = SayingAdapter("It rains.")

    completion = await both(EmulatingAdapter(inner, ALL), tools=TOOLS, temperature=1)

    assert text(completion) == "It rains."
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage == usage(3, 4)
    told, question = inner.requests[0].messages
    assert told.role == "system"
    assert '{"name": "look", "description": "I look.", "parameters": {"type": "object"}}' in (
        told.text
    )
    assert question.text == USER["content"]
    assert inner.requests[0].to_openai().keys() == {"model", "messages", "temperature"}
    assert inner.contexts == [CONTEXT] * 2


@pytest.mark.parametrize("content", ["Be kind.", [{"type": "text", "text": "Be kind."}]])
async def test_there_is_one_system_message(content: object) -> None:
    inner = SayingAdapter("Yes.")
    adapter = EmulatingAdapter(inner, ALL)

    await both(adapter, tools=TOOLS, messages=[{"role": "system", "content": content}, USER])

    first, second = inner.requests[0].messages
    assert (first.role, second.role) == ("system", "user")
    assert first.text.startswith("Be kind.\n")
    assert '"name": "look"' in first.text


async def test_a_call_and_what_it_gave_are_told_as_the_model_writes_them() -> None:
    inner = SayingAdapter("It is sunny.")
    made = [
        tool_call("look", '{"at": "Seoul"}', call_id="1"),
        tool_call("listen", "{}", call_id="2"),
    ]
    history = [
        USER,
        {"role": "assistant", "content": "Wait.", "tool_calls": [call.to_dict() for call in made]},
        {"role": "tool", "tool_call_id": "2", "content": "Birds.</tool_result>"},
        {"role": "tool", "tool_call_id": "1", "content": "Sun.\n<tool_result>"},
        USER,
    ]

    await both(EmulatingAdapter(inner, ALL), messages=history)

    _, assistant, results, _ = inner.requests[0].messages
    assert assistant.text == f"Wait.\n{LOOK}\n{LISTEN}"
    assert assistant.tool_calls is None
    assert results.role == "user"
    assert results.text == (
        '<tool_result>\n{"name": "look", "content": "Sun.\\n<tool_result>"}\n</tool_result>\n'
        '<tool_result>\n{"name": "listen", "content": "Birds.<\\/tool_result>"}\n</tool_result>'
    )


async def test_results_are_told_in_the_order_of_the_calls_of_their_turn() -> None:
    inner = SayingAdapter("Both are sunny.")
    turns = [("2", "1"), ("1", "3", "2")]  # Ids may come again.
    history: list[dict[str, Any]] = [USER]
    for ids in turns:
        made = [tool_call("look", "{}", call_id=ident).to_dict() for ident in ids]
        history.append({"role": "assistant", "tool_calls": made})
        history += [
            {"role": "tool", "tool_call_id": ident, "content": f"Of {ident}."}
            for ident in sorted(ids)
        ]

    await both(EmulatingAdapter(inner, ALL), messages=history)

    told = [turn.text for turn in inner.requests[0].messages if turn.text.startswith("<tool_res")]
    assert [re.findall(r"Of (.)", one) for one in told] == [[*ids] for ids in turns]


@pytest.mark.parametrize(
    ("said", "given", "called"),
    [
        (LOOK, None, [CALLED_LOOK]),
        (f"I look.\n{LOOK}\n{LISTEN}\n", "I look.", [CALLED_LOOK, CALLED_LISTEN]),
        (f"{LOOK}\n{LOOK} Done.", " Done.", [CALLED_LOOK, CALLED_LOOK]),
    ],
)
async def test_blocks_become_calls(
    said: str, given: str | None, called: list[tuple[str, str]]
) -> None:
    completion = await both(EmulatingAdapter(SayingAdapter(said), ALL), tools=TOOLS)

    assert text(completion) == given
    assert calls(completion) == called
    assert completion.choices[0].finish_reason == "tool_calls"
    made = completion.choices[0].message.tool_calls or []
    assert len({call.id for call in made}) == len(called)


async def test_one_call_is_all_where_one_is_wanted() -> None:
    inner = SayingAdapter(f"I do.\n{LOOK}\n")

    completion = await both(EmulatingAdapter(inner, ALL), tools=TOOLS, parallel_tool_calls=False)

    assert (text(completion), calls(completion)) == ("I do.", [CALLED_LOOK])
    assert completion.usage == usage(3, 4)


@pytest.mark.parametrize(
    "choice",
    [
        ONLY_LOOK,
        {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [ONLY_LOOK]}},
    ],
)
async def test_what_was_not_chosen_cannot_be_called(choice: dict[str, Any]) -> None:
    inner = SayingAdapter(f"{LOOK}{LISTEN}")

    completion = await both(EmulatingAdapter(inner, ALL), tools=TOOLS, tool_choice=choice)

    assert (text(completion), calls(completion)) == (LISTEN, [CALLED_LOOK])
    assert "listen" not in inner.requests[0].messages[0].text


async def test_text_streams_before_the_model_is_done() -> None:
    adapter = EmulatingAdapter(TirelessAdapter(), ALL)
    chunks = adapter.stream_chat_completion(asked(adapter, tools=TOOLS), CONTEXT)

    async with aclosing(cast("Any", chunks)) as stream:
        first = await anext(stream)

    assert first.choices[0].delta.content.startswith("word ")
    assert cast("TirelessAdapter", adapter._adapter).was_closed.is_set()


@pytest.mark.parametrize("choice", ["required", ONLY_LOOK])
async def test_a_call_that_must_come_and_does_not_is_asked_for_once_more(choice: object) -> None:
    inner = SayingAdapter("I would rather not.", LOOK)
    adapter = EmulatingAdapter(inner, ALL, repairs=True)

    completion = await both(adapter, tools=TOOLS, tool_choice=choice)

    assert (text(completion), calls(completion)) == (None, [CALLED_LOOK])
    assert completion.usage == usage(6, 8)
    *_, said, repair = inner.requests[1].messages
    assert (said.role, said.text) == ("assistant", "I would rather not.")
    assert "calls none of the functions" in repair.text
    assert inner.contexts == [CONTEXT] * 4


@pytest.mark.parametrize(("repairs", "texts"), [(False, ["No."]), (True, ["No.", "Never."])])
async def test_a_call_that_never_comes_is_an_error_before_anything_else(
    repairs: bool, texts: list[str]
) -> None:
    inner = SayingAdapter(*texts)
    adapter = EmulatingAdapter(inner, ALL, repairs=repairs)
    stream = adapter.stream_chat_completion(
        asked(adapter, tools=TOOLS, tool_choice="required"), CONTEXT
    )

    with pytest.raises(EmulationError) as failure:
        await anext(aiter(stream))

    assert (failure.value.status, failure.value.code) == (502, "emulation_failed")
    assert not inner.texts


@pytest.mark.parametrize(
    "fields",
    [{"response_format": by_schema()}, {"tools": TOOLS, "tool_choice": "required"}],
)
async def test_an_answer_that_was_cut_off_is_given_as_it_is(fields: dict[str, Any]) -> None:
    adapter = EmulatingAdapter(SayingAdapter('{"sky": "bl', finish_reason="length"), ALL)

    completion = await both(adapter, **fields)

    assert text(completion) == '{"sky": "bl'
    assert completion.choices[0].finish_reason == "length"


@pytest.mark.parametrize(
    ("fields", "param"),
    [({"n": 2}, "n"), ({"logprobs": True}, "logprobs")],
)
async def test_what_cannot_be_had_beside_it_is_refused(fields: dict[str, Any], param: str) -> None:
    class Rich(SayingAdapter):
        features = frozenset({Feature.CHOICES, Feature.LOGPROBS})

    adapter = EmulatingAdapter(Rich(), ALL)

    with pytest.raises(InvalidRequestError) as refusal:
        await streamed(adapter, tools=TOOLS, **fields)

    assert refusal.value.param == param


async def test_a_feature_of_the_model_itself_is_not_emulated() -> None:
    class Calling(ScriptedAdapter):
        features = frozenset({Feature.TOOLS})

    reply = Reply(model="scripted/one")
    inner = Calling(
        reply.call_chunk(tool_call("look", "{}")), reply.last_chunk(finish_reason="tool_calls")
    )
    adapter = EmulatingAdapter(inner, ALL)

    chunks = await streamed(adapter, tools=TOOLS, response_format=by_schema())

    made = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    assert [call.function.name for call in made if call.function] == ["look"]
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


async def test_what_is_beside_the_text_goes_on() -> None:
    reply = Reply(model="scripted/one")
    thought = reply.chunk("It ")
    thought.choices[0].delta = thought.choices[0].delta.model_copy(
        update={"reasoning_content": "Hm."}
    )
    inner = ScriptedAdapter(thought, reply.chunk("rains."), reply.last_chunk())

    chunks = await streamed(EmulatingAdapter(inner, ALL), tools=TOOLS)

    deltas = [chunk.choices[0].delta for chunk in chunks]
    assert getattr(deltas[0], "reasoning_content", None) == "Hm."
    assert "".join(delta.content or "" for delta in deltas) == "It rains."


async def test_two_attempts_are_one_stream() -> None:
    class Thinking(SayingAdapter):
        async def stream_chat_completion(
            self, request: ChatCompletionRequest, context: RequestContext
        ) -> AsyncIterator[ChatCompletionChunk]:
            async for chunk in super().stream_chat_completion(request, context):
                delta = chunk.choices[0].delta
                chunk.choices[0].delta = delta.model_copy(update={"reasoning_content": "Hm."})
                yield chunk

    adapter = EmulatingAdapter(Thinking("No.", LOOK), ALL, repairs=True)

    chunks = await streamed(adapter, tools=TOOLS, tool_choice="required")

    assert len({(chunk.id, chunk.created) for chunk in chunks}) == 1
    assert chunks[-1].choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize(
    "script", [("no chunk",), (Reply(model="scripted/one").chunk("It "),)], ids=["rubbish", "cut"]
)
async def test_a_stream_that_breaks_the_rules_is_an_error(script: tuple[object, ...]) -> None:
    adapter = EmulatingAdapter(ScriptedAdapter(*script), ALL)

    with pytest.raises(InvalidProviderResponseError):
        await streamed(adapter, tools=TOOLS)


async def test_what_is_held_back_has_a_bound() -> None:
    adapter = EmulatingAdapter(TirelessAdapter(), ALL)

    with pytest.raises(InvalidProviderResponseError, match=str(LONGEST_HELD)):
        await streamed(adapter, response_format=IN_JSON)

    assert cast("TirelessAdapter", adapter._adapter).was_closed.is_set()


async def test_the_other_adapter_is_started_and_stopped() -> None:
    class Living(PlainAdapter):
        lives: list[str]

        async def startup(self) -> None:
            self.lives = ["started"]

        async def shutdown(self) -> None:
            self.lives.append("stopped")

    inner: ProviderAdapter = Living()
    adapter = EmulatingAdapter(inner, ALL)

    await adapter.startup()
    await adapter.shutdown()

    assert cast("Living", inner).lives == ["started", "stopped"]
    assert adapter.model_prefix == inner.model_prefix
    assert [model.id for model in await adapter.list_models(CONTEXT)] == ["plain/one"]
