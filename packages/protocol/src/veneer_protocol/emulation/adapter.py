"""An adapter that has tools and structured outputs around one whose model knows neither."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from contextlib import aclosing
from typing import cast

from openai.types import Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from veneer_protocol.adapter import ProviderAdapter
from veneer_protocol.answers.derivation import assemble
from veneer_protocol.context import RequestContext
from veneer_protocol.definition import check_features
from veneer_protocol.emulation.answers import Answer
from veneer_protocol.emulation.blocks import Call
from veneer_protocol.emulation.errors import EmulationError, NotAsAskedError
from veneer_protocol.emulation.instructions import to_repair
from veneer_protocol.emulation.rewriting import go_on, needs_rewriting, rewrite
from veneer_protocol.emulation.streams import Incoming, Outgoing
from veneer_protocol.emulation.threads import in_thread
from veneer_protocol.emulation.wishes import EMULATED, Wishes, is_strict
from veneer_protocol.features import Feature
from veneer_protocol.requests.request import ChatCompletionRequest


class EmulatingAdapter(ProviderAdapter):
    """Serves the models of another adapter, with features that these do not have by themselves.

    Tools and structured outputs become instructions to the model, and what it writes by them
    becomes what the API has for it. A feature that the other adapter declares itself stays as it
    is, and so does every request that needs none of them.
    """

    def __init__(
        self, adapter: ProviderAdapter, features: Collection[str], *, repairs: bool = False
    ) -> None:
        """Put `features` around `adapter`.

        Args:
            adapter: it hands on system messages, and all messages in their order.
            features: of `tools`, `json_object` and `json_schema`.
            repairs: whether a model that answered in another form is asked once more, and told what
                was wrong, before the request fails.

        Raises:
            TypeError: one of `features` cannot be emulated, or `adapter` is no adapter.
        """
        if not isinstance(adapter, ProviderAdapter):
            raise TypeError(f"{adapter!r} is no ProviderAdapter. Give an instance of a subclass.")
        check_features(features, type(self).__qualname__)
        if others := {*features} - EMULATED:
            raise TypeError(
                f"The feature {str(min(others))!r} cannot be emulated; those that can are "
                f"{', '.join(sorted(EMULATED))}."
            )
        self.name = adapter.name
        self.features = frozenset(adapter.features) | frozenset(features)
        self.finishes_in_background = adapter.finishes_in_background
        self._adapter = adapter
        self._features = frozenset(features)
        self._repairs = repairs

    @property
    def model_prefix(self) -> str:
        """That of the other adapter."""
        return self._adapter.model_prefix

    def features_of(self, model: str) -> Collection[str]:
        """Give those of the other adapter, and what is emulated beside them."""
        return frozenset(self._adapter.features_of(model)) | self._emulated(model)

    async def startup(self) -> None:
        """Start the other adapter."""
        await self._adapter.startup()

    async def shutdown(self) -> None:
        """Stop the other adapter."""
        await self._adapter.shutdown()

    async def list_models(self, context: RequestContext) -> Sequence[Model]:
        """Give those of the other adapter."""
        return await self._adapter.list_models(context)

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        """Give what the other adapter gives or, where something is emulated, the stream joined."""
        wishes, rewritten = await self._rewritten(request)
        if not wishes.instruction:
            return await self._adapter.create_chat_completion(rewritten, context)
        return await assemble(self._answer(wishes, rewritten, context))

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        """Give what the other adapter gives, with what is emulated read out of it."""
        wishes, rewritten = await self._rewritten(request)
        answer = self._answer if wishes.instruction else self._unchanged
        async with aclosing(answer(wishes, rewritten, context)) as chunks:
            async for chunk in chunks:
                yield chunk

    def _emulated(self, model: str) -> frozenset[str]:
        native = self._adapter.features_of(model)
        # With tools of its own, of either kind, it has a way to call them.
        tools = {Feature.TOOLS} if Feature.CUSTOM_TOOLS in native else set()
        return self._features - frozenset(native) - tools

    async def _rewritten(
        self, request: ChatCompletionRequest
    ) -> tuple[Wishes, ChatCompletionRequest]:
        features = self._emulated(request.model_name)
        if not needs_rewriting(request, features):
            return Wishes(), request
        if is_strict(request, features):
            # To see whether a schema is one takes a second, where that is large.
            wishes = await in_thread(Wishes.of, request, features)
        else:
            wishes = Wishes.of(request, features)
        return wishes, rewrite(request, features, wishes.instruction)

    async def _unchanged(
        self, wishes: Wishes, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncGenerator[ChatCompletionChunk, None]:
        async with aclosing(self._chunks(request, context)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def _answer(
        self, wishes: Wishes, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncGenerator[ChatCompletionChunk, None]:
        outgoing, may_repair = Outgoing(), self._repairs
        while True:
            answer, is_left = Answer(wishes), False
            incoming = Incoming(self._adapter.features_of(request.model_name))
            async with aclosing(self._chunks(request, context)) as chunks:
                async for given in chunks:
                    for piece in incoming.take(given):
                        if answer.is_over:
                            break
                        for chunk in outgoing.chunks(piece, answer):
                            yield chunk
                        # What is held back, or long, must not hold up all others.
                        await asyncio.sleep(0)
                    if is_left := self._leaves(answer, incoming):
                        break
            last = incoming.finish(is_left=is_left)
            outgoing.count(incoming.usage)
            try:
                rest = await _rest(wishes, answer, is_whole=incoming.is_whole)
            except NotAsAskedError as error:
                if not may_repair:
                    raise EmulationError(error.reason) from error
                request = go_on(request, answer.held, to_repair(error.reason, error.detail))
                may_repair = False
                continue
            for chunk in outgoing.end(last, rest, answer):
                yield chunk
            return

    def _leaves(self, answer: Answer, incoming: Incoming) -> bool:
        """Tell whether the model need not go on. Where it said all, its usage is waited for."""
        is_enough = answer.is_over and not incoming.has_ended
        return is_enough and not self.finishes_in_background

    def _chunks(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncGenerator[ChatCompletionChunk, None]:
        given = self._adapter.stream_chat_completion(request, context)
        # That it is a generator was seen to when the class was defined.
        return cast("AsyncGenerator[ChatCompletionChunk, None]", given)


async def _rest(wishes: Wishes, answer: Answer, *, is_whole: bool) -> list[str | Call]:
    def rest() -> list[str | Call]:
        return list(answer.finish(is_whole=is_whole))

    # To look for JSON in a large answer, and to hold it against a large schema, takes a while.
    return rest() if wishes.structure is None else await in_thread(rest)
