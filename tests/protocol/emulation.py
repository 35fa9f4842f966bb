"""What a model that emulates is asked here, and ways to ask it."""

import json
from typing import Any, cast

from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.adapters import SayingAdapter
from veneer_protocol import (
    ChatCompletionRequest,
    Feature,
    Headers,
    RequestContext,
    StreamGuard,
    check_completion,
    parse_request,
)
from veneer_protocol.emulation import EmulatingAdapter

ALL = {Feature.TOOLS, Feature.JSON_OBJECT, Feature.JSON_SCHEMA}
CONTEXT = RequestContext(headers=Headers({"x-tenant-id": "team-7"}), request_id="req_1")
USER = {"role": "user", "content": "How is the weather?"}
TOOLS = [
    {
        "type": "function",
        "function": {"name": name, "description": f"I {name}.", "parameters": {"type": "object"}},
    }
    for name in ("look", "listen")
]
LOOK = '<tool_call>\n{"name": "look", "arguments": {"at": "Seoul"}}\n</tool_call>'
LISTEN = '<tool_call>\n{"name": "listen", "arguments": {}}\n</tool_call>'
CALLED_LOOK, CALLED_LISTEN = ("look", '{"at": "Seoul"}'), ("listen", "{}")
ONLY_LOOK = {"type": "function", "function": {"name": "look"}}
SCHEMA = {"type": "object", "properties": {"sky": {"type": "string"}}, "required": ["sky"]}
IN_JSON = {"type": "json_object"}


def by_schema(*, strict: bool = True) -> dict[str, Any]:
    return {
        "type": "json_schema",
        "json_schema": {"name": "sky", "schema": SCHEMA, "strict": strict},
    }


def asked(adapter: EmulatingAdapter, **fields: Any) -> ChatCompletionRequest:
    body = {"model": f"{adapter.name}/one", "messages": [USER], **fields}
    return parse_request(json.dumps(body).encode(), adapter.features_of)


async def both(adapter: EmulatingAdapter, **fields: Any) -> ChatCompletion:
    """Ask for a stream and for a whole answer, which are to say the same; give the latter."""
    inner = cast("SayingAdapter", adapter._adapter)
    texts = list(inner.texts)
    chunks = await streamed(adapter, **fields)
    inner.texts = texts
    completion = await adapter.create_chat_completion(asked(adapter, **fields), CONTEXT)
    check_completion(completion, features=[Feature.TOOLS])

    said = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert said == (text(completion) or "")
    assert chunks[-1].choices[0].finish_reason == completion.choices[0].finish_reason
    assert chunks[-1].usage == completion.usage
    assert len({chunk.id for chunk in chunks}) == 1
    deltas = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    assert [
        (call.function.name, call.function.arguments) for call in deltas if call.function
    ] == calls(completion)
    return completion


async def streamed(adapter: EmulatingAdapter, **fields: Any) -> list[ChatCompletionChunk]:
    chunks = [
        chunk async for chunk in adapter.stream_chat_completion(asked(adapter, **fields), CONTEXT)
    ]
    guard = StreamGuard(features=[Feature.TOOLS])
    for chunk in chunks:
        guard.check(chunk)
    guard.end()
    return chunks


def text(completion: ChatCompletion) -> str | None:
    return completion.choices[0].message.content


def calls(completion: ChatCompletion) -> list[tuple[str, str]]:
    return [
        (call.function.name, call.function.arguments)
        for call in completion.choices[0].message.tool_calls or ()
        if call.type == "function"
    ]
