"""`POST /v1/chat/completions`: one answer, whole or as an event stream.

Reference: https://platform.openai.com/docs/api-reference/chat/create
"""

from collections.abc import Coroutine
from typing import Any

from veneer_gateway.background import finish, finish_stream
from veneer_gateway.caller import Caller
from veneer_gateway.connection import Answer
from veneer_gateway.driving import drive
from veneer_gateway.errors import AdapterCall, UnsupportedMediaTypeError
from veneer_gateway.exchange import Exchange
from veneer_gateway.length import Length
from veneer_gateway.registry import Registry
from veneer_gateway.settings import Settings
from veneer_gateway.streaming import EventStream
from veneer_protocol import (
    ChatCompletionRequest,
    Headers,
    ProviderAdapter,
    complete,
    open_stream,
    parse_request,
)


def chat_completions(registry: Registry, settings: Settings) -> Answer:
    """Give what answers such a request by the adapters of `registry`."""

    async def answer(exchange: Exchange, caller: Caller) -> None:
        _require_json(exchange.context.headers)
        chat = parse_request(await _body(exchange, caller, settings), registry.features_of)
        exchange.chat = chat
        exchange.mode = "stream" if chat.stream else "plain"
        adapter = registry.resolve(chat.model)
        exchange.serve_by(adapter.name)
        length = Length(settings.max_answer_bytes)
        work = _stream if chat.stream else _complete
        await work(adapter, chat, exchange, caller, length)

    return answer


async def _complete(
    adapter: ProviderAdapter,
    chat: ChatCompletionRequest,
    exchange: Exchange,
    caller: Caller,
    length: Length,
) -> None:
    span = exchange.span
    note = None if span is None else span.note_answer
    work = complete(adapter, chat, exchange.context, note=note)
    if adapter.finishes_in_background:
        work = finish(work, exchange.in_flight)
    with exchange.watch.answer(), AdapterCall():
        body = await drive(work, caller.follow)
    await exchange.answer(200, [], length.add(body))


def _stream(
    adapter: ProviderAdapter,
    chat: ChatCompletionRequest,
    exchange: Exchange,
    caller: Caller,
    length: Length,
) -> Coroutine[Any, Any, None]:
    # The stream is given, not awaited: with every chunk its task goes through all that await it.
    is_in_background = adapter.finishes_in_background
    with AdapterCall():
        source, frames = open_stream(
            adapter,
            chat,
            exchange.context,
            note=None if exchange.span is None else exchange.span.note_answer,
            in_chunks=is_in_background,
        )
    if is_in_background:
        source = finish_stream(source, exchange.in_flight, length)
    return EventStream(source, frames, exchange, caller, length).send()


def _require_json(headers: Headers) -> None:
    media_type = headers.get("content-type", "")
    if media_type != "application/json":
        media_type = media_type.partition(";")[0].strip().lower()
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


async def _body(exchange: Exchange, caller: Caller, settings: Settings) -> bytes:
    declared = exchange.context.headers.get("content-length")
    exchange.watch.expect_body()
    body = await caller.read_body(declared, settings.max_body_bytes)
    exchange.watch.note_body()
    exchange.has_body = True
    return body
