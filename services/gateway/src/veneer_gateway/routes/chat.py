"""`POST /v1/chat/completions`: one answer, whole or as an event stream.

Reference: https://platform.openai.com/docs/api-reference/chat/create
"""

import asyncio

from quart import Blueprint, Response, request

from veneer_gateway.background import finish, finish_stream
from veneer_gateway.errors import RequestTimeoutError, UnsupportedMediaTypeError, adapter_call
from veneer_gateway.exchange import Exchange, current_exchange
from veneer_gateway.length import Length
from veneer_gateway.registry import Registry
from veneer_gateway.streaming import open_event_stream
from veneer_protocol import (
    ChatCompletionRequest,
    ProviderAdapter,
    StreamGuard,
    check_completion,
    encode_completion,
    parse_request,
)

_STREAM_HEADERS = {
    "Cache-Control": "no-cache",
    # nginx buffers a stream unless told not to.
    "X-Accel-Buffering": "no",
}


def chat_routes(
    registry: Registry, body_timeout_seconds: float, max_answer_bytes: int
) -> Blueprint:
    """Serve chat completions by the adapters of `registry`."""
    routes = Blueprint("chat", __name__)

    @routes.post("/v1/chat/completions")
    async def create_chat_completion() -> Response:
        exchange = current_exchange()
        _require_json(exchange)
        chat = parse_request(await _body(exchange, body_timeout_seconds))
        exchange.chat = exchange.redaction.chat = chat
        exchange.mode = "stream" if chat.stream else "plain"
        adapter = registry.resolve(chat.model)
        exchange.serve_by(adapter.name)
        answer = _stream if chat.stream else _complete
        return await answer(adapter, chat, exchange, Length(max_answer_bytes))

    return routes


async def _complete(
    adapter: ProviderAdapter, chat: ChatCompletionRequest, exchange: Exchange, length: Length
) -> Response:
    work = adapter.create_chat_completion(chat, exchange.context)
    with exchange.watch.answer(), adapter_call():
        if adapter.finishes_in_background:
            completion = await finish(work, exchange.in_flight)
        else:
            completion = await work
    completion = check_completion(completion)
    if exchange.span is not None:
        exchange.span.note_answer(completion)
    body = length.add(encode_completion(completion))
    return Response(body, content_type="application/json")


async def _stream(
    adapter: ProviderAdapter, chat: ChatCompletionRequest, exchange: Exchange, length: Length
) -> Response:
    options = chat.stream_options
    guard = StreamGuard(include_usage=options is not None and options.include_usage)
    chunks = adapter.stream_chat_completion(chat, exchange.context)
    if adapter.finishes_in_background:
        chunks = finish_stream(chunks, exchange.in_flight, length)
    frames = await open_event_stream(chunks, guard, exchange, length)
    response = Response(
        frames, content_type="text/event-stream; charset=utf-8", headers=_STREAM_HEADERS
    )
    # Quart would cut the stream in silence after a minute.
    response.timeout = None
    return response


def _require_json(exchange: Exchange) -> None:
    headers = exchange.context.headers
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    # Neither value is quoted in the error: none of a header ever is.
    # A missing type is refused too: a web page may send such a body to a gateway on its visitor's
    # network without asking first.
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise UnsupportedMediaTypeError(
            "This content type is not taken. Send the body as 'content-type: application/json'."
        )
    if headers.get("content-encoding", "identity").strip().lower() != "identity":
        raise UnsupportedMediaTypeError(
            "This content encoding is not taken. Send the body as it is."
        )


async def _body(exchange: Exchange, timeout_seconds: float) -> bytes:
    # Not get_data(): on Python 3.11 its wait_for loses the cancellation of a client that leaves
    # as soon as the body is there, and the adapter would work for nobody.
    began = exchange.watch.seconds
    try:
        async with asyncio.timeout(timeout_seconds):
            body: bytes = await request.body
    except TimeoutError:
        raise RequestTimeoutError(
            f"The request body did not arrive within {timeout_seconds:g} s."
        ) from None
    exchange.body_seconds = exchange.watch.seconds - began
    request.body.clear()  # A stream may be open for long, and needs it no more.
    return body
