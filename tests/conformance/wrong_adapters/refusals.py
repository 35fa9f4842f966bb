"""Wrong refusals."""

import logging
from collections.abc import AsyncIterator, Sequence

import pytest
from openai.types import Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.conformance.wrong_adapters.right import Check, Right
from veneer_protocol import (
    ChatCompletionRequest,
    InvalidRequestError,
    ProviderAdapter,
    Reply,
    RequestContext,
    UpstreamError,
)


class AnswersForAnyModel(Right):
    def check(self, request: ChatCompletionRequest) -> None:
        if request.stream:
            super().check(request)


class TestAnswersForAnyModel(Check):
    wrong = AnswersForAnyModel
    breaks = "test_an_unknown_model_is_refused"


class CallsAnUnknownModelABadRequest(Right):
    def check(self, request: ChatCompletionRequest) -> None:
        if request.model_name != "one" and not request.stream:
            raise InvalidRequestError("What is that?")
        super().check(request)


class TestCallsAnUnknownModelABadRequest(Check):
    wrong = CallsAnUnknownModelABadRequest
    breaks = "test_an_unknown_model_is_refused"


class RefusesInMidStream(Right):
    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        if request.model_name != "one":
            yield Reply(model=request.model).chunk("")
        async for chunk in super().stream_chat_completion(request, context):
            yield chunk


class TestRefusesInMidStream(Check):
    wrong = RefusesInMidStream
    breaks = "test_an_unknown_model_is_refused_before_the_first_chunk"


class RefusesOnlyItsOwnClient(Right):
    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        if "user-agent" in context.headers:
            return await super().create_chat_completion(
                request.model_copy(update={"model": "right/one"}), context
            )
        return await super().create_chat_completion(request, context)


class TestRefusesOnlyItsOwnClient(Check):
    wrong = RefusesOnlyItsOwnClient
    breaks = "test_the_gateway_passes_a_refusal_on"


class LetsErrorsThrough(Right):
    def __init__(self, *, is_down: bool = False) -> None:
        self.is_down = is_down

    async def wait(self) -> None:
        if self.is_down:
            raise ConnectionRefusedError("nobody is there")
        await super().wait()


class TestLetsErrorsThrough(Check):
    wrong = LetsErrorsThrough
    breaks = "test_a_failing_upstream_is_told_as_an_error"

    @pytest.fixture
    def failing_adapter(self) -> ProviderAdapter:
        return LetsErrorsThrough(is_down=True)


class BlamesTheCaller(LetsErrorsThrough):
    async def wait(self) -> None:
        try:
            await super().wait()
        except OSError as error:
            raise InvalidRequestError("You have done something wrong.") from error


class TestBlamesTheCaller(Check):
    wrong = BlamesTheCaller
    breaks = "test_a_failing_upstream_is_told_as_an_error"

    @pytest.fixture
    def failing_adapter(self) -> ProviderAdapter:
        return BlamesTheCaller(is_down=True)


class TellsAHeaderWhenItFails(LetsErrorsThrough):
    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        try:
            return await super().create_chat_completion(request, context)
        except OSError as error:
            raise UpstreamError(f"Failed for {context.headers['authorization']}.") from error

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        if self.is_down:
            logging.getLogger("right").error("down, for %s", dict(context.headers))
            raise UpstreamError("The upstream is down.")
        async for chunk in super().stream_chat_completion(request, context):
            yield chunk


class TestTellsAHeaderWhenItFails(Check):
    wrong = TellsAHeaderWhenItFails
    breaks = "test_no_secret_is_told_where_the_upstream_fails"

    @pytest.fixture
    def failing_adapter(self) -> ProviderAdapter:
        return TellsAHeaderWhenItFails(is_down=True)


class FailsOverAConversation(Right):
    def check(self, request: ChatCompletionRequest) -> None:
        super().check(request)
        if len(request.messages) > 1:
            raise UpstreamError("One message is all that I take.")


class TestFailsOverAConversation(Check):
    wrong = FailsOverAConversation
    breaks = "test_every_valid_request_is_answered_or_refused"


class NamesTheUpstreamsModel(Right):
    def reply(self, request: ChatCompletionRequest) -> Reply:
        return Reply(model="llama-3")


class TestNamesTheUpstreamsModel(Check):
    wrong = NamesTheUpstreamsModel
    breaks = "test_the_answer_names_a_model_of_the_provider"


class ListsWhatCannotBePrinted(Right):
    async def list_models(self, context: RequestContext) -> Sequence[Model]:
        return [Model(id="right/a\nb", object="model", created=0, owned_by="right")]


class TestListsWhatCannotBePrinted(Check):
    wrong = ListsWhatCannotBePrinted
    breaks = "test_models_are_listed_below_the_prefix"
    model = "right/one"
