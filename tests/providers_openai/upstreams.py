"""Upstreams made by hand, byte for byte, on real sockets; and adapters that ask them."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass, field
from typing import Any, Final

from openai.types.chat import ChatCompletion, ChatCompletionChunk

from veneer_protocol import ChatCompletionRequest, Headers, RequestContext
from veneer_providers_openai import OpenAIAdapter, Upstream

SOON = 5
"""Seconds: an upper bound that only a failure reaches."""
HELLO = [{"role": "user", "content": "hello"}]
KEY = "sk-of-the-operator"
LOCAL = RequestContext()

HANG: Final = "hang"
"""Say no more, and wait for the client to leave."""
WAIT: Final = "wait"
"""Say no more until the test lets it."""
RESET: Final = "reset"
"""Break the connection off."""

Answer = Sequence[bytes | str]
"""What an upstream does for one request: sends bytes, and what else has a name above."""


@dataclass
class Received:
    """One request, as it came in."""

    method: str
    path: str
    headers: Headers
    raw: list[tuple[bytes, bytes]]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class RawUpstream:
    """Answers the first request by the first answer, and so on; the last is for all the rest."""

    answers: tuple[Answer, ...]
    url: str = ""
    requests: list[Received] = field(default_factory=list)
    is_waiting: asyncio.Event = field(default_factory=asyncio.Event)
    was_left: asyncio.Event = field(default_factory=asyncio.Event)
    """Whether the client closed the connection while we were silent."""
    may_go_on: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tasks.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(ConnectionError, asyncio.IncompleteReadError):
            self.requests.append(await receive(reader))
            answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
            await self._do(answer, reader, writer)

    async def _do(
        self, answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        for step in answer:
            if isinstance(step, bytes):
                writer.write(step)
                await writer.drain()
            elif step == HANG:
                self.is_waiting.set()
                with suppress(ConnectionError):
                    await reader.read()
                self.was_left.set()
            elif step == WAIT:
                self.is_waiting.set()
                await self.may_go_on.wait()
            else:
                writer.transport.abort()


async def receive(reader: asyncio.StreamReader) -> Received:
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.strip().split(b"\r\n")
    raw = [(name, value) for name, _, value in (line.partition(b": ") for line in lines)]
    headers = Headers(raw)
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    method, path, _ = first.decode().split(" ")
    return Received(method, path, headers, raw, body)


@asynccontextmanager
async def serving(*answers: Answer) -> AsyncIterator[RawUpstream]:
    """Serve `answers` on a free port of the loopback until the block ends."""
    upstream = RawUpstream(answers)
    server = await asyncio.start_server(upstream.accept, "127.0.0.1", 0)
    upstream.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    try:
        yield upstream
    finally:
        server.close()
        for task in upstream.tasks:
            task.cancel()
        await asyncio.gather(*upstream.tasks, return_exceptions=True)


@asynccontextmanager
async def asking(url: str, /, **settings: object) -> AsyncIterator[OpenAIAdapter]:
    """Give an adapter named `up` that has been started and asks `url`."""
    adapter = OpenAIAdapter(Upstream.model_validate({"name": "up", "base_url": url, **settings}))
    await adapter.startup()
    try:
        yield adapter
    finally:
        await adapter.shutdown()


def response(
    status: int, body: object, /, content_type: str = "application/json", **headers: str
) -> Answer:
    """Give a whole response; a body that is no text is written as JSON."""
    text = body if isinstance(body, str) else json.dumps(body)
    lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items()]
    head = f"HTTP/1.1 {status} Whatever\r\ncontent-type: {content_type}\r\nconnection: close\r\n"
    return [f"{head}{''.join(lines)}content-length: {len(text.encode())}\r\n\r\n{text}".encode()]


STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
CHUNKED = STREAM + b"transfer-encoding: chunked\r\n\r\n"
UNTIL_CLOSED = STREAM + b"connection: close\r\n\r\n"
END = b"0\r\n\r\n"
DONE = b"data: [DONE]\n\n"


def in_chunk(data: bytes) -> bytes:
    """Frame `data` as a chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def frame(value: object) -> bytes:
    """Give one event."""
    return f"data: {json.dumps(value)}\n\n".encode()


def chunk(text: str | None = None, reason: str | None = None, **fields: object) -> dict[str, Any]:
    """Give the JSON of a chunk as OpenAI sends it."""
    choice = {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": reason}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "one",
        "choices": [choice],
        **fields,
    }


def completion(text: str = "hello", reason: str = "stop", **fields: object) -> dict[str, Any]:
    """Give the JSON of a completion as OpenAI sends it."""
    message = {"role": "assistant", "content": text}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "one",
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        **fields,
    }


def asked(model: str = "up/one", /, **fields: object) -> ChatCompletionRequest:
    """Give a request as the gateway has checked it."""
    return ChatCompletionRequest.model_validate({"model": model, "messages": HELLO, **fields})


async def whole(
    adapter: OpenAIAdapter, context: RequestContext = LOCAL, /, **fields: object
) -> ChatCompletion:
    return await adapter.create_chat_completion(asked(**fields), context)


async def streamed(
    adapter: OpenAIAdapter, context: RequestContext = LOCAL, /, **fields: object
) -> list[ChatCompletionChunk]:
    request = asked(stream=True, **fields)
    return [each async for each in adapter.stream_chat_completion(request, context)]


HEL = in_chunk(frame(chunk("hel")))
LO = in_chunk(frame(chunk("lo", "stop")))
GOOD: Answer = [CHUNKED, HEL, LO, in_chunk(DONE), END]
