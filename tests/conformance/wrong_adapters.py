"""A right adapter, and many that are wrong in one thing; each names the test that is to fail.

Run by test_wrong_adapters.py, in a pytest of its own.
"""

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from typing import Any, ClassVar

import pytest
from openai.types import Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from veneer_protocol import (
    ChatCompletionRequest,
    Headers,
    InvalidRequestError,
    ModelNotFoundError,
    ProviderAdapter,
    Reply,
    RequestContext,
    UpstreamError,
    usage,
)
from veneer_protocol.conformance import AdapterConformance


class Right(ProviderAdapter):
    """Says the question back, word by word, and waits a moment before each."""

    name = "right"

    async def list_models(self, context: RequestContext) -> Sequence[Model]:
        return [Model(id="right/one", object="model", created=0, owned_by="right")]

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        self.check(request)
        await self.wait()
        words, reason = self.words(request)
        return self.reply(request).completion(
            "".join(words), finish_reason=reason, usage=self.count(words)
        )

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        self.check(request)
        await self.wait()
        reply = self.reply(request)
        words, reason = self.words(request)
        for word in words:
            yield reply.chunk(word)
            await self.wait()
        yield reply.last_chunk(finish_reason=reason, usage=self.count(words))

    def check(self, request: ChatCompletionRequest) -> None:
        if request.model_name != "one":
            raise ModelNotFoundError(request.model)

    def reply(self, request: ChatCompletionRequest) -> Reply:
        return Reply(model=request.model)

    async def wait(self) -> None:
        await asyncio.sleep(0)

    def words(self, request: ChatCompletionRequest) -> tuple[list[str], Any]:
        text = f"You said: {request.last_user_text or 'nothing'} So I have heard."
        for stop in self.stops(request):
            text = text.partition(stop)[0]
        words = [f"{word} " for word in text.split(" ")]
        words[-1] = words[-1][:-1]
        limit = self.limit(request)
        return (words, "stop") if limit is None else (words[:limit], "length")

    def stops(self, request: ChatCompletionRequest) -> Sequence[str]:
        return request.stop_sequences

    def limit(self, request: ChatCompletionRequest) -> int | None:
        return request.token_limit

    def count(self, words: list[str]) -> Any:
        return usage(3, len(words))


class Check(AdapterConformance):
    breaks: ClassVar[str]
    wrong: ClassVar[type[ProviderAdapter]]
    honours_stop = True
    honours_token_limit = True
    timeout_seconds = 1

    @pytest.fixture
    def adapter(self) -> ProviderAdapter:
        return self.wrong()


class TestRight(Check):
    wrong = Right
    breaks = ""


# Models and answers.


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


# Refusals.


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


# Headers.


class Sees(Right):
    """Looks at the headers of every request."""

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        self.see(context.headers, request)
        return await super().create_chat_completion(request, context)

    def see(self, headers: Headers, request: ChatCompletionRequest) -> None:
        raise NotImplementedError


class TakesAHeaderOut(Sees):
    def see(self, headers: Headers, request: ChatCompletionRequest) -> None:
        headers.raw = tuple(pair for pair in headers.raw if pair[0] != b"authorization")


class TestTakesAHeaderOut(Check):
    wrong = TakesAHeaderOut
    breaks = "test_headers_are_left_as_they_came"


class LogsAHeader(Sees):
    def see(self, headers: Headers, request: ChatCompletionRequest) -> None:
        logging.getLogger("right").debug("asked with %s", dict(headers))


class TestLogsAHeader(Check):
    wrong = LogsAHeader
    breaks = "test_no_secret_gets_into_a_log"


class LogsATenant(Sees):
    def see(self, headers: Headers, request: ChatCompletionRequest) -> None:
        logging.getLogger("right").info("asked by %s", headers["x-tenant-token"])


class TestLogsATenant(Check):
    wrong = LogsATenant
    breaks = "test_no_secret_gets_into_a_log"
    headers: ClassVar = {"X-Tenant-Token": "tenant-token-7"}


class LogsAHeaderBesideTheMessage(Sees):
    def see(self, headers: Headers, request: ChatCompletionRequest) -> None:
        logging.getLogger("right").info("asked", extra={"key": headers["x-api-key"]})


class TestLogsAHeaderBesideTheMessage(Check):
    wrong = LogsAHeaderBesideTheMessage
    breaks = "test_no_secret_gets_into_a_log"


