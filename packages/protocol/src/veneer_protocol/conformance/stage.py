"""An adapter on an event loop of its own, where every step of it can be watched."""

import asyncio
import gc
import sys
import weakref
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Generator,
    Mapping,
)
from contextlib import aclosing
from types import AsyncGeneratorType
from typing import Any, Self, TypeVar, cast

import pytest
from openai.types import Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from veneer_protocol.adapter import ProviderAdapter
from veneer_protocol.conformance.asking import NOTHING, Fields, chat_request
from veneer_protocol.context import Headers, RequestContext
from veneer_protocol.errors import ApiError

T = TypeVar("T")

CANCEL_SECONDS = 2
"""How long a method may take to end when it is cancelled."""
_MOST_SUSPENSIONS = 8

# Loops with a task that cannot be ended; letting go of one would only add noise to the failure.
_STUCK: list[asyncio.AbstractEventLoop] = []


class Stage:
    """A started adapter, asked directly; each method takes at most `timeout_seconds`."""

    def __init__(
        self,
        adapter: ProviderAdapter,
        headers: Mapping[str, str],
        model: str | None,
        timeout_seconds: float,
    ) -> None:
        self.adapter = adapter
        self.headers = headers
        self._model = model
        self._timeout_seconds = timeout_seconds
        self._loop = asyncio.new_event_loop()
        self._is_stuck = False
        self._generators: weakref.WeakSet[AsyncGeneratorType[Any, Any]] = weakref.WeakSet()
        self._before: set[object] = set()

    def start(self) -> None:
        """Start the adapter."""
        self.run(self.adapter.startup(), "startup()")

    def stop(self, *, patience_seconds: float = 0) -> set[asyncio.Task[Any]]:
        """Stop the adapter, and give the tasks that it leaves behind after some patience."""
        if self._is_stuck:
            return set()
        try:
            self.run(self.adapter.shutdown(), "shutdown()")
            self._before = set()
            self._settle(patience_seconds)
            left = asyncio.all_tasks(self._loop)
            self.run(self._end(left), "what shutdown() left behind")
            return left
        finally:
            if not self._is_stuck:
                self._loop.run_until_complete(self._loop.shutdown_asyncgens())
                self._loop.run_until_complete(self._loop.shutdown_default_executor())
                self._loop.close()

    @property
    def context(self) -> RequestContext:
        """What comes with a request."""
        return RequestContext(headers=Headers(self.headers), request_id="req_conformance")

    @property
    def model(self) -> str:
        """The model that is asked: the one that was set, or the first that is listed."""
        if self._model is None:
            listed = self.list_models()
            if not listed:
                pytest.fail("no model is listed, and `model` is not set", pytrace=False)
            self._model = listed[0].id
        return self._model

    @property
    def features(self) -> Collection[str]:
        """What is declared for the model that is asked."""
        return self.features_of(self.model)

    @property
    def any_model(self) -> str:
        """The model that is asked, or any name where the models cannot be listed."""
        try:
            return self.model
        except ApiError:
            return self.unknown_model

    @property
    def unknown_model(self) -> str:
        """One that nobody serves."""
        return f"{self.adapter.model_prefix}/no-such-model"

    def list_models(self) -> list[Model]:
        """Ask for the models."""
        return list(self.run(self.adapter.list_models(self.context), "list_models()"))

    def complete(self, fields: Fields = NOTHING) -> ChatCompletion:
        """Ask for a whole answer."""
        return self.run(self._completion(fields), "create_chat_completion()")

    def stream(self, fields: Fields = NOTHING, *, pauses: int = 0) -> list[ChatCompletionChunk]:
        """Ask for a stream and read it to its end, with a pause after each chunk."""

        async def ask() -> list[ChatCompletionChunk]:
            async with aclosing(given) as chunks:
                return await _read(chunks, pauses)

        given = self._chunks(fields)
        return self.run(ask(), "stream_chat_completion()")

    def first_chunk(self, fields: Fields) -> ChatCompletionChunk:
        """Ask for a stream, and read no more than its first chunk."""

        async def ask() -> ChatCompletionChunk:
            async with aclosing(given) as chunks:
                return await anext(chunks)

        given = self._chunks(fields)
        return self.run(ask(), "the first chunk")

    def run(self, work: Coroutine[Any, Any, T], what: str) -> T:
        """Run `work` to its end, and fail if it does not come to one."""
        task = self._loop.create_task(self._tracked(work))
        self._loop.run_until_complete(asyncio.wait({task}, timeout=self._timeout_seconds))
        if not task.done():
            task.cancel()
            self._loop.run_until_complete(asyncio.wait({task}, timeout=CANCEL_SECONDS))
            if not task.done():
                self._is_stuck = True
                _STUCK.append(self._loop)
            pytest.fail(f"{what} did not end within {self._timeout_seconds:g} s", pytrace=False)
        return task.result()

    def interrupt_completion(self) -> None:
        """Cancel plain requests, each where it waits for something."""

        async def ask(steps: _Steps) -> None:
            await steps.of(self._completion())

        self._interrupt(ask, "a plain request")

    def interrupt_first_chunk(self) -> None:
        """Cancel streams, each where it waits for something before its first chunk."""

        async def ask(steps: _Steps) -> None:
            async with aclosing(self._chunks()) as chunks:
                await steps.of(anext(chunks))

        self._interrupt(ask, "a stream before its first chunk")

    def interrupt_stream(self) -> None:
        """Cancel streams, each where it waits for something after its first chunk."""

        async def ask(steps: _Steps) -> None:
            async with aclosing(self._chunks()) as chunks:
                await anext(chunks)
                await steps.of(_read(chunks))

        self._interrupt(ask, "a stream after its first chunk")

    def close_stream(self) -> None:
        """Close a stream between two chunks, as is done when its client leaves."""

        async def leave() -> None:
            await anext(chunks)
            async with asyncio.timeout(CANCEL_SECONDS):
                await chunks.aclose()

        chunks = self._chunks()
        self.run(leave(), "closing a stream")

    def remember_what_is_open(self) -> None:
        """Take what is open now for the adapter's own, which lasts until it is stopped."""
        self._settle()
        self._before = self._open()

    def leftovers(self) -> list[str]:
        """Name the tasks and generators that have been opened since, and are still open."""
        self._settle()
        return sorted(_named(one) for one in self._open() - self._before)

    def _completion(self, fields: Fields = NOTHING) -> Coroutine[Any, Any, ChatCompletion]:
        request = chat_request({"model": self.model, **fields}, self.features_of)
        return self.adapter.create_chat_completion(request, self.context)

    def _chunks(self, fields: Fields = NOTHING) -> AsyncGenerator[ChatCompletionChunk, None]:
        fields = {"model": self.model, "stream": True, **fields}
        request = chat_request(fields, self.features_of)
        chunks = self.adapter.stream_chat_completion(request, self.context)
        # That it is a generator was seen to when the class was defined.
        return cast("AsyncGenerator[ChatCompletionChunk, None]", chunks)

    def features_of(self, model: str) -> Collection[str]:
        """What is declared for `model`, named with its prefix."""
        return self.adapter.features_of(model.partition("/")[2])

    async def _tracked(self, work: Awaitable[T]) -> T:
        """Await `work`, and keep an eye on the generators that it opens."""
        hooks = sys.get_asyncgen_hooks()

        def on_first_step(generator: AsyncGenerator[Any, Any]) -> None:
            self._generators.add(cast("AsyncGeneratorType[Any, Any]", generator))
            if hooks.firstiter is not None:
                hooks.firstiter(generator)

        # The loop puts its own hooks back when it stops.
        sys.set_asyncgen_hooks(firstiter=on_first_step)
        return await work

    def _interrupt(self, ask: Callable[["_Steps"], Coroutine[Any, Any, None]], what: str) -> None:
        whole = _Steps()
        self._model = self.model  # Found out before the loop runs.
        self.run(ask(whole), what)
        for number in _spread(whole.suspensions):
            steps = _Steps(cancel_at=number)
            where = f"{what}, cancelled where it waits for the {number}. time,"
            try:
                self.run(ask(steps), where)
            except asyncio.CancelledError:
                if (took := self._loop.time() - steps.cancelled_at) > CANCEL_SECONDS:
                    pytest.fail(f"{where} took {took:.1f} s to end", pytrace=False)
            except Exception as error:
                raise AssertionError(
                    f"{where} raised {type(error).__qualname__} in place of CancelledError"
                ) from error
            else:
                # How often it waits for an upstream is not the same each time.
                if steps.was_cancelled:
                    pytest.fail(f"{where} went on as if nothing had happened", pytrace=False)

    def _open(self) -> set[object]:
        generators = {one for one in self._generators if one.ag_frame is not None}
        return {*asyncio.all_tasks(self._loop), *generators}

    def _settle(self, seconds: float = CANCEL_SECONDS) -> None:
        """Let what has ended be seen to have ended."""

        async def wait() -> None:
            deadline = self._loop.time() + seconds
            mine = {asyncio.current_task()}
            # Nobody tells when a task or a generator is gone.
            while self._open() - self._before - mine and self._loop.time() < deadline:
                gc.collect()
                await asyncio.sleep(0.01)

        self._loop.run_until_complete(wait())

    async def _end(self, tasks: set[asyncio.Task[Any]]) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Steps:
    """Counts where an awaitable suspends, and can cancel its task right there."""

    def __init__(self, cancel_at: int = 0) -> None:
        self.suspensions = 0
        self.was_cancelled = False
        self.cancelled_at = 0.0
        self._cancel_at = cancel_at
        self._work: Awaitable[object]

    def of(self, work: Awaitable[object]) -> Self:
        """Take `work` to await."""
        self._work = work
        return self

    def __await__(self) -> Generator[Any, Any, None]:
        steps = self._work.__await__()
        thrown: BaseException | None = None
        while True:
            try:
                waited_for = next(steps) if thrown is None else steps.throw(thrown)
            except StopIteration:
                return
            self.suspensions += 1
            if self.suspensions == self._cancel_at:
                self._cancel()
            thrown = None
            try:
                yield waited_for
            except BaseException as error:  # noqa: BLE001  Handed on.
                thrown = error

    def _cancel(self) -> None:
        loop = asyncio.get_running_loop()
        self.was_cancelled, self.cancelled_at = True, loop.time()
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        # Called before anything that the task waits for can be there.
        loop.call_soon(task.cancel)


async def _read(
    chunks: AsyncIterator[ChatCompletionChunk], pauses: int = 0
) -> list[ChatCompletionChunk]:
    read: list[ChatCompletionChunk] = []
    async for chunk in chunks:
        read.append(chunk)
        for _ in range(pauses):
            await asyncio.sleep(0)
    return read


def _spread(count: int) -> list[int]:
    """Give some of the numbers from 1 to `count`, the first and the last among them."""
    if count <= _MOST_SUSPENSIONS:
        return list(range(1, count + 1))
    gap = (count - 1) / (_MOST_SUSPENSIONS - 1)
    return sorted({round(1 + gap * number) for number in range(_MOST_SUSPENSIONS)})


def _named(one: object) -> str:
    if isinstance(one, asyncio.Task):
        return f"the task {one.get_coro()!r}"
    return f"the generator {one!r}"
