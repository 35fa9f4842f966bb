"""Wrong about stop sequences and token limits."""

from collections.abc import Sequence
from typing import Any

from tests.conformance.wrong_adapters.right import Check, Right
from veneer_protocol import (
    ChatCompletionRequest,
)


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
