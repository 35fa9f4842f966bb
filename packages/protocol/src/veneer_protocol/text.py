"""An adapter of one method, for a back end that says text."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from typing import TypeGuard, cast

from openai.types import Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import TypeAdapter

from veneer_protocol.adapter import ProviderAdapter
from veneer_protocol.answers.derivation import join
from veneer_protocol.answers.guard import check_piece
from veneer_protocol.answers.replies import Reply
from veneer_protocol.context import RequestContext
from veneer_protocol.errors import ModelNotFoundError
from veneer_protocol.requests.request import ChatCompletionRequest

_MODELS = TypeAdapter(list[Model])


class TextAdapter(ProviderAdapter, ABC):
    """Serves `models` with what `generate` says; all else is derived."""

    models: Sequence[str]
    """The names of the models, without the prefix."""

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        names_itself = cls.__init__ is not TextAdapter.__init__
        lists_itself = cls.list_models is not TextAdapter.list_models
        if not (ABC in cls.__bases__ or hasattr(cls, "models") or names_itself or lists_itself):
            raise TypeError(
                f'{cls.__qualname__} has no models: write `models = ("chat-1",)` in the class.'
            )

    @abstractmethod
    def generate(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[str]:
        """Say the answer, piece by piece; the end of the pieces is the end of the answer.

        Write it as `async def` with `yield`.

        Raises:
            ApiError: anything that the client should know.
        """

    async def list_models(self, context: RequestContext) -> Sequence[Model]:
        """Give `models`."""
        # All at once, which takes half the time of one after the other. They are not kept: what a
        # subclass changes in them for one caller must not be seen by the next.
        shared = {"object": "model", "created": 0, "owned_by": self.name}
        return _MODELS.validate_python(
            [{"id": f"{self.model_prefix}/{name}", **shared} for name in self.models]
        )

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        """Give all pieces in one."""
        if not only_generates(self):
            return await super().create_chat_completion(request, context)
        return Reply(model=request.model).completion(await whole_text(self, request, context))

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        """Give each piece as a chunk."""
        self.check_model(request)
        reply = Reply(model=request.model)
        # That it is a generator was seen to when the class was defined.
        said = cast("AsyncGenerator[str, None]", self.generate(request, context))
        async with aclosing(said) as pieces:
            async for piece in pieces:
                if check_piece(piece):
                    yield reply.chunk(piece)
                else:  # One that says nothing without end must not hold up all others.
                    await asyncio.sleep(0)
        yield reply.last_chunk()

    def check_model(self, request: ChatCompletionRequest) -> None:
        """See that the model of `request` is one of `models`.

        Raises:
            ModelNotFoundError: it is not.
        """
        if request.model_name not in self.models:
            raise ModelNotFoundError(request.model)


async def whole_text(
    adapter: TextAdapter, request: ChatCompletionRequest, context: RequestContext
) -> str:
    """Give all that `adapter` generates, in one.

    Raises:
        ApiError: what it raises, or that it is no text or too long.
    """
    adapter.check_model(request)
    said = cast("AsyncGenerator[str, None]", adapter.generate(request, context))
    async with aclosing(said) as pieces:
        return await join(pieces)


def only_joins(adapter: ProviderAdapter) -> TypeGuard[TextAdapter]:
    """Tell whether a whole answer of `adapter` is what its `generate` says, joined."""
    return (
        only_generates(adapter)
        and type(adapter).create_chat_completion is TextAdapter.create_chat_completion
    )


def only_generates(adapter: ProviderAdapter) -> TypeGuard[TextAdapter]:
    """Tell whether what `adapter` streams is what its `generate` says, and nothing else."""
    return (
        isinstance(adapter, TextAdapter)
        and type(adapter).stream_chat_completion is TextAdapter.stream_chat_completion
    )
