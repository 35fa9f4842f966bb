"""Wrong models and answers."""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from openai.types import Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.conformance.wrong_adapters.right import Check, Right
from veneer_protocol import (
    ChatCompletionRequest,
    Reply,
    RequestContext,
    UpstreamError,
    usage,
)


class ListsAnothersModels(Right):
    async def list_models(self, context: RequestContext) -> Sequence[Model]:
        return [Model(id="other/one", object="model", created=0, owned_by="other")]


class TestListsAnothersModels(Check):
    wrong = ListsAnothersModels
    breaks = "test_models_are_listed_below_the_prefix"
    model = "right/one"


class ListsNothing(Right):
    async def list_models(self, context: RequestContext) -> Sequence[Model]:
        return []


class TestListsNothing(Check):
    wrong = ListsNothing
    breaks = "test_models_are_listed_below_the_prefix"
    model = "right/one"


class ListsTwice(Right):
    async def list_models(self, context: RequestContext) -> Sequence[Model]:
        return [*await super().list_models(context), *await super().list_models(context)]


class TestListsTwice(Check):
    wrong = ListsTwice
    breaks = "test_no_model_is_listed_twice"


class ListsOthersEachTime(Right):
    lists = 0

    async def list_models(self, context: RequestContext) -> Sequence[Model]:
        self.lists += 1
        return [
            Model(id=f"right/{self.lists}", object="model", created=0, owned_by="right"),
        ]


class TestListsOthersEachTime(Check):
    wrong = ListsOthersEachTime
    breaks = "test_the_gateway_lists_the_models"
    model = "right/one"


class InventsFinishReasons(Right):
    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        answer = await super().create_chat_completion(request, context)
        answer.choices[0].finish_reason = "eos"  # type: ignore[assignment]
        return answer


class TestInventsFinishReasons(Check):
    wrong = InventsFinishReasons
    breaks = "test_a_plain_request_is_answered"


class TellsTheTimeInFractions(Right):
    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        answer = await super().create_chat_completion(request, context)
        answer.created = 1.5  # type: ignore[assignment]
        return answer


class TestTellsTheTimeInFractions(Check):
    wrong = TellsTheTimeInFractions
    breaks = "test_a_plain_request_is_answered"


class Respells(Right):
    """Changes the chunks of the right stream."""

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        number = 0
        async for chunk in super().stream_chat_completion(request, context):
            for other in self.respell(chunk, number):
                yield other
            number += 1

    def respell(self, chunk: ChatCompletionChunk, number: int) -> Iterator[Any]:
        raise NotImplementedError


class SpeaksAsUser(Respells):
    def respell(self, chunk: ChatCompletionChunk, number: int) -> Iterator[Any]:
        chunk.choices[0].delta.role = "user"
        yield chunk


class TestSpeaksAsUser(Check):
    wrong = SpeaksAsUser
    breaks = "test_a_stream_is_made_of_chunks"


class ChangesItsId(Respells):
    def respell(self, chunk: ChatCompletionChunk, number: int) -> Iterator[Any]:
        chunk.id = f"chatcmpl_{number}"
        yield chunk


class TestChangesItsId(Check):
    wrong = ChangesItsId
    breaks = "test_the_chunks_of_a_stream_share_one_id"


class NeverFinishes(Respells):
    def respell(self, chunk: ChatCompletionChunk, number: int) -> Iterator[Any]:
        if chunk.choices[0].finish_reason is None:
            yield chunk


class TestNeverFinishes(Check):
    wrong = NeverFinishes
    breaks = "test_a_stream_ends_with_its_one_finish_reason"


class GoesOnAfterItsFinish(Respells):
    def respell(self, chunk: ChatCompletionChunk, number: int) -> Iterator[Any]:
        yield chunk
        if chunk.choices[0].finish_reason is not None:
            yield Reply(model=chunk.model, id=chunk.id).chunk("One more thing.")


class TestGoesOnAfterItsFinish(Check):
    wrong = GoesOnAfterItsFinish
    breaks = "test_a_stream_ends_with_its_one_finish_reason"


class FinishesTwice(Respells):
    def respell(self, chunk: ChatCompletionChunk, number: int) -> Iterator[Any]:
        yield chunk
        if chunk.choices[0].finish_reason is not None:
            yield chunk


class TestFinishesTwice(Check):
    wrong = FinishesTwice
    breaks = "test_a_stream_ends_with_its_one_finish_reason"


class SaysMoreInAStream(Respells):
    def respell(self, chunk: ChatCompletionChunk, number: int) -> Iterator[Any]:
        if chunk.choices[0].finish_reason is not None:
            yield Reply(model=chunk.model, id=chunk.id).chunk(" ")
        yield chunk


class TestSaysMoreInAStream(Check):
    wrong = SaysMoreInAStream
    breaks = "test_both_modes_say_the_same"
    honours_stop = honours_token_limit = False


class DoesNotCountItsStreams(Respells):
    def respell(self, chunk: ChatCompletionChunk, number: int) -> Iterator[Any]:
        chunk.usage = None
        yield chunk


class TestDoesNotCountItsStreams(Check):
    wrong = DoesNotCountItsStreams
    breaks = "test_both_modes_count_the_same_usage"


class CountsWrong(Right):
    def count(self, words: list[str]) -> Any:
        counted = usage(3, len(words))
        counted.total_tokens = len(words)
        return counted


class TestCountsWrong(Check):
    wrong = CountsWrong
    breaks = "test_the_usage_adds_up"


class HasOneIdForAll(Right):
    def reply(self, request: ChatCompletionRequest) -> Reply:
        return Reply(model=request.model, id="chatcmpl_1")


class TestHasOneIdForAll(Check):
    wrong = HasOneIdForAll
    breaks = "test_no_two_answers_have_one_id"


class ReadsOnlyStrings(Right):
    def check(self, request: ChatCompletionRequest) -> None:
        super().check(request)
        for message in request.messages:
            message.content.upper()  # type: ignore[union-attr]


class TestReadsOnlyStrings(Check):
    wrong = ReadsOnlyStrings
    breaks = "test_every_valid_request_is_answered_or_refused"


class WantsAUser(Right):
    def check(self, request: ChatCompletionRequest) -> None:
        super().check(request)
        next(message for message in request.messages if message.role == "user")


class TestWantsAUser(Check):
    wrong = WantsAUser
    breaks = "test_every_valid_request_is_answered_or_refused"


class KnowsOnlyItsOwnClient(Right):
    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        if "user-agent" in context.headers:
            raise UpstreamError("Who are you?")
        return await super().create_chat_completion(request, context)


class TestKnowsOnlyItsOwnClient(Check):
    wrong = KnowsOnlyItsOwnClient
    breaks = "test_the_gateway_passes_the_answer_on"
