"""The contract between the gateway and a provider."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence

from openai.types import Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from veneer_protocol.context import RequestContext
from veneer_protocol.definition import check_definition
from veneer_protocol.derivation import assemble, split
from veneer_protocol.guard import check_completion
from veneer_protocol.request import ChatCompletionRequest


class ProviderAdapter(ABC):
    """One provider behind the gateway: the only thing that a new back end needs.

    Requests are validated before they come here; headers are not touched. An `ApiError` that a
    method raises reaches the client with its status, type and code; any other exception is logged
    and answered as a 500 that tells nothing. When the client leaves, the method that works for it
    is cancelled: tidy up in `finally`, and let the cancellation pass.

    Write `stream_chat_completion` or `create_chat_completion`; the other is derived from it. A
    class that cannot work is refused with a TypeError when it is defined.
    """

    name: str
    """Names the provider in logs and in `/readyz`."""

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        check_definition(cls, ProviderAdapter)

    finishes_in_background: bool = False
    """Whether a method that has begun an answer goes on when the client leaves.

    For back ends that must not be interrupted. The process still ends it when it stops.
    """

    @property
    def model_prefix(self) -> str:
        """The part of a model id before its slash; the name, unless overridden."""
        return self.name

    @abstractmethod
    async def list_models(self, context: RequestContext) -> Sequence[Model]:
        """Give the models this caller may use, with ids of the form `<prefix>/<name>`."""

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        """Answer `request` as a whole; unless written, the stream put together.

        Raises:
            ModelNotFoundError: `request.model` is unknown here.
            ApiError: anything else that the client should know.
        """
        return await assemble(self.stream_chat_completion(request, context))

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        """Answer `request` in chunks; unless written, the whole answer taken apart.

        Write it as `async def` with `yield`. All chunks share one id, the last has a finish
        reason. The usage, if it is counted, goes on the last or on one of its own without choices.

        Raises:
            ModelNotFoundError: before the first chunk, if `request.model` is unknown here.
            ApiError: before the first chunk it is the response, later the stream's last frame.
        """
        completion = await self.create_chat_completion(request, context)
        for chunk in split(check_completion(completion)):
            yield chunk

    async def startup(self) -> None:  # noqa: B027  Most adapters have nothing to open.
        """Open what outlives a request: an HTTP client, say. Called once, before any request."""

    async def shutdown(self) -> None:  # noqa: B027
        """Close what `startup` opened. Called once, after the last request."""
