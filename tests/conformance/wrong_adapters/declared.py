"""Wrong answers to what was declared."""

from collections.abc import AsyncIterator, Collection, Sequence
from typing import Any

from openai.types import Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionTokenLogprob

from tests.conformance.wrong_adapters.right import Check, Right
from veneer_protocol import (
    ChatCompletionRequest,
    Feature,
    InvalidRequestError,
    RequestContext,
    tool_call,
)
from veneer_protocol.answers.derivation import split

_OPENING = ("tools", "response_format", "logprobs")


class Declares(Right):
    """Does all that can be declared, and says the rest as the right one does."""

    features = frozenset(Feature)

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        if not _is_opened(request):
            return await super().create_chat_completion(request, context)
        self.check(request)
        await self.wait()
        return self.answer(request, is_streamed=False)

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        if not _is_opened(request):
            async for chunk in super().stream_chat_completion(request, context):
                yield chunk
            return
        self.check(request)
        await self.wait()
        answer = self.answer(request, is_streamed=True)
        for chunk in split(answer, choices=request.n or 1):
            yield chunk

    def answer(self, request: ChatCompletionRequest, *, is_streamed: bool) -> ChatCompletion:
        reply = self.reply(request)
        if self.calls(request, is_streamed=is_streamed):
            called = [tool_call(name, '{"city": "Seoul"}') for name in self.tools(request)]
            return reply.completion(tool_calls=called)
        if request.response_format is not None:
            return reply.completion(self.json())
        text = request.last_user_text or "nothing"
        return reply.completion(
            *[text] * self.count_of_choices(request),
            logprobs=self.tokens(text) if request.logprobs else None,
        )

    def calls(self, request: ChatCompletionRequest, *, is_streamed: bool) -> bool:
        return request.tool_choice not in (None, "auto", "none")

    def tools(self, request: ChatCompletionRequest) -> list[str]:
        return ["get_weather"]

    def json(self) -> str:
        return '{"colours": ["red"]}'

    def count_of_choices(self, request: ChatCompletionRequest) -> int:
        return request.n or 1

    def tokens(self, text: str) -> list[ChatCompletionTokenLogprob] | None:
        return [ChatCompletionTokenLogprob(token=text, logprob=-0.5, top_logprobs=[])]


def _is_opened(request: ChatCompletionRequest) -> bool:
    return (request.n or 1) > 1 or any(getattr(request, name) for name in _OPENING)


class TestDeclares(Check):
    wrong = Declares
    breaks = ""


class DeclaresWhatThereIsNot(Right):
    def features_of(self, model: str) -> Collection[str]:
        return {"tool"}


class TestDeclaresWhatThereIsNot(Check):
    wrong = DeclaresWhatThereIsNot
    breaks = "test_what_is_declared_are_features"


class LearnsByListing(Declares):
    def __init__(self) -> None:
        self._known: Collection[str] = ()

    def features_of(self, model: str) -> Collection[str]:
        return self._known

    async def list_models(self, context: RequestContext) -> Sequence[Model]:
        self._known = frozenset(Feature)
        return await super().list_models(context)


class TestLearnsByListing(Check):
    wrong = LearnsByListing
    breaks = "test_features_are_known_before_the_models_are_listed"
    model = "right/one"


class TakesNoImages(Declares):
    def check(self, request: ChatCompletionRequest) -> None:
        super().check(request)
        for message in request.messages:
            for part in message.content if isinstance(message.content, tuple) else ():
                if _type(part) == "image_url":
                    raise InvalidRequestError("I cannot see.")


def _type(part: Any) -> object:
    return part["type"] if isinstance(part, dict) else part.type


class TestTakesNoImages(Check):
    wrong = TakesNoImages
    breaks = "test_a_request_for_a_declared_feature_is_answered"


class GivesOneChoice(Declares):
    def count_of_choices(self, request: ChatCompletionRequest) -> int:
        return 1


class TestGivesOneChoice(Check):
    wrong = GivesOneChoice
    breaks = "test_a_request_for_a_declared_feature_is_answered"


class CallsAnotherTool(Declares):
    def tools(self, request: ChatCompletionRequest) -> list[str]:
        return ["get_news"]


class TestCallsAnotherTool(Check):
    wrong = CallsAnotherTool
    breaks = "test_no_other_tool_is_called_than_is_offered"


class NeverCalls(Declares):
    def calls(self, request: ChatCompletionRequest, *, is_streamed: bool) -> bool:
        return False


class TestNeverCalls(Check):
    wrong = NeverCalls
    breaks = "test_a_call_that_is_required_comes"


class AlwaysCalls(Declares):
    def calls(self, request: ChatCompletionRequest, *, is_streamed: bool) -> bool:
        return request.tools is not None


class TestAlwaysCalls(Check):
    wrong = AlwaysCalls
    breaks = "test_no_call_comes_that_is_forbidden"


class CallsTheFirstTool(Declares):
    def tools(self, request: ChatCompletionRequest) -> list[str]:
        first = (request.tools or ())[0]
        return [first["function"]["name"]] if first["type"] == "function" else []


class TestCallsTheFirstTool(Check):
    wrong = CallsTheFirstTool
    breaks = "test_a_tool_that_is_named_is_called"


class KnowsNoAllowedTools(Declares):
    def check(self, request: ChatCompletionRequest) -> None:
        super().check(request)
        if isinstance(request.tool_choice, dict):
            _ = request.tool_choice["function"]  # type: ignore[typeddict-item]  # That is wrong.


class TestKnowsNoAllowedTools(Check):
    wrong = KnowsNoAllowedTools
    breaks = "test_a_tool_that_is_named_is_called"


class CallsTwice(Declares):
    def calls(self, request: ChatCompletionRequest, *, is_streamed: bool) -> bool:
        return request.tools is not None and request.tool_choice != "none"

    def tools(self, request: ChatCompletionRequest) -> list[str]:
        return ["get_weather", "get_weather"]


class TestCallsTwice(Check):
    wrong = CallsTwice
    breaks = "test_one_tool_is_called_where_no_more_are_wanted"


class CallsInStreams(Declares):
    def calls(self, request: ChatCompletionRequest, *, is_streamed: bool) -> bool:
        may = request.tools is not None and request.tool_choice != "none"
        return may if is_streamed else super().calls(request, is_streamed=is_streamed)


class TestCallsInStreams(Check):
    wrong = CallsInStreams
    breaks = "test_both_modes_call_the_same"


class SpeaksProse(Declares):
    def json(self) -> str:
        return "Red, and so on."


class TestSpeaksProse(Check):
    wrong = SpeaksProse
    breaks = "test_an_answer_in_json_is_json"


class KeepsToNoSchema(Declares):
    def json(self) -> str:
        return '{"colors": "red"}'


class TestKeepsToNoSchema(Check):
    wrong = KeepsToNoSchema
    breaks = "test_an_answer_in_json_is_json"


class IsNeverLikely(Declares):
    def tokens(self, text: str) -> list[ChatCompletionTokenLogprob] | None:
        return None


class TestIsNeverLikely(Check):
    wrong = IsNeverLikely
    breaks = "test_log_probabilities_come_with_a_text"
