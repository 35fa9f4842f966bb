"""Chat completions as the official clients see them."""

import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "hello proxy"}]
ECHO = "The dummy provider heard: hello proxy x-dummy-tag=none. authorization_forwarded=true."


def text_of(chunks: list[ChatCompletionChunk]) -> str:
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


async def test_the_async_client_gets_a_completion(client: AsyncOpenAI) -> None:
    completion = await client.chat.completions.create(model="dummy/echo-1", messages=HELLO)

    assert completion.choices[0].message.content == ECHO
    assert completion.choices[0].finish_reason == "stop"
    assert completion.model == "dummy/echo-1"
    assert completion.object == "chat.completion"
    assert completion.usage is not None
    assert completion.usage.total_tokens == 2 + len(ECHO.split())


async def test_the_async_client_gets_a_stream(client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(model="dummy/echo-1", messages=HELLO, stream=True)
    chunks = [chunk async for chunk in stream]

    assert text_of(chunks) == ECHO
    assert len(chunks) == len(ECHO.split()) + 1
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.choices[0].finish_reason for chunk in chunks[-2:]] == [None, "stop"]
    assert len({chunk.id for chunk in chunks}) == 1
    assert all(chunk.usage is None for chunk in chunks)


def test_the_sync_client_gets_a_completion(sync_client: OpenAI) -> None:
    completion = sync_client.chat.completions.create(model="dummy/echo-1", messages=HELLO)

    assert completion.choices[0].message.content == ECHO


def test_the_sync_client_gets_a_stream(sync_client: OpenAI) -> None:
    stream = sync_client.chat.completions.create(model="dummy/echo-1", messages=HELLO, stream=True)
    chunks = list(stream)

    assert text_of(chunks) == ECHO


async def test_the_clients_own_stream_helper_agrees_with_the_completion(
    client: AsyncOpenAI,
) -> None:
    plain = await client.chat.completions.create(model="dummy/story-1", messages=HELLO)

    async with client.chat.completions.stream(
        model="dummy/story-1", messages=HELLO, stream_options={"include_usage": True}
    ) as stream:
        streamed = await stream.get_final_completion()

    assert streamed.choices[0].message.content == plain.choices[0].message.content
    assert streamed.choices[0].finish_reason == plain.choices[0].finish_reason
    assert streamed.usage == plain.usage


async def test_usage_comes_last_and_alone_for_who_asks(client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="dummy/echo-1",
        messages=HELLO,
        stream=True,
        stream_options={"include_usage": True},
    )
    *others, last = [chunk async for chunk in stream]

    assert last.choices == []
    assert last.usage is not None
    assert last.usage.prompt_tokens == 2
    assert all("usage" in chunk.model_fields_set and chunk.usage is None for chunk in others)


async def test_a_second_turn_carries_the_first_answer_as_the_client_echoes_it(
    client: AsyncOpenAI,
) -> None:
    first = await client.chat.completions.create(model="dummy/echo-1", messages=HELLO)
    echoed: ChatCompletionMessageParam = first.choices[0].message.model_dump()  # type: ignore[assignment]

    second = await client.chat.completions.create(
        model="dummy/echo-1",
        messages=[*HELLO, echoed, {"role": "user", "content": "and now?"}],
    )

    assert "and now?" in (second.choices[0].message.content or "")


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
async def test_a_token_limit_ends_the_answer(client: AsyncOpenAI, name: str) -> None:
    completion = await client.chat.completions.create(
        model="dummy/echo-1", messages=HELLO, extra_body={name: 3}
    )

    assert completion.choices[0].message.content == "The dummy provider"
    assert completion.choices[0].finish_reason == "length"


async def test_text_parts_are_joined_by_a_newline(client: AsyncOpenAI) -> None:
    completion = await client.chat.completions.create(
        model="dummy/echo-1",
        messages=[
            {
                "role": "user",
                "content": [{"type": "text", "text": "hello"}, {"type": "text", "text": "proxy"}],
            }
        ],
    )

    assert "hello\nproxy" in (completion.choices[0].message.content or "")


async def test_the_tag_and_the_absence_of_authorization_are_seen(client: AsyncOpenAI) -> None:
    from openai import Omit

    completion = await client.chat.completions.create(
        model="dummy/echo-1",
        messages=HELLO,
        extra_headers={"X-Dummy-Tag": "tutorial", "Authorization": Omit()},
    )

    content = completion.choices[0].message.content or ""
    assert "x-dummy-tag=tutorial." in content
    assert "authorization_forwarded=false." in content


async def test_what_most_clients_send_unasked_is_taken(client: AsyncOpenAI) -> None:
    completion = await client.chat.completions.create(
        model="dummy/echo-1",
        messages=[{"role": "user", "content": "hi", "name": "ann"}],
        n=1,
        stream=False,
        temperature=1,
        top_p=1.0,
        stop=None,
        user="someone",
        extra_body={"tools": None, "response_format": None, "seed": None},
    )

    assert completion.choices[0].finish_reason == "stop"


async def test_answers_carry_a_request_id(client: AsyncOpenAI) -> None:
    completion = await client.chat.completions.create(
        model="dummy/echo-1", messages=HELLO, extra_headers={"x-request-id": "mine-1"}
    )

    assert completion._request_id == "mine-1"