class PrintsAHeader(Sees):
    def see(self, headers: Headers, request: ChatCompletionRequest) -> None:
        print(headers["cookie"])


class TestPrintsAHeader(Check):
    wrong = PrintsAHeader
    breaks = "test_no_secret_gets_into_a_log"


class TellsAHeader(Sees):
    def see(self, headers: Headers, request: ChatCompletionRequest) -> None:
        if request.model_name != "one":
            error = ModelNotFoundError(request.model)
            error.message += f" Not for {headers['authorization']}."
            raise error


class TestTellsAHeader(Check):
    wrong = TellsAHeader
    breaks = "test_no_secret_gets_into_an_error"


# Cancellation, and what is left behind.


class SwallowsInPlainRequests(Right):
    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        with suppress(asyncio.CancelledError):
            await self.wait()
        return await super().create_chat_completion(request, context)


class TestSwallowsInPlainRequests(Check):
    wrong = SwallowsInPlainRequests
    breaks = "test_a_cancelled_plain_request_ends"


class TurnsItIntoAnError(Right):
    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        try:
            return await super().create_chat_completion(request, context)
        except asyncio.CancelledError as error:
            raise UpstreamError("The upstream has hung up.") from error


class TestTurnsItIntoAnError(Check):
    wrong = TurnsItIntoAnError
    breaks = "test_a_cancelled_plain_request_ends"


class TakesItsTime(Right):
    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        try:
            return await super().create_chat_completion(request, context)
        except asyncio.CancelledError:
            await asyncio.sleep(60)
            raise


class TestTakesItsTime(Check):
    wrong = TakesItsTime
    breaks = "test_a_cancelled_plain_request_ends"


class SwallowsBeforeTheFirstChunk(Right):
    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        with suppress(asyncio.CancelledError):
            await self.wait()
        async for chunk in super().stream_chat_completion(request, context):
            yield chunk


class TestSwallowsBeforeTheFirstChunk(Check):
    wrong = SwallowsBeforeTheFirstChunk
    breaks = "test_a_stream_cancelled_before_its_first_chunk_ends"


class SwallowsInMidStream(Right):
    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        async for chunk in super().stream_chat_completion(request, context):
            yield chunk
            with suppress(asyncio.CancelledError):
                await self.wait()


class TestSwallowsInMidStream(Check):
    wrong = SwallowsInMidStream
    breaks = "test_a_stream_cancelled_after_its_first_chunk_ends"


class SpeaksWhenClosed(Right):
    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        async for chunk in super().stream_chat_completion(request, context):
            try:
                yield chunk
            except GeneratorExit:
                yield chunk


class TestSpeaksWhenClosed(Check):
    wrong = SpeaksWhenClosed
    breaks = "test_a_stream_closed_between_two_chunks_ends"


class IgnoresTheClient(Right):
    """Is cancelled at once when it is asked for directly, and never where others are served."""

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        if "content-length" in context.headers and "user-agent" not in context.headers:
            until = asyncio.get_running_loop().time() + 4
            while (left := until - asyncio.get_running_loop().time()) > 0:
                with suppress(asyncio.CancelledError):
                    await asyncio.sleep(left)
        return await super().create_chat_completion(request, context)


class TestIgnoresTheClient(Check):
    wrong = IgnoresTheClient
    breaks = "test_the_work_ends_when_the_client_leaves"


class LeavesATask(Right):
    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[Any]] = []

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        self.tasks.append(asyncio.create_task(asyncio.sleep(60)))
        return await super().create_chat_completion(request, context)

    async def shutdown(self) -> None:
        for task in self.tasks:
            task.cancel()


class TestLeavesATask(Check):
    wrong = LeavesATask
    breaks = "test_a_request_leaves_nothing_behind"


class LeavesATaskWhereItRefuses(LeavesATask):
    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        if request.model_name == "one":
            return await Right.create_chat_completion(self, request, context)
        return await super().create_chat_completion(request, context)


class TestLeavesATaskWhereItRefuses(Check):
    wrong = LeavesATaskWhereItRefuses
    breaks = "test_a_request_leaves_nothing_behind"


class LeavesAGenerator(Right):
    def __init__(self) -> None:
        self.generators: list[AsyncIterator[Any]] = []

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        chunks = super().stream_chat_completion(request, context)
        self.generators.append(chunks)
        async for chunk in chunks:
            yield chunk


class TestLeavesAGenerator(Check):
    wrong = LeavesAGenerator
    breaks = "test_a_request_leaves_nothing_behind"


