"""Holds what an adapter gives to the rules of the API, before it may leave.

Pure: models in, models out. What can be mended without a guess is mended; the rest is refused. The
types are looked at too, for the openai package's own client builds its models unchecked.
"""

from typing import Final

from openai.types import CompletionUsage, Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk, ChatCompletionMessage
from openai.types.chat.chat_completion import Choice
from openai.types.chat.chat_completion_chunk import Choice as ChunkChoice
from openai.types.chat.chat_completion_chunk import ChoiceDelta

from veneer_protocol.errors import InvalidProviderResponseError

FINISH_REASONS: Final = frozenset(
    {"stop", "length", "tool_calls", "content_filter", "function_call"}
)


def check_models(models: object, prefix: str) -> list[Model]:
    """Give `models` if a client can ask for each of them.

    Raises:
        InvalidProviderResponseError: it is no list of models, or an id lies outside `prefix`.
    """
    if not isinstance(models, list | tuple):
        raise InvalidProviderResponseError(
            f"The provider gave {_kind(models)} where a list of models is due."
        )
    for model in models:
        ident = model.id if isinstance(model, Model) else _kind(model)
        if not isinstance(model, Model) or not _is_below(prefix, ident):
            raise InvalidProviderResponseError(
                f"The provider lists {ident!r}; a Model whose id begins with '{prefix}/', and can "
                "be printed, is due."
            )
    return list(models)


def check_completion(completion: object) -> ChatCompletion:
    """Give `completion` with every field that the API requires.

    Raises:
        InvalidProviderResponseError: it is no completion, or does not hold the one answer.
    """
    if not isinstance(completion, ChatCompletion):
        raise InvalidProviderResponseError(
            f"The provider gave {_kind(completion)} where a ChatCompletion is due."
        )
    choice = _only_choice(completion)
    message = getattr(choice, "message", None)
    if (
        not isinstance(choice, Choice)
        or not isinstance(message, ChatCompletionMessage)
        or not isinstance(message.content, str | None)
        or not _is_reason(choice.finish_reason)
    ):
        raise InvalidProviderResponseError(
            "The provider gave a completion without a message, its content or a finish reason."
        )
    # The encoder leaves out what was never set; these the API requires, null or not.
    choice.logprobs = choice.logprobs
    message.content = message.content
    message.refusal = message.refusal
    return completion


def check_piece(piece: object) -> str:
    """Give `piece` of a text if it is one.

    Raises:
        InvalidProviderResponseError: it is something else.
    """
    if not isinstance(piece, str):
        raise InvalidProviderResponseError(
            f"generate() yielded {type(piece).__qualname__} where a str is due."
        )
    return piece


class StreamGuard:
    """Keeps one stream legal: role first, one id, one finish reason, usage last.

    Feed each chunk to `check` and send what it returns; when the adapter has no more, send what
    `end` returns. Either raises InvalidProviderResponseError where the stream breaks the rules, and
    then nothing more may be sent but that error.

    Reference: https://platform.openai.com/docs/api-reference/chat/streaming
    """

    def __init__(self, *, include_usage: bool = False) -> None:
        self._include_usage = include_usage
        self._last: ChatCompletionChunk | None = None
        self._usage: CompletionUsage | None = None
        self._has_role = False
        self._is_finished = False

    def check(self, chunk: object) -> ChatCompletionChunk | None:
        """Give `chunk` as it may be sent, or None if it says nothing to a client.

        Raises:
            InvalidProviderResponseError: it is no chunk, changes the id, or comes out of order.
        """
        if not isinstance(chunk, ChatCompletionChunk):
            raise _broken(f"yielded {_kind(chunk)} where a ChatCompletionChunk is due")
        self._check_id(chunk)
        chunk = self._without_usage(chunk)
        if not chunk.choices:
            return None
        choice = _only_choice(chunk)
        legal = self._legal_choice(choice)
        if legal is not choice:
            chunk = chunk.model_copy(update={"choices": [legal]})
        if self._include_usage:
            chunk.usage = None  # Set to null on every chunk but the last, as the API has it.
        return chunk

    def end(self) -> ChatCompletionChunk | None:
        """Give the chunk that holds the usage, if it was asked for and the adapter counted.

        Raises:
            InvalidProviderResponseError: the stream ended before its finish reason.
        """
        if self._last is None or not self._is_finished:
            raise _broken("ended without a finish reason")
        if not self._include_usage or self._usage is None:
            return None
        return self._last.model_copy(update={"choices": [], "usage": self._usage})

    def _check_id(self, chunk: ChatCompletionChunk) -> None:
        if not isinstance(chunk.id, str) or not chunk.id:
            raise _broken("has a chunk without an id")
        if self._last is not None and chunk.id != self._last.id:
            raise _broken(f"changed its id from {self._last.id!r} to {chunk.id!r}")
        self._last = chunk

    def _without_usage(self, chunk: ChatCompletionChunk) -> ChatCompletionChunk:
        if chunk.usage is None:
            return chunk
        if not isinstance(chunk.usage, CompletionUsage):
            raise _broken(f"counts its usage in {_kind(chunk.usage)}")
        self._usage = chunk.usage
        chunk = chunk.model_copy(update={"usage": None})
        chunk.model_fields_set.discard("usage")
        return chunk

    def _legal_choice(self, choice: object) -> ChunkChoice:
        delta = getattr(choice, "delta", None)
        if (
            not isinstance(choice, ChunkChoice)
            or not isinstance(delta, ChoiceDelta)
            or not isinstance(delta.content, str | None)
            or not (delta.role is None or delta.role == "assistant")
        ):
            raise _broken("has a chunk whose delta is no assistant's")
        if self._is_finished:
            raise _broken("went on after its finish reason")
        if choice.finish_reason is not None and not _is_reason(choice.finish_reason):
            raise _broken(f"ended with the finish reason {choice.finish_reason!r}")
        self._is_finished = choice.finish_reason is not None
        # The encoder leaves out what was never set; this the API requires, null or not.
        choice.finish_reason = choice.finish_reason
        # Role in the first delta and in no other: some servers repeat it, some clients then join.
        is_due, self._has_role = not self._has_role, True
        if (delta.role is not None) == is_due:
            return choice
        delta = delta.model_copy(update={"role": "assistant" if is_due else None})
        if not is_due:
            delta.model_fields_set.discard("role")
        return choice.model_copy(update={"delta": delta})


def _only_choice(answer: ChatCompletion | ChatCompletionChunk) -> object:
    """Give the choice with index 0, which must be alone.

    Raises:
        InvalidProviderResponseError: there is another, or none.
    """
    choices = answer.choices
    if (
        not isinstance(choices, list)
        or len(choices) != 1
        or getattr(choices[0], "index", None) != 0
    ):
        raise InvalidProviderResponseError(
            "The provider's answer does not have the one choice, of index 0, that was asked for."
        )
    return choices[0]


def _is_reason(value: object) -> bool:
    return isinstance(value, str) and value in FINISH_REASONS


def _is_below(prefix: str, ident: object) -> bool:
    # What is not printable would break out of a line of a log or a terminal.
    return (
        isinstance(ident, str)
        and ident.startswith(f"{prefix}/")
        and ident != f"{prefix}/"
        and ident.isprintable()
    )


def _broken(what: str) -> InvalidProviderResponseError:
    return InvalidProviderResponseError(f"The provider's stream {what}.")


def _kind(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"
