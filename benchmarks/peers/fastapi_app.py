"""What a Python engineer would write instead: FastAPI with openai's own types."""

import os
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Literal

from fastapi import FastAPI, HTTPException
from fastapi.responses import Response, StreamingResponse
from openai import AsyncOpenAI
from openai.types import Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessage
from openai.types.chat.chat_completion import Choice
from openai.types.chat.chat_completion_chunk import Choice as ChunkChoice
from openai.types.chat.chat_completion_chunk import ChoiceDelta
from pydantic import BaseModel, ConfigDict, Field

from benchmarks.workload import names, pieces, text

NAMES = names(int(os.environ.get("BENCH_MODELS", "0")))

app = FastAPI()
upstream = AsyncOpenAI(base_url=os.environ.get("BENCH_UPSTREAM") or None, api_key="none")


class Message(BaseModel):
    """One turn of the conversation."""

    role: Literal["system", "user", "assistant"]
    content: str = Field(min_length=1)


class ChatRequest(BaseModel):
    """The body of a request."""

    model_config = ConfigDict(extra="forbid")

    model: str
    messages: list[Message] = Field(min_length=1)
    stream: bool = False
    temperature: float | None = Field(default=None, ge=0, le=2)
    max_tokens: int | None = Field(default=None, ge=1)


@app.get("/v1/models")
async def models() -> dict[str, object]:
    """List the models."""
    return {
        "object": "list",
        "data": [
            Model(id=f"bench/{name}", object="model", created=0, owned_by="bench").model_dump()
            for name in NAMES
        ],
    }


@app.post("/v1/chat/completions")
async def chat(request: ChatRequest) -> Response:
    """Answer from the workload, or from the upstream."""
    prefix, _, name = request.model.partition("/")
    if prefix == "up":
        return await relay(request, name)
    if prefix != "bench" or name not in NAMES:
        raise HTTPException(404, f"The model {request.model!r} does not exist.")
    if request.stream:
        return StreamingResponse(events(request, name), media_type="text/event-stream")
    message = ChatCompletionMessage(
        role="assistant",
        content=await text(name, ask=request.messages[-1].content),
        refusal=None,
    )
    completion = ChatCompletion(
        id=f"chatcmpl_{uuid.uuid4().hex}",
        object="chat.completion",
        created=int(time.time()),
        model=request.model,
        choices=[Choice(index=0, finish_reason="stop", logprobs=None, message=message)],
    )
    return Response(completion.model_dump_json(exclude_unset=True), media_type="application/json")


async def events(request: ChatRequest, name: str) -> AsyncIterator[str]:
    """Give the frames of a stream."""
    identity, created = f"chatcmpl_{uuid.uuid4().hex}", int(time.time())

    def frame(delta: ChoiceDelta, finish_reason: Literal["stop"] | None = None) -> str:
        chunk = ChatCompletionChunk(
            id=identity,
            object="chat.completion.chunk",
            created=created,
            model=request.model,
            choices=[ChunkChoice(index=0, delta=delta, finish_reason=finish_reason)],
        )
        return f"data: {chunk.model_dump_json(exclude_unset=True)}\n\n"

    ask = request.messages[-1].content
    role: Literal["assistant"] | None = "assistant"
    async with aclosing(pieces(name, limit=request.max_tokens, ask=ask)) as said:
        async for piece in said:
            yield frame(
                ChoiceDelta(content=piece, role=role) if role else ChoiceDelta(content=piece)
            )
            role = None
    yield frame(ChoiceDelta(), "stop")
    yield "data: [DONE]\n\n"


async def relay(request: ChatRequest, name: str) -> Response:
    """Pass the request on by the official client, and its answer back."""
    body = request.model_dump(exclude_unset=True) | {"model": name}
    if request.stream:
        return StreamingResponse(relayed(body), media_type="text/event-stream")
    completion = await upstream.chat.completions.create(**body)
    return Response(completion.model_dump_json(exclude_unset=True), media_type="application/json")


async def relayed(body: dict[str, object]) -> AsyncIterator[str]:
    """Give the frames of the upstream's stream."""
    async with await upstream.chat.completions.create(**body) as chunks:  # type: ignore[call-overload]  # The body is what its model says.
        async for chunk in chunks:
            yield f"data: {chunk.model_dump_json(exclude_unset=True)}\n\n"
    yield "data: [DONE]\n\n"