class NeverRests(Right):
    async def startup(self) -> None:
        self.heart = asyncio.create_task(asyncio.sleep(3600))


class TestNeverRests(Check):
    wrong = NeverRests
    breaks = "test_the_adapter_leaves_nothing_behind"


class NeverHangsUp(Right):
    async def startup(self) -> None:
        self.line = socket.socketpair()


class TestNeverHangsUp(Check):
    wrong = NeverHangsUp
    breaks = "test_the_adapter_leaves_nothing_behind"

    @pytest.fixture
    def adapter(self) -> Iterator[ProviderAdapter]:
        adapter = NeverHangsUp()
        yield adapter
        for end in adapter.line:
            end.close()


# Side by side.


class MixesRequestsUp(Right):
    request: ChatCompletionRequest

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        self.check(request)
        self.request = request
        await asyncio.sleep(0.05)
        return await super().create_chat_completion(self.request, context)


class TestMixesRequestsUp(Check):
    wrong = MixesRequestsUp
    breaks = "test_requests_at_the_same_time_do_not_mix"


class DropsWhatIsNotRead(Right):
    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        queue: asyncio.Queue[ChatCompletionChunk | BaseException | None] = asyncio.Queue(2)

        async def produce() -> None:
            try:
                async for chunk in super_stream:
                    last = chunk.choices[0].finish_reason is not None
                    if last:
                        await queue.put(chunk)
                    else:
                        with suppress(asyncio.QueueFull):
                            queue.put_nowait(chunk)
                    await asyncio.sleep(0)
                await queue.put(None)
            except ModelNotFoundError as error:
                await queue.put(error)

        super_stream = super().stream_chat_completion(request, context)
        producer = asyncio.create_task(produce())
        try:
            while (item := await queue.get()) is not None:
                if isinstance(item, BaseException):
                    raise item
                yield item
        finally:
            producer.cancel()
            with suppress(asyncio.CancelledError):
                await producer


class TestDropsWhatIsNotRead(Check):
    wrong = DropsWhatIsNotRead
    breaks = "test_a_slow_reader_misses_nothing"


class Blocks(Right):
    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        time.sleep(0.001)  # noqa: ASYNC251
        return await super().create_chat_completion(request, context)


class TestBlocks(Check):
    wrong = Blocks
    breaks = "test_the_event_loop_is_never_blocked"


class BlocksWhereItRefuses(Right):
    def check(self, request: ChatCompletionRequest) -> None:
        if request.model_name != "one":
            time.sleep(0.001)
        super().check(request)


class TestBlocksWhereItRefuses(Check):
    wrong = BlocksWhereItRefuses
    breaks = "test_the_event_loop_is_never_blocked"


class BlocksOnASocket(Right):
    """Asks its upstream as if there were no event loop, and makes an error of any failure."""

    def ask(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server, socket.socket() as line:
            try:
                line.connect(server.getsockname())
            except Exception as error:
                raise UpstreamError("The upstream cannot be reached.") from error

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        self.ask()
        async for chunk in super().stream_chat_completion(request, context):
            yield chunk


class TestBlocksOnASocket(Check):
    wrong = BlocksOnASocket
    breaks = "test_the_event_loop_is_never_blocked"


# Limits.


class IgnoresStop(Right):
    def stops(self, request: ChatCompletionRequest) -> Sequence[str]:
        return ()


class TestIgnoresStop(Check):
    wrong = IgnoresStop
    breaks = "test_stop_ends_the_answer"


class KeepsTheStopSequence(Right):
    def words(self, request: ChatCompletionRequest) -> tuple[list[str], Any]:
        words, reason = super().words(request)
        return [*words, *self.stops(request)[:1]], reason


class TestKeepsTheStopSequence(Check):
    wrong = KeepsTheStopSequence
    breaks = "test_stop_ends_the_answer"


class IgnoresTheLimit(Right):
    def limit(self, request: ChatCompletionRequest) -> int | None:
        return None


class TestIgnoresTheLimit(Check):
    wrong = IgnoresTheLimit
    breaks = "test_the_token_limit_ends_the_answer"


class KnowsOnlyTheOldLimit(Right):
    def limit(self, request: ChatCompletionRequest) -> int | None:
        return request.max_tokens


class TestKnowsOnlyTheOldLimit(Check):
    wrong = KnowsOnlyTheOldLimit
    breaks = "test_the_token_limit_ends_the_answer"
