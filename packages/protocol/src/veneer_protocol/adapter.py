"""The contract between the gateway and a provider."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Collection, Sequence

from openai.types import Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from veneer_protocol.answers.derivation import assemble, split
from veneer_protocol.context import RequestContext
from veneer_protocol.definition import check_definition
from veneer_protocol.requests.request import ChatCompletionRequest


class ProviderAdapter(ABC):
    """One provider behind the gateway: the only thing that a new back end needs.

    Write `stream_chat_completion` or `create_chat_completion`; the other is derived from it. A
    class that cannot work is refused with a TypeError when it is defined.

    Requests are validated before they come here. Every valid request is answered or refused with an
    `ApiError`, which reaches the client with its status, type and code; any other exception is
    logged, and answered as a 500 that tells nothing. A back end that fails or does not answer is an
    `ApiError` with a status of 500 or more.

    What it declares it takes: a request for it is answered, and its answer may hold what was
    declared. Calls of tools and audio that were not declared are refused on their way out.

    The caller's headers come whole. No header is changed, and no value of one gets into a log or
    the text of an error.

    When the client leaves, the method that works for it is cancelled, or its stream closed: it lets
    that pass, tidies up in `finally`, and ends within two seconds. What a request opens, a task or
    a generator, is gone when it is over; what the adapter opens is gone after `shutdown`.

    Requests that run at the same time do not mix. The event loop is never blocked: a call that
    blocks goes into `asyncio.to_thread`.

    `veneer_protocol.conformance` tests every one of these promises, as far as tests can.
    """

    name: str
    """Names the provider in logs and in `/readyz`."""

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        check_definition(cls, ProviderAdapter)

    finishes_in_background: bool = False
    """Whether a method that has begun an answer goes on when the client leaves.

    For back ends that must not be interrupted. It is still ended where it takes longer, or says
    more, than any answer may, and when the process stops.
    """

    features: Collection[str] = frozenset()
    """What every model takes beyond the core subset: values of `Feature`, or their names.

    A request that needs a feature which is not declared is refused before it comes here.
    """

    def features_of(self, model: str) -> Collection[str]:
        """Give the features of `model`, named without its prefix; `features`, unless overridden.

        It is asked up to twice a request, for what comes and for what goes, on the event loop: it
        looks up what is known, and gives nothing for a model that it does not know. What the
        back end must be asked for, `startup` asks for: it is known before the models are listed.
        """
        return self.features

    @property
    def model_prefix(self) -> str:
        """The part of a model id before its slash; the name, unless overridden."""
        return self.name

    @abstractmethod
    async def list_models(self, context: RequestContext) -> Sequence[Model]:
        """Give the models this caller may use.

        They are listed each once, with ids of the form `<prefix>/<name>`.
        """

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        """Answer `request` as a whole; unless written, the stream put together.

        The answer has an id of its own, one choice with the assistant's message and a finish
        reason, and the types of the openai package. It says what the stream says: the same text and
        finish reason, and the same usage. The usage, where it is counted, adds up. Its `model` is
        one that the client can ask for again.

        Where more was asked for by `n`, there are as many choices. A call names a tool of the
        request; where `tool_choice` requires one there is one, and where it forbids them there is
        none. Where it names tools, these alone are called; where `parallel_tool_calls` is false,
        there is one call at most. The stream makes the same calls. An answer that is to be JSON is
        JSON, and log probabilities come where they are asked for.

        One that honours `stop` ends before the first stop sequence; one that honours the token
        limit ends there with the finish reason `length`.

        Raises:
            ModelNotFoundError: `request.model` is unknown here.
            ApiError: anything else that the client should know.
        """
        stream = self.stream_chat_completion(request, context)
        return await assemble(stream, choices=request.n or 1)

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        """Answer `request` in chunks; unless written, the whole answer taken apart.

        Write it as `async def` with `yield`. Every chunk has the types of the openai package. All
        chunks share one id, and the last one with a choice has the one finish reason. The usage, if
        it is counted, goes on that one or on one of its own without choices. A reader may take its
        time, and misses nothing.

        Raises:
            ModelNotFoundError: before the first chunk, if `request.model` is unknown here.
            ApiError: before the first chunk it is the response, later the stream's last frame.
        """
        completion = await self.create_chat_completion(request, context)
        for chunk in split(completion, choices=request.n or 1):
            yield chunk

    async def startup(self) -> None:  # noqa: B027  Most adapters have nothing to open.
        """Open what outlives a request: an HTTP client, say. Called once, before any request.

        One that raises does not serve, and is not tried again. A back end that does not answer yet
        is no reason to.
        """

    async def shutdown(self) -> None:  # noqa: B027
        """Close what `startup` opened. Called once, after the last request."""
