"""One choice of an answer, streamed or whole, held to the rules of the API."""

from collections.abc import Collection
from typing import Final

from openai.types.chat import ChatCompletionMessage
from openai.types.chat.chat_completion import Choice
from openai.types.chat.chat_completion_chunk import Choice as ChunkChoice
from openai.types.chat.chat_completion_chunk import ChoiceDelta

from veneer_protocol.answers.calls import CallGuard, check_calls
from veneer_protocol.answers.parts import broken, check_logprobs, check_parts
from veneer_protocol.errors import InvalidProviderResponseError

FINISH_REASONS: Final = frozenset(
    {"stop", "length", "tool_calls", "content_filter", "function_call"}
)
_PARTS = frozenset({"annotations", "audio", "function_call", "refusal", "tool_calls"})
_OF_CALLS = frozenset({"tool_calls", "function_call"})


class ChoiceGuard:
    """Keeps one choice of a stream legal: role first, calls in order, one finish reason."""

    def __init__(self, features: Collection[str]) -> None:
        self.is_finished = False
        """Whether the finish reason has come."""
        self._has_role = False
        self._calls = CallGuard(features)
        self._features = features

    def check(self, choice: object) -> ChunkChoice:
        """Give `choice` as it may be sent.

        Raises:
            InvalidProviderResponseError: it is not of its type, not declared, or out of order.
        """
        # This runs for every chunk of every stream: what a plain text needs comes first.
        delta = getattr(choice, "delta", None)
        if (
            not isinstance(choice, ChunkChoice)
            or not isinstance(delta, ChoiceDelta)
            or not (delta.content is None or isinstance(delta.content, str))
            or not (delta.role is None or delta.role == "assistant")
        ):
            raise broken_stream("has a chunk whose delta is no assistant's")
        if self.is_finished:
            raise broken_stream("went on after its finish reason")
        legal = delta
        more = delta.model_extra
        if not (
            _PARTS.isdisjoint(delta.model_fields_set) and (not more or _PARTS.isdisjoint(more))
        ):
            legal = self._with_parts(delta)
        if (delta.role is None) is not self._has_role:
            legal = self._with_role(legal)
        self._has_role = True
        if choice.logprobs is not None:
            check_logprobs(choice.logprobs)
        if choice.finish_reason is not None:
            self._finish(choice.finish_reason)
        # The encoder leaves out what was never set; this the API requires, null or not.
        elif "finish_reason" not in choice.model_fields_set:
            choice.finish_reason = None
        return choice if legal is delta else choice.model_copy(update={"delta": legal})

    def _with_parts(self, delta: ChoiceDelta) -> ChoiceDelta:
        check_parts(delta, self._features)
        if delta.function_call is not None:
            self._calls.check_function(delta.function_call)
        given = delta.tool_calls
        if not given:
            return delta
        legal = self._calls.check(given)
        if all(one is other for one, other in zip(legal, given, strict=True)):
            return delta
        return delta.model_copy(update={"tool_calls": legal})

    def _with_role(self, delta: ChoiceDelta) -> ChoiceDelta:
        # Role in the first delta and in no other: some servers repeat it, some clients then join.
        if not self._has_role:
            return delta.model_copy(update={"role": "assistant"})
        delta = delta.model_copy(update={"role": None})
        delta.model_fields_set.discard("role")
        return delta

    def _finish(self, reason: object) -> None:
        if not is_reason(reason):
            raise broken_stream(f"ended with the finish reason {reason!r}")
        _check_reason(reason, self._calls.reasons)
        self.is_finished = True


def check_choice(choice: object, features: Collection[str]) -> None:
    """See that `choice` of a whole answer is legal, and set what the API requires.

    Raises:
        InvalidProviderResponseError: it lacks something, is not of its type, or not declared.
    """
    message = getattr(choice, "message", None)
    if (
        not isinstance(choice, Choice)
        or not isinstance(message, ChatCompletionMessage)
        or not isinstance(message.content, str | None)
        or getattr(message, "role", None) not in (None, "assistant")
        or not is_reason(choice.finish_reason)
    ):
        raise InvalidProviderResponseError(
            "The provider gave a completion without a message of an assistant, its content or "
            "a finish reason."
        )
    check_parts(message, features)
    if choice.logprobs is not None:
        check_logprobs(choice.logprobs)
    _check_reason(choice.finish_reason, check_calls(message, features))
    # The encoder leaves out what was never set; these the API requires, null or not.
    choice.logprobs = choice.logprobs
    message.role = "assistant"
    message.content = message.content
    message.refusal = message.refusal


def is_reason(value: object) -> bool:
    """Tell whether an answer may end for the reason `value`."""
    return isinstance(value, str) and value in FINISH_REASONS


def broken_stream(what: str) -> InvalidProviderResponseError:
    """Say what is wrong with a stream."""
    return InvalidProviderResponseError(f"The provider's stream {what}.")


def _check_reason(reason: object, accounted_for: Collection[str]) -> None:
    # The other way round is legal: a call that the request has forced ends with `stop`.
    if reason in _OF_CALLS and reason not in accounted_for:
        raise broken(f"has the finish reason {reason!r} without such a call")
