"""Calls of tools and several choices, as the official client reads them over a real socket."""

import json
from abc import ABC
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from openai import InternalServerError, OpenAI
from openai.types import Model
from openai.types.chat import (
    ChatCompletion,
    ChatCompletionChunk,
    ChatCompletionMessage,
    ChatCompletionMessageParam,
    ChatCompletionToolParam,
)

from tests.adapters import ScriptedAdapter
from tests.contract.tools import TOOL, answer_to_results
from veneer_gateway.testing import running_gateway
from veneer_protocol import (
    ChatCompletionRequest,
    Feature,
    ProviderAdapter,
    Reply,
    RequestContext,
    tool_call,
    usage,
)

MODEL = "weather/one"
QUESTION: ChatCompletionMessageParam = {"role": "user", "content": "How is the weather?"}
CITIES = ("Seoul", "Busan")
COUNTED = usage(3, 4)


class Weather(ProviderAdapter, ABC):
    """Asks for the weather of two cities, and says what it is told; each choice by itself."""

    name = "weather"
    features = frozenset({Feature.TOOLS, Feature.CHOICES})

    async def list_models(self, context: RequestContext) -> Sequence[Model]:
        return [Model(id="weather/one", object="model", created=0, owned_by="weather")]

    def words(self, request: ChatCompletionRequest) -> list[str]:
        told = [message.text for message in request.messages if message.role == "tool"]
        return told if told or request.tools else ["Who", "knows?"]


class InPieces(Weather):
    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        reply, choices = Reply(model=request.model), range(request.n or 1)
        words = self.words(request)
        for word in words:
            for index in choices:
                yield reply.chunk(f"{word} ", index=index)
        for position, city in enumerate(() if words else CITIES):
            for index in choices:
                yield reply.call_chunk(tool_call("get_weather"), position, index=index)
            for piece in ('{"ci', 'ty":', f'"{city}"}}'):
                for index in choices:
                    yield reply.arguments_chunk(piece, position, index=index)
        for index in reversed(choices):
            yield reply.last_chunk(
                finish_reason="stop" if words else "tool_calls", index=index, usage=COUNTED
            )


class InOne(Weather):
    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        words = self.words(request)
        calls = [tool_call("get_weather", f'{{"city":"{city}"}}') for city in CITIES]
        return Reply(model=request.model).completion(
            *["".join(f"{word} " for word in words)] * (request.n or 1),
            tool_calls=() if words else calls,
            usage=COUNTED,
        )


@contextmanager
def asking(adapter: ProviderAdapter) -> Iterator[OpenAI]:
    with (
        running_gateway(adapter) as gateway,
        OpenAI(base_url=f"{gateway.url}/v1", api_key="sk-of-a-test", max_retries=0) as client,
    ):
        yield client


@pytest.fixture(scope="module", params=[InPieces, InOne])
def client(request: pytest.FixtureRequest) -> Iterator[OpenAI]:
    """Asks an adapter that has written one method, and so the other is derived."""
    with asking(request.param()) as client:
        yield client


def test_a_plain_answer_calls_tools(client: OpenAI) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=[QUESTION], tools=[TOOL])

    (choice,) = answer.choices
    assert choice.finish_reason == "tool_calls"
    assert called(choice.message) == list(CITIES)
    assert len({call.id for call in choice.message.tool_calls or ()}) == 2
    assert answer.usage == COUNTED


# The client's own helper joins the deltas, and tells when the arguments of a call are whole.
def test_a_stream_of_calls_is_joined_by_the_clients_helper(client: OpenAI) -> None:
    with client.chat.completions.stream(
        model=MODEL, messages=[QUESTION], tools=[TOOL], stream_options={"include_usage": True}
    ) as stream:
        events = list(stream)
        answer = stream.get_final_completion()

    done = [event for event in events if event.type == "tool_calls.function.arguments.done"]
    assert [event.parsed_arguments for event in done] == [{"city": city} for city in CITIES]
    assert called(answer.choices[0].message) == list(CITIES)
    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.usage == COUNTED


@pytest.mark.parametrize("is_streamed", [False, True])
def test_what_tools_gave_goes_back_and_is_answered(client: OpenAI, is_streamed: bool) -> None:
    answer = answer_to_results(client, MODEL, QUESTION, "Sunny", "Rainy", is_streamed=is_streamed)

    assert answer == "Sunny Rainy "


# It hangs what it has parsed on the message, and keeps the positions of the calls.
def test_the_message_of_the_clients_helper_goes_back_as_it_is(client: OpenAI) -> None:
    with client.chat.completions.stream(model=MODEL, messages=[QUESTION], tools=[TOOL]) as stream:
        message = stream.get_final_completion().choices[0].message
    history: list[Any] = [QUESTION, message]
    for call in message.tool_calls or ():
        history.append({"role": "tool", "tool_call_id": call.id, "content": "Sunny"})

    answer = client.chat.completions.create(model=MODEL, messages=history, tools=[TOOL])

    assert answer.choices[0].message.content == "Sunny Sunny "


@pytest.mark.parametrize("tools", [[TOOL], []])
def test_each_of_several_choices_is_whole(
    client: OpenAI, tools: list[ChatCompletionToolParam]
) -> None:
    options: dict[str, Any] = {"tools": tools} if tools else {}
    answer = client.chat.completions.create(model=MODEL, messages=[QUESTION], n=3, **options)
    with client.chat.completions.stream(model=MODEL, messages=[QUESTION], n=3, **options) as stream:
        streamed = stream.get_final_completion()

    for choices in (answer.choices, streamed.choices):
        assert [choice.index for choice in choices] == [0, 1, 2]
        for choice in choices:
            said = (called(choice.message), choice.message.content, choice.finish_reason)
            if tools:
                assert said[0] == list(CITIES)
            else:
                assert said == ([], "Who knows? ", "stop")


def test_a_call_that_was_not_declared_reaches_nobody() -> None:
    reply = Reply(model="scripted/x")
    call = tool_call("get_weather", "{}")
    plain = ScriptedAdapter(reply.completion(tool_calls=[call]))
    stream = ScriptedAdapter(reply.call_chunk(call), reply.last_chunk())

    for adapter, options in ((plain, {}), (stream, {"stream": True})):
        with asking(adapter) as client, pytest.raises(InternalServerError) as refusal:
            client.chat.completions.create(  # type: ignore[call-overload]
                model="scripted/x", messages=[QUESTION], **options
            )

        assert refusal.value.status_code == 502
        assert refusal.value.code == "invalid_provider_response"
        assert "does not declare the feature 'tools'" in refusal.value.message


def called(message: ChatCompletionMessage) -> list[str]:
    """Give the cities whose weather is asked for."""
    calls = [call for call in message.tool_calls or () if call.type == "function"]
    assert {call.function.name for call in calls} <= {"get_weather"}
    return [json.loads(call.function.arguments)["city"] for call in calls]
