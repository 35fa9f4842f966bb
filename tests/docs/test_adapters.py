"""The adapters of the how-to pages answer the official client and keep what an adapter promises."""

import json
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
from openai import (
    APIError,
    AuthenticationError,
    BadRequestError,
    InternalServerError,
    PermissionDeniedError,
    RateLimitError,
)

from tests.docs.adapters import (
    ANSWERS,
    EMULATION,
    ERRORS,
    FEATURES,
    FORWARDING,
    NOWHERE,
    OPENAI,
    PLAIN,
    STREAMING,
    TENANTS,
    TOOLS,
    adapter,
    ask,
    asking,
    calling,
    echo,
    obeying,
    shown,
    stream,
    upstream,
)
from tests.docs.pages import blocks
from veneer_protocol import ProviderAdapter
from veneer_protocol.conformance import AdapterConformance

KEYS = {"team-7": "key-of-team-7"}


class Kit(AdapterConformance):
    place: tuple[str, str]

    @pytest.fixture
    def adapter(self) -> Iterator[ProviderAdapter]:
        with upstream(ANSWERS[self.place]) as running:
            yield adapter(self.place, running.url)

    @pytest.fixture
    def failing_adapter(self) -> ProviderAdapter:
        return adapter(self.place, NOWHERE)


class TestStreaming(Kit):
    place = STREAMING
    honours_token_limit = True


class TestPlain(Kit):
    place = PLAIN
    honours_token_limit = True


class TestForwarding(Kit):
    place = FORWARDING


class TestErrors(Kit):
    place = ERRORS


class TestTools(Kit):
    place = TOOLS


class TestEmulation(AdapterConformance):
    @pytest.fixture
    def adapter(self) -> Iterator[ProviderAdapter]:
        with upstream(obeying) as running:
            yield shown(EMULATION)["adapter"](running.url)


class TestTenants(AdapterConformance):
    headers: ClassVar = {"x-tenant-id": "team-7"}

    @pytest.fixture
    def adapter(self) -> Iterator[ProviderAdapter]:
        with upstream(echo) as running:
            yield adapter(TENANTS, KEYS, running.url)


@pytest.mark.parametrize(("place", "path"), [(STREAMING, "/stream"), (PLAIN, "/complete")])
def test_finish_reason_and_usage_are_told_in_both_modes(place: tuple[str, str], path: str) -> None:
    with upstream(ANSWERS[place]) as running, asking(adapter(place, running.url)) as client:
        plain = ask(client, max_tokens=2)
        chunks = list(
            ask(client, max_tokens=2, stream=True, stream_options={"include_usage": True})
        )

    assert running.paths == [path, path]
    assert plain.choices[0].message.content == "one two"
    assert plain.choices[0].finish_reason == "length"
    assert plain.usage.total_tokens == 5
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == "one two"
    assert chunks[-2].choices[0].finish_reason == "length"
    assert chunks[-1].usage.total_tokens == 5


def test_tools_are_called_and_what_they_gave_is_answered() -> None:
    function = {"name": "get_weather", "parameters": {"type": "object"}}
    tools = [{"type": "function", "function": function}]

    with upstream(calling) as running, asking(adapter(TOOLS, running.url)) as client:
        plain = ask(client, tools=tools).choices[0]
        with client.chat.completions.stream(
            model="acme/chat-1",
            messages=[{"role": "user", "content": "hi"}],
            tools=tools,  # type: ignore[arg-type]
        ) as stream:
            streamed = stream.get_final_completion().choices[0]
        answer = client.chat.completions.create(
            model="acme/chat-1",
            messages=[
                {"role": "user", "content": "hi"},
                plain.message,
                {"role": "tool", "tool_call_id": "7", "content": "Sunny"},
                {"role": "tool", "tool_call_id": "8", "content": "Rainy"},
            ],
            tools=tools,  # type: ignore[arg-type]
        )

    for choice in (plain, streamed):
        calls = choice.message.tool_calls or ()
        assert choice.finish_reason == "tool_calls"
        assert [call.id for call in calls] == ["7", "8"]
        cities = [json.loads(call.function.arguments)["city"] for call in calls]
        assert cities == ["Seoul", "Busan"]
    assert answer.choices[0].message.content == "Sunny Rainy"


def test_what_a_model_calls_goes_on_as_it_says_it() -> None:
    def confused(body: bytes) -> Iterator[bytes]:
        for event in ({"call": "launch", "id": "7"}, {"argument": '{"at": '}, {"end": "calls"}):
            yield json.dumps(event).encode() + b"\n"

    function = {"name": "get_weather", "parameters": {"type": "object"}}

    with upstream(confused) as running, asking(adapter(TOOLS, running.url)) as client:
        (choice,) = ask(client, tools=[{"type": "function", "function": function}]).choices

    (call,) = choice.message.tool_calls
    assert (call.function.name, call.function.arguments) == ("launch", '{"at": ')


def test_a_model_of_text_calls_as_the_page_shows_it() -> None:
    function = {"name": "get_weather", "parameters": {"type": "object"}}
    tools = [{"type": "function", "function": function}]

    with (
        upstream(obeying) as running,
        asking(shown(EMULATION)["adapter"](running.url)) as client,
    ):
        (choice,) = ask(client, tools=tools).choices
        (call,) = choice.message.tool_calls
        history = [
            {"role": "user", "content": "How is it?"},
            choice.message,
            {"role": "tool", "tool_call_id": call.id, "content": "Sunny."},
        ]
        answer = client.chat.completions.create(
            model="acme/chat-1",
            messages=history,
            tools=tools,  # type: ignore[arg-type]
        )

    assert choice.message.content == "I ask."
    assert json.loads(call.function.arguments) == {"city": "Seoul"}
    assert answer.choices[0].message.content == "As the page has it."


