"""A provider that says all that it was given, in every way in which an adapter can."""

import asyncio
import json
import logging
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from typing import NoReturn

from openai.types import Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from veneer_protocol import (
    ApiError,
    ChatCompletionRequest,
    InvalidRequestError,
    ProviderAdapter,
    RateLimitError,
    Reply,
    RequestContext,
    UpstreamError,
)

log = logging.getLogger("indiscreet")
_KEPT: list[object] = []


def everything(request: ChatCompletionRequest | None, context: RequestContext) -> str:
    said = "" if request is None else f"{request.to_openai()} {json.dumps(request.to_openai())}"
    return f"{dict(context.headers)} {said}"


def fail(words: str) -> NoReturn:
    raise RuntimeError(words)


def fail_from(words: str) -> NoReturn:
    try:
        fail(words)
    except RuntimeError as error:
        raise UpstreamError(f"upstream: {words}") from error


def fail_while_failing(words: str) -> NoReturn:
    try:
        fail(words)
    except RuntimeError:
        raise KeyError(words)  # noqa: B904  Its context is what is tried.


def fail_together(words: str) -> NoReturn:
    raise ExceptionGroup(words, [RuntimeError(words), ValueError(words)])


def fail_with_a_note(words: str) -> NoReturn:
    error = RuntimeError("it failed\n" + words)
    error.add_note(f"note: {words}")
    raise error


def refuse(words: str) -> NoReturn:
    raise InvalidRequestError(words, param=words, code=words)


def refuse_for_now(words: str) -> NoReturn:
    raise RateLimitError(words, retry_after_seconds=1, upstream_request_id=words)


def fail_by_name(words: str) -> NoReturn:
    error = ApiError(words, code=words)
    error.type = words
    raise error


def leave(words: str) -> NoReturn:
    raise SystemExit(words)


def cancel_itself(words: str) -> NoReturn:
    raise asyncio.CancelledError(words)


def fail_in_a_thread(words: str) -> None:
    thread = threading.Thread(target=fail, args=(words,), name="indiscreet")
    thread.start()
    thread.join()


def fail_where_nobody_looks(words: str) -> None:
    async def later() -> None:
        fail(words)

    asyncio.get_running_loop().create_task(later()).add_done_callback(lambda _: fail(words))


def fail_when_collected(words: str) -> None:
    class Careless:
        def __del__(self) -> None:
            fail(words)

    Careless()


def write_a_log(words: str) -> None:
    log.critical("asked with %s", words, extra={"given": words})
    log.debug(words)
    within: dict[object, object] = {
        words: [words, words.encode(), {words}],
        (words, 1): Exception(words),
    }
    log.error("asked", extra={"within": within, words: 1})
    log.error("%s and %s", words)  # noqa: PLE1206
    try:
        fail(words)
    except RuntimeError:
        log.exception(words)


WAYS: dict[str, Callable[[str], object]] = {
    way.__name__: way
    for way in (
        fail,
        fail_from,
        fail_while_failing,
        fail_together,
        fail_with_a_note,
        refuse,
        refuse_for_now,
        fail_by_name,
        leave,
        cancel_itself,
        fail_in_a_thread,
        fail_where_nobody_looks,
        fail_when_collected,
        write_a_log,
    )
}


class Indiscreet(ProviderAdapter):
    """Does what `x-way` names, with everything that it knows; `x-when` says when."""

    name = "indiscreet"

    async def list_models(self, context: RequestContext) -> Sequence[Model]:
        await self._talk(everything(None, context), context, "list")
        return [Model(id="indiscreet/one", object="model", created=0, owned_by="nobody")]

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        await self._talk(everything(request, context), context, "begin")
        return Reply(model=request.model).completion("hello")

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        words, reply = everything(request, context), Reply(model=request.model)
        try:
            await self._talk(words, context, "begin")
            yield reply.chunk("hello")
            await self._talk(words, context, "middle")
            yield reply.last_chunk()
        finally:
            await self._talk(words, context, "end")

    async def _talk(self, words: str, context: RequestContext, moment: str) -> None:
        context.logger.warning("at %s: %s", moment, words)
        if context.headers.get("x-when", "begin") != moment:
            return
        way = context.headers.get("x-way", "")
        if way == "hang":
            await asyncio.Event().wait()
        if way == "hang on":
            for _ in range(80):
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(0.1)
            fail(words)
        if way in WAYS:
            WAYS[way](words)


class Broken(Indiscreet):
    """Does not start."""

    name = "broken"

    async def startup(self) -> None:
        raise RuntimeError("no upstream is configured")


class Dutiful(Indiscreet):
    """Goes on where its client has left."""

    name = "dutiful"
    finishes_in_background = True


ADAPTERS = (Indiscreet, Broken, Dutiful)


def providers() -> list[ProviderAdapter]:
    return [kind() for kind in ADAPTERS]
