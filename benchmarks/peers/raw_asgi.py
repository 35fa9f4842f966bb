"""The limit in Python: an ASGI application that does what cannot be left out, and nothing else.

It parses the body, sends bytes that were made beforehand, one piece of a stream at a time, and
stops a stream that nobody reads.
"""

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

from benchmarks.workload import names, pieces, text

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_CHUNK = (
    '"object":"chat.completion.chunk","created":1735689600,"model":"bench/ready",'
    '"choices":[{"index":0,"delta":'
)
MODELS = json.dumps(
    {
        "object": "list",
        "data": [
            {"id": f"bench/{name}", "object": "model", "created": 0, "owned_by": "bench"}
            for name in names(int(os.environ.get("BENCH_MODELS", "0")))
        ],
    }
).encode()


def event(delta: str, finish_reason: str = "null") -> bytes:
    """Frame one chunk."""
    return (
        f'data: {{"id":"chatcmpl_{"0" * 32}",{_CHUNK}{delta},"finish_reason":{finish_reason}}}]}}'
        "\n\n"
    ).encode()


def completion(content: str) -> bytes:
    """Give a whole answer."""
    return (
        f'{{"id":"chatcmpl_{"0" * 32}","object":"chat.completion","created":1735689600,'
        '"model":"bench/ready","choices":[{"index":0,"finish_reason":"stop","logprobs":null,'
        f'"message":{{"role":"assistant","content":{json.dumps(content)},"refusal":null}}}}]}}'
    ).encode()


LAST = event("{}", '"stop"') + b"data: [DONE]\n\n"


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Answer any request."""
    if scope["type"] != "http":
        return
    if scope["method"] == "GET":
        await answer(send, 200, MODELS)
        return
    body = b""
    has_more = True
    while has_more:
        message = await receive()
        body += message.get("body", b"")
        has_more = message.get("more_body", False)
    request = json.loads(body)
    if not request.get("messages"):
        await answer(send, 400, b'{"error":{"message":"messages are missing"}}')
        return
    name, ask = request["model"].partition("/")[2], request["messages"][-1]["content"]
    if not request.get("stream"):
        await answer(send, 200, completion(await text(name, ask=ask)))
        return
    said = pieces(name, limit=request.get("max_tokens"), ask=ask)
    speaking = asyncio.create_task(speak(send, said))
    leaving = asyncio.create_task(until_gone(receive))
    await asyncio.wait({speaking, leaving}, return_when=asyncio.FIRST_COMPLETED)
    leaving.cancel()
    speaking.cancel()


async def speak(send: Send, said: AsyncGenerator[str, None]) -> None:
    """Send a stream."""
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    async with aclosing(said):
        async for piece in said:
            frame = event(f'{{"content":"{piece}"}}')
            await send({"type": "http.response.body", "body": frame, "more_body": True})
    await send({"type": "http.response.body", "body": LAST})


async def until_gone(receive: Receive) -> None:
    """Wait for the client to leave."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def answer(send: Send, status: int, body: bytes) -> None:
    """Send a whole answer."""
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