def test_a_stream_without_its_last_line_is_an_error() -> None:
    def begin(body: bytes) -> Iterator[bytes]:
        yield next(stream(body))

    with (
        upstream(begin) as running,
        asking(adapter(STREAMING, running.url)) as client,
        pytest.raises(APIError, match="ended without a finish reason"),
    ):
        list(ask(client, stream=True))


def test_the_callers_headers_go_on() -> None:
    with (
        upstream(echo) as running,
        asking(adapter(FORWARDING, running.url), x_tenant_id="team-7", cookie="a=b") as client,
    ):
        answer = ask(client)

    (received,) = running.received
    assert answer.choices[0].message.content == "one two three"
    assert received["authorization"] == "Bearer of-the-caller"
    assert received["x-tenant-id"] == "team-7"
    assert received["content-type"] == "text/plain"
    assert "cookie" not in received


def test_a_tenant_has_a_key_of_its_own() -> None:
    with (
        upstream(echo) as running,
        asking(adapter(TENANTS, KEYS, running.url), x_tenant_id="team-7") as client,
    ):
        ask(client)

    assert running.received[0]["authorization"] == "Bearer key-of-team-7"
    assert "x-tenant-id" not in running.received[0]


@pytest.mark.parametrize(
    ("headers", "error", "code"),
    [
        ({}, AuthenticationError, "missing_tenant"),
        ({"x_tenant_id": "team-8"}, PermissionDeniedError, "permission_denied"),
    ],
)
def test_without_a_known_tenant_nobody_is_asked(
    headers: dict[str, str], error: type[APIError], code: str
) -> None:
    with (
        asking(adapter(TENANTS, KEYS, NOWHERE), **headers) as client,
        pytest.raises(error) as refusal,
    ):
        ask(client)

    assert refusal.value.code == code


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (400, BadRequestError, None),
        (401, AuthenticationError, "invalid_api_key"),
        (429, RateLimitError, "rate_limit_exceeded"),
        (451, BadRequestError, "content_refused"),
        (418, InternalServerError, "upstream_error"),
        (503, InternalServerError, "service_unavailable"),
    ],
)
def test_a_status_of_the_upstream_is_the_error_that_it_means(
    status: int, error: type[APIError], code: str | None
) -> None:
    told = {"retry-after": "7", "x-request-id": "up-1"}

    with (
        upstream(echo, status=status, headers=told) as running,
        asking(adapter(ERRORS, running.url)) as client,
        pytest.raises(error) as refusal,
    ):
        ask(client, stream=True)

    response = refusal.value.response  # type: ignore[attr-defined]  # Each is an APIStatusError.
    assert refusal.value.code == code
    assert response.headers["retry-after"] == "7"
    assert response.headers["x-upstream-request-id"] == "up-1"


def test_an_upstream_that_cannot_be_reached_is_an_upstream_error() -> None:
    with (
        asking(adapter(ERRORS, NOWHERE)) as client,
        pytest.raises(InternalServerError) as refusal,
    ):
        ask(client)

    assert refusal.value.code == "upstream_error"


def test_a_tenant_goes_on_beside_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(body: bytes) -> Iterator[bytes]:
        choice = {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "hello"},
        }
        yield json.dumps({"id": "1", "created": 1, "model": "m", "choices": [choice]}).encode()

    with upstream(answer, headers={"content-type": "application/json"}) as running:
        monkeypatch.setenv("TEAM_BASE_URL", f"{running.url}/v1")
        monkeypatch.setenv("TEAM_API_KEY", "of-the-operator")
        with asking(shown(OPENAI)["adapter"](), x_tenant_id="team-7") as client:
            client.chat.completions.create(
                model="team/m", messages=[{"role": "user", "content": "hi"}]
            )

    assert running.received[0]["authorization"] == "Bearer of-the-operator"
    assert running.received[0]["x-tenant-id"] == "team-7"


IMAGE = {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}
LOOK: Any = [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, IMAGE]}]


def test_a_model_takes_what_its_adapter_declares() -> None:
    with asking(adapter(FEATURES)) as client:
        answer = client.chat.completions.create(model="acme/vision-1", messages=LOOK, seed=7)
        models = {model.id: model.model_extra for model in client.models.list()}

    said = answer.choices[0].message.content
    assert said == "What is it? (seed 7) I look at https://example.com/cat.png."
    assert models == {
        "acme/chat-1": {"features": ["seed"]},
        "acme/vision-1": {"features": ["images", "seed"]},
    }


def test_the_list_of_models_on_the_page_is_what_is_listed() -> None:
    (shown,) = [block for block in blocks(FEATURES[0]) if block.language == "json"]

    with asking(adapter(FEATURES)) as client:
        listed = client.models.retrieve("acme/vision-1")

    assert json.loads(shown.text) == listed.to_dict()


def test_another_model_does_not_take_it() -> None:
    with asking(adapter(FEATURES)) as client, pytest.raises(BadRequestError) as refusal:
        client.chat.completions.create(model="acme/chat-1", messages=LOOK)

    assert refusal.value.param == "messages[0].content[1].type"
