"""What an adapter says where it declares features; nothing is asked of one that declares none."""

import json

import pytest

from veneer_protocol.answers.guard import StreamGuard, check_completion
from veneer_protocol.conformance.asking import Answer, Fields, chat_request
from veneer_protocol.conformance.checks import compare
from veneer_protocol.conformance.harness import Harness
from veneer_protocol.conformance.promises import (
    ADAPTER,
    ANSWERED,
    CALLED,
    CREATE,
    FEATURES,
    promise,
)
from veneer_protocol.conformance.requests import (
    ALLOWED,
    ALONE,
    CALLING,
    FORBIDDEN,
    NAMED,
    REQUESTS,
    REQUIRED,
    TOOL_NAME,
)
from veneer_protocol.conformance.stage import Stage
from veneer_protocol.errors import ApiError
from veneer_protocol.features import Feature

MODES = ("plain", "stream")
CHOICES = {"function": NAMED, "allowed_tools": ALLOWED}
"""Choices of tools that name them, by their types."""


class DeclaredTests(Harness):
    """The tests of what is declared."""

    @promise(FEATURES, "it is known before the models are listed")
    def test_features_are_known_before_the_models_are_listed(self, direct: Stage) -> None:
        before = {*direct.features}  # Where `model` is not set, it is found by listing them.
        direct.list_models()

        if late := {*direct.features} - before:
            pytest.fail(
                f"{', '.join(sorted(late))} of {direct.model!r} are not declared until the models "
                "are listed",
                pytrace=False,
            )

    @promise(ADAPTER, "What it declares it takes: a request for it is answered")
    def test_a_request_for_a_declared_feature_is_answered(self, direct: Stage) -> None:
        for feature in _needed(direct, *REQUESTS):
            for mode in MODES:
                _answer(direct, mode, REQUESTS[feature], f"A request for {str(feature)!r}")

    @promise(CREATE, "A call names a tool of the request", after=[ANSWERED])
    def test_no_other_tool_is_called_than_is_offered(self, direct: Stage) -> None:
        _needed(direct, Feature.TOOLS)
        for fields in (CALLING, REQUIRED):
            for mode in MODES:
                called = _answer(direct, mode, fields, "A request with a tool").calls
                if others := {name for name, _ in called} - {TOOL_NAME}:
                    pytest.fail(
                        f"{others.pop()!r} is called ({mode}); it is no tool of the request",
                        pytrace=False,
                    )

    @promise(CREATE, "where `tool_choice` requires one there is one", after=[ANSWERED])
    def test_a_call_that_is_required_comes(self, direct: Stage) -> None:
        _needed(direct, Feature.TOOLS)
        for mode in MODES:
            answer = _answer(direct, mode, REQUIRED, "A request that requires a call")
            if not answer.calls:
                pytest.fail(
                    f"no tool is called ({mode}), but {answer.text!r} is said", pytrace=False
                )

    @promise(CREATE, "where it forbids them there is none", after=[ANSWERED])
    def test_no_call_comes_that_is_forbidden(self, direct: Stage) -> None:
        _needed(direct, Feature.TOOLS)
        for mode in MODES:
            answer = _answer(direct, mode, FORBIDDEN, "A request that forbids calls")
            if answer.calls:
                pytest.fail(
                    f"{answer.calls[0][0]!r} is called all the same ({mode})", pytrace=False
                )

    @promise(CREATE, "Where it names tools, these alone are called", after=CALLED)
    @pytest.mark.parametrize("choice", CHOICES)
    def test_a_tool_that_is_named_is_called(self, direct: Stage, choice: str) -> None:
        _needed(direct, Feature.TOOLS)
        for mode in MODES:
            answer = _answer(direct, mode, CHOICES[choice], f"A choice of the type {choice!r}")
            called = {name for name, _ in answer.calls}
            if called != {TOOL_NAME}:
                said = " and ".join(map(repr, sorted(called))) or "nothing"
                pytest.fail(f"{said} is called ({mode}), not {TOOL_NAME!r}", pytrace=False)

    @promise(CREATE, "where `parallel_tool_calls` is false, there is one call", after=[ANSWERED])
    def test_one_tool_is_called_where_no_more_are_wanted(self, direct: Stage) -> None:
        _needed(direct, Feature.TOOLS)
        for mode in MODES:
            answer = _answer(direct, mode, ALONE, "A request for one call at most")
            if len(answer.calls) > 1:
                pytest.fail(f"{len(answer.calls)} calls come at once ({mode})", pytrace=False)

    @promise(CREATE, "The stream makes the same calls", after=[ANSWERED])
    def test_both_modes_call_the_same(self, direct: Stage) -> None:
        _needed(direct, Feature.TOOLS)
        for fields in (CALLING, REQUIRED):
            whole, stream = (
                _answer(direct, mode, fields, "A request with a tool") for mode in MODES
            )

            compare("calls", whole.calls, stream.calls)
            compare("finish reason", whole.finish_reason, stream.finish_reason)

    @promise(CREATE, "An answer that is to be JSON is JSON", after=[ANSWERED])
    def test_an_answer_in_json_is_json(self, direct: Stage) -> None:
        for feature in _needed(direct, Feature.JSON_OBJECT, Feature.JSON_SCHEMA):
            for mode in MODES:
                text = _answer(direct, mode, REQUESTS[feature], "A request for JSON").text
                if not isinstance(said := _parsed(text), dict):
                    pytest.fail(f"{text!r} is no JSON object ({mode})", pytrace=False)
                if feature is Feature.JSON_SCHEMA and not _has_colours(said):
                    pytest.fail(f"{text!r} does not keep to its schema ({mode})", pytrace=False)

    @promise(CREATE, "log probabilities come where they are asked for", after=[ANSWERED])
    def test_log_probabilities_come_with_a_text(self, direct: Stage) -> None:
        _needed(direct, Feature.LOGPROBS)
        fields = REQUESTS[Feature.LOGPROBS]
        for mode in MODES:
            answer = _answer(direct, mode, fields, "A request for log probabilities")
            if answer.text and not answer.tokens:
                pytest.fail(f"{answer.text!r} comes without them ({mode})", pytrace=False)


def _needed(stage: Stage, *features: Feature) -> list[Feature]:
    """Give those of `features` that are declared; without any there is nothing to test."""
    declared = [feature for feature in features if feature in stage.features]
    if not declared:
        pytest.skip("the adapter does not declare the feature")
    return declared


def _answer(stage: Stage, mode: str, fields: Fields, what: str) -> Answer:
    """Ask for an answer, and fail where there is none, or none that the guard lets out."""
    choices = chat_request({"model": stage.model, **fields}, stage.features_of).n or 1
    try:
        if mode == "plain":
            completion = stage.complete(fields)
            check_completion(completion, choices=choices, features=stage.features)
            return Answer.of_completion(completion)
        guard = StreamGuard(choices=choices, features=stage.features)
        chunks = [guard.check(chunk) for chunk in stage.stream(fields)]
        guard.end()
        return Answer.of_chunks([chunk for chunk in chunks if chunk is not None])
    except ApiError as error:
        told = f"{type(error).__name__}: {error}"
        pytest.fail(f"{what} is not answered ({mode}): {told}", pytrace=False)


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _has_colours(said: dict[str, object]) -> bool:
    colours = said.get("colours")
    return (
        said.keys() == {"colours"}
        and isinstance(colours, list)
        and all(isinstance(colour, str) for colour in colours)
    )
