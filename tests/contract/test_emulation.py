"""Tools and structured outputs of a model that knows text alone, asked by the official client."""

import json
import re
from collections.abc import AsyncIterator, Iterator
from http.client import HTTPConnection
from typing import Any

import pytest
from openai import BadRequestError, InternalServerError, OpenAI
from openai.types.chat import ChatCompletionMessageParam
from pydantic import BaseModel

from tests.adapters import PatientAdapter
from tests.contract.tools import TOOL, answer_to_results
from veneer_gateway.testing import running_gateway
from veneer_protocol import ChatCompletionRequest, Feature, RequestContext, TextAdapter
from veneer_protocol.conformance import AdapterConformance
from veneer_protocol.emulation import EmulatingAdapter

ALL = (Feature.TOOLS, Feature.JSON_OBJECT, Feature.JSON_SCHEMA)
CHAT = "/v1/chat/completions"
MODEL = "clerk/one"
QUESTION: ChatCompletionMessageParam = {"role": "user", "content": "How is it in Seoul and Busan?"}


class Weather(BaseModel):
    city: str
    degrees: int


class Clerk(TextAdapter):
    """Reads what it is told and does it by the word, as a model would that knows text alone."""

    name = "clerk"
    models = ("one",)

    async def generate(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[str]:
        first, last = request.messages[0].text, request.messages[-1].text
        if first.startswith("You can call functions."):
            said = self.use(first, last)
        elif "JSON object" in first:
            said = self.fill_in(first, was_wrong="not what was asked for" in last)
        else:
            said = request.last_user_text or "Nothing."
        for at in range(0, len(said), 3):
            yield said[at : at + 3]

    def use(self, told: str, last: str) -> str:
        results = re.findall(r"<tool_result>\n(.+)\n</tool_result>", last)
        if results:
            return "It is: " + ", ".join(json.loads(result)["content"] for result in results)
        names = re.findall(r'^{"name": "(\w+)"', told, re.MULTILINE)
        calls = [{"name": names[0], "arguments": {"city": city}} for city in ("Seoul", "Busan")]
        blocks = (f"<tool_call>\n{json.dumps(call)}\n</tool_call>" for call in calls)
        return "I look it up.\n\n" + "\n".join(blocks)

    def fill_in(self, told: str, *, was_wrong: bool) -> str:
        if "colours" in told:
            return 'Gladly: ```json\n{"colours": ["red"]}\n```'
        degrees = "7" if was_wrong else '"seven"'
        return f'Here it is:\n{{"city": "Seoul", "degrees": {degrees}}}'


class TestAnEmulatingAdapter(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> EmulatingAdapter:
        return EmulatingAdapter(Clerk(), ALL, repairs=True)


def asking(adapter: EmulatingAdapter) -> Iterator[OpenAI]:
    with (
        running_gateway(adapter) as gateway,
        OpenAI(base_url=f"{gateway.url}/v1", api_key="sk-of-a-test", max_retries=0) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def client() -> Iterator[OpenAI]:
    yield from asking(EmulatingAdapter(Clerk(), ALL, repairs=True))


@pytest.fixture(scope="module")
def stern_client() -> Iterator[OpenAI]:
    """Asks where nothing is repaired."""
    yield from asking(EmulatingAdapter(Clerk(), ALL))


def cities(message: Any) -> list[str]:
    assert {call.function.name for call in message.tool_calls} == {"get_weather"}
    return [json.loads(call.function.arguments)["city"] for call in message.tool_calls]


def test_the_list_of_models_shows_what_is_emulated(client: OpenAI) -> None:
    (model,) = client.models.list().data

    assert model.model_extra == {"features": sorted(ALL)}


def test_a_plain_answer_calls_tools(client: OpenAI) -> None:
    (choice,) = client.chat.completions.create(
        model=MODEL, messages=[QUESTION], tools=[TOOL]
    ).choices

    assert choice.finish_reason == "tool_calls"
    assert choice.message.content == "I look it up."
    assert cities(choice.message) == ["Seoul", "Busan"]


def test_a_stream_of_calls_is_joined_by_the_clients_helper(client: OpenAI) -> None:
    with client.chat.completions.stream(model=MODEL, messages=[QUESTION], tools=[TOOL]) as stream:
        events = list(stream)
        (choice,) = stream.get_final_completion().choices

    done = [event for event in events if event.type == "tool_calls.function.arguments.done"]
    assert [event.parsed_arguments for event in done] == [{"city": "Seoul"}, {"city": "Busan"}]
    assert len([event for event in events if event.type == "content.delta"]) > 1
    assert choice.message.content == "I look it up."
    assert choice.finish_reason == "tool_calls"
    assert cities(choice.message) == ["Seoul", "Busan"]


@pytest.mark.parametrize("is_streamed", [False, True])
def test_what_tools_gave_goes_back_and_is_answered(client: OpenAI, is_streamed: bool) -> None:
    answer = answer_to_results(client, MODEL, QUESTION, "sunny", "rainy", is_streamed=is_streamed)

    assert answer == "It is: sunny, rainy"


def test_one_call_at_a_time_is_one_call(client: OpenAI) -> None:
    (choice,) = client.chat.completions.create(
        model=MODEL, messages=[QUESTION], tools=[TOOL], parallel_tool_calls=False
    ).choices

    assert cities(choice.message) == ["Seoul"]


def test_an_answer_is_parsed_into_the_clients_own_model(client: OpenAI) -> None:
    completion = client.chat.completions.parse(
        model=MODEL, messages=[QUESTION], response_format=Weather
    )

    assert completion.choices[0].message.parsed == Weather(city="Seoul", degrees=7)


def test_a_stream_is_parsed_into_the_clients_own_model(client: OpenAI) -> None:
    with client.chat.completions.stream(
        model=MODEL, messages=[QUESTION], response_format=Weather
    ) as stream:
        completion = stream.get_final_completion()

    assert completion.choices[0].message.parsed == Weather(city="Seoul", degrees=7)


@pytest.mark.parametrize("is_streamed", [False, True])
def test_json_that_breaks_its_schema_reaches_nobody(
    stern_client: OpenAI, is_streamed: bool
) -> None:
    schema = {"name": "weather", "schema": Weather.model_json_schema(), "strict": True}
    wanted: Any = {"type": "json_schema", "json_schema": schema}

    with pytest.raises(InternalServerError) as refusal:
        stern_client.chat.completions.create(
            model=MODEL, messages=[QUESTION], response_format=wanted, stream=is_streamed
        )

    assert refusal.value.status_code == 502
    assert refusal.value.code == "emulation_failed"


def test_a_schema_that_is_none_is_refused(client: OpenAI) -> None:
    schema = {"name": "weather", "schema": {"type": "thing"}, "strict": True}
    wanted: Any = {"type": "json_schema", "json_schema": schema}

    with pytest.raises(BadRequestError) as refusal:
        client.chat.completions.create(model=MODEL, messages=[QUESTION], response_format=wanted)

    assert refusal.value.param == "response_format.json_schema.schema"


@pytest.mark.parametrize("chunks_before", [0, 2])
@pytest.mark.parametrize("is_streamed", [False, True])
def test_the_model_is_let_go_when_the_client_leaves(chunks_before: int, is_streamed: bool) -> None:
    patient = PatientAdapter(chunks_before)
    body = {"model": "patient/one", "messages": [QUESTION], "tools": [TOOL], "stream": is_streamed}

    with running_gateway(EmulatingAdapter(patient, ALL)) as gateway:
        connection = HTTPConnection(gateway.host, gateway.port, timeout=30)
        connection.request("POST", CHAT, json.dumps(body), {"content-type": "application/json"})
        assert patient.is_waiting.wait(30)
        connection.close()

        assert patient.was_cancelled.wait(30)
