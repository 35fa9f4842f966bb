"""The adapter alone, without a gateway."""

import pytest

from veneer_protocol import (
    ChatCompletionRequest,
    Headers,
    Message,
    ModelNotFoundError,
    RequestContext,
)
from veneer_providers_acme import AcmeAdapter

CONTEXT = RequestContext(
    Headers({"authorization": "Bearer upstream-secret", "x-tenant-id": "team-7"})
)


def ask(model: str) -> ChatCompletionRequest:
    return ChatCompletionRequest(model=model, messages=(Message(role="user", content="hi"),))


async def test_it_lists_its_model() -> None:
    models = await AcmeAdapter().list_models(CONTEXT)

    assert [model.id for model in models] == ["acme/chat-1"]


async def test_it_reads_the_tenant_and_the_credentials() -> None:
    completion = await AcmeAdapter().create_chat_completion(ask("acme/chat-1"), CONTEXT)

    assert completion.choices[0].message.content == "tenant=team-7, auth=True"


async def test_it_does_without_them() -> None:
    completion = await AcmeAdapter().create_chat_completion(ask("acme/chat-1"), RequestContext())

    assert completion.choices[0].message.content == "tenant=None, auth=False"


async def test_it_streams_and_finishes() -> None:
    chunks = [
        chunk async for chunk in AcmeAdapter().stream_chat_completion(ask("acme/chat-1"), CONTEXT)
    ]

    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert said == "tenant=team-7, auth=True"
    assert chunks[-1].choices[0].finish_reason == "stop"


async def test_another_model_is_unknown() -> None:
    with pytest.raises(ModelNotFoundError):
        await AcmeAdapter().create_chat_completion(ask("acme/chat-2"), CONTEXT)
