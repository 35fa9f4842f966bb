"""What an adapter says: models, answers, refusals, limits."""

import pytest
from openai import NotFoundError
from openai.types.chat import ChatCompletionChunk

from veneer_protocol.adapter import ProviderAdapter
from veneer_protocol.answers.guard import StreamGuard, check_completion, check_models
from veneer_protocol.conformance.asking import (
    NOTHING,
    SHAPES,
    WITH_USAGE,
    Answer,
    Fields,
)
from veneer_protocol.conformance.checks import (
    check_types,
    compare,
    refused,
)
from veneer_protocol.conformance.harness import Harness
from veneer_protocol.conformance.promises import (
    ADAPTER,
    CREATE,
    FEATURES,
    LIST,
    REFUSALS,
    SERVED,
    STREAM,
    basic,
    promise,
)
from veneer_protocol.conformance.serving import Served
from veneer_protocol.conformance.stage import Stage
from veneer_protocol.definition import check_features
from veneer_protocol.errors import ApiError, ModelNotFoundError


class AnswerTests(Harness):
    """The tests of what an adapter says."""

    # What the other tests build upon; where one of these fails, they are not looked at.

    @basic(LIST, "with ids of the form `<prefix>/<name>`")
    def test_models_are_listed_below_the_prefix(self, direct: Stage) -> None:
        models = check_models(direct.list_models(), direct.adapter.model_prefix)

        if not models:
            pytest.fail("no model is listed", pytrace=False)
        for model in models:
            check_types(model)

    @basic(FEATURES, "Give the features of `model`")
    def test_what_is_declared_are_features(self, direct: Stage) -> None:
        try:
            check_features(direct.features, type(direct.adapter).__qualname__)
        except TypeError as error:
            pytest.fail(str(error), pytrace=False)

    @basic(CREATE, "one choice with the assistant's message and a finish reason")
    def test_a_plain_request_is_answered(self, direct: Stage) -> None:
        check_types(check_completion(direct.complete()))

    @basic(STREAM, "Every chunk has the types of the openai package")
    def test_a_stream_is_made_of_chunks(self, direct: Stage) -> None:
        chunks = direct.stream()

        if not any(isinstance(chunk, ChatCompletionChunk) and chunk.choices for chunk in chunks):
            pytest.fail("the stream has no chunk with a choice", pytrace=False)
        for chunk in chunks:
            StreamGuard().check(chunk)  # Each as if it were the first.
            check_types(chunk)

    @basic(STREAM, "All chunks share one id")
    def test_the_chunks_of_a_stream_share_one_id(self, direct: Stage) -> None:
        ids = list(dict.fromkeys(chunk.id for chunk in direct.stream()))

        if len(ids) != 1:
            pytest.fail(f"one stream has the ids {', '.join(map(repr, ids))}", pytrace=False)

    @basic(STREAM, "the last one with a choice has the one finish reason")
    def test_a_stream_ends_with_its_one_finish_reason(self, direct: Stage) -> None:
        chunks = direct.stream()

        reasons = [choice.finish_reason for chunk in chunks for choice in chunk.choices]
        given = [reason for reason in reasons if reason is not None]
        if len(given) != 1 or reasons[-1] is None:
            pytest.fail(
                f"the finish reasons of the {len(reasons)} chunks are {reasons[-5:]} at the end, "
                f"{len(given)} in all",
                pytrace=False,
            )

    @promise(CREATE, "Answer `request` as a whole")
    def test_the_gateway_passes_the_answer_on(self, served: Served) -> None:
        for answer in (served.complete(), *served.stream()):
            check_types(answer)

    # Models and answers.

    @promise(LIST, "each once")
    def test_no_model_is_listed_twice(self, direct: Stage) -> None:
        ids = [model.id for model in direct.list_models()]

        twice = {ident for ident in ids if ids.count(ident) > 1}
        if twice:
            pytest.fail(f"listed more than once: {', '.join(sorted(twice))}", pytrace=False)

    @promise(CREATE, "It says what the stream says: the same text and finish reason")
    def test_both_modes_say_the_same(self, direct: Stage) -> None:
        whole = Answer.of_completion(direct.complete())
        stream = Answer.of_chunks(direct.stream())

        compare("text", whole.text, stream.text)
        compare("finish reason", whole.finish_reason, stream.finish_reason)

    @promise(CREATE, "and the same usage")
    def test_both_modes_count_the_same_usage(self, direct: Stage) -> None:
        whole = Answer.of_completion(direct.complete()).usage
        stream = Answer.of_chunks(direct.stream(WITH_USAGE)).usage

        compare("usage", whole and whole.total_tokens, stream and stream.total_tokens)

    @promise(CREATE, "The usage, where it is counted, adds up")
    def test_the_usage_adds_up(self, direct: Stage) -> None:
        whole = Answer.of_completion(direct.complete())
        stream = Answer.of_chunks(direct.stream(WITH_USAGE))

        for usage in filter(None, (whole.usage, stream.usage)):
            counted = (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens)
            if min(counted) < 0 or usage.prompt_tokens + usage.completion_tokens != counted[2]:
                pytest.fail(f"prompt, completion and total are {counted} tokens", pytrace=False)

    @promise(CREATE, "The answer has an id of its own")
    def test_no_two_answers_have_one_id(self, direct: Stage) -> None:
        ids = [direct.complete().id, direct.complete().id, *(direct.stream()[0].id for _ in "ab")]

        if len(set(ids)) != len(ids):
            pytest.fail(f"four answers have the ids {', '.join(ids)}", pytrace=False)

    @promise(CREATE, "Its `model` is one that the client can ask for again")
    def test_the_answer_names_a_model_of_the_provider(self, direct: Stage) -> None:
        prefix = f"{direct.adapter.model_prefix}/"
        names = [direct.complete().model, *(chunk.model for chunk in direct.stream())]

        if wrong := [name for name in names if not name.startswith(prefix)]:
            pytest.fail(f"the model is {wrong[0]!r}; it begins with {prefix!r}", pytrace=False)

    @promise(ADAPTER, "Every valid request is answered or refused with an `ApiError`")
    @pytest.mark.parametrize("shape", SHAPES)
    def test_every_valid_request_is_answered_or_refused(self, direct: Stage, shape: str) -> None:
        for ask in (direct.complete, direct.stream):
            try:
                ask(SHAPES[shape])
            except ApiError as error:
                if error.status >= 500:
                    pytest.fail(f"a valid request is a failure: {error}", pytrace=False)

    # Refusals.

    @promise(CREATE, "ModelNotFoundError: `request.model` is unknown here")
    def test_an_unknown_model_is_refused(self, direct: Stage) -> None:
        with refused(ModelNotFoundError, direct.unknown_model):
            direct.complete({"model": direct.unknown_model})

    @promise(STREAM, "ModelNotFoundError: before the first chunk")
    def test_an_unknown_model_is_refused_before_the_first_chunk(self, direct: Stage) -> None:
        with refused(ModelNotFoundError, direct.unknown_model):
            direct.first_chunk({"model": direct.unknown_model})

    @promise(ADAPTER, "is an `ApiError` with a status of 500 or more")
    @pytest.mark.parametrize("mode", ["plain", "stream"])
    def test_a_failing_upstream_is_told_as_an_error(
        self, failing_adapter: ProviderAdapter, mode: str
    ) -> None:
        with self.on_stage(failing_adapter) as stage:
            ask = stage.complete if mode == "plain" else stage.stream
            try:
                ask({"model": stage.any_model})
            except ApiError as error:
                if error.status < 500:
                    pytest.fail(f"the failure is told as a {error.status}", pytrace=False)
            else:
                pytest.fail("a request was answered all the same", pytrace=False)

    # Limits, where they are declared.

    @promise(CREATE, "One that honours `stop` ends before the first stop sequence")
    @pytest.mark.parametrize("mode", ["plain", "stream"])
    def test_stop_ends_the_answer(self, direct: Stage, mode: str) -> None:
        if not self.honours_stop:
            pytest.skip("honours_stop is not set")
        whole = _ask(direct, mode).text
        words = whole.split()
        if len(words) < 3:
            pytest.fail(f"the answer {whole!r} has no middle to stop in", pytrace=False)
        stop = words[len(words) // 2]
        cut = _ask(direct, mode, {"stop": stop})

        wanted = whole[: whole.index(stop)].rstrip()
        compare("text", wanted, cut.text.rstrip(), f"ended before {stop!r}", "as given")
        compare("finish reason", "stop", cut.finish_reason, "ended by stop", "as given")

    @promise(CREATE, "one that honours the token limit ends there with the finish reason `length`")
    @pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
    @pytest.mark.parametrize("mode", ["plain", "stream"])
    def test_the_token_limit_ends_the_answer(self, direct: Stage, mode: str, field: str) -> None:
        if not self.honours_token_limit:
            pytest.skip("honours_token_limit is not set")
        whole = _ask(direct, mode).text
        cut = _ask(direct, mode, {field: 1})

        if len(cut.text) >= len(whole):
            pytest.fail(f"{field}=1 gives {cut.text!r}, the whole answer", pytrace=False)
        compare("finish reason", "length", cut.finish_reason, f"{field}=1", "as given")

    # The same through the real gateway, by the official client.

    @promise(LIST, "Give the models this caller may use")
    def test_the_gateway_lists_the_models(self, served: Served) -> None:
        ids = [model.id for model in served.client.models.list()]

        for ident in {served.model, *ids[:3]}:
            if served.client.models.retrieve(ident).id != ident:
                pytest.fail(f"{ident!r} is listed, and another is found", pytrace=False)

    @promise(
        CREATE, "ModelNotFoundError: `request.model` is unknown here", after=[SERVED, *REFUSALS]
    )
    @pytest.mark.parametrize("mode", ["plain", "stream"])
    def test_the_gateway_passes_a_refusal_on(self, served: Served, mode: str) -> None:
        ask = served.complete if mode == "plain" else served.stream

        with refused(NotFoundError, served.unknown_model):
            ask(served.unknown_model)


def _ask(stage: Stage, mode: str, fields: Fields = NOTHING) -> Answer:
    if mode == "plain":
        return Answer.of_completion(stage.complete(fields))
    return Answer.of_chunks(stage.stream(fields))
