"""Holds what an adapter gives to the rules of the API, before it may leave.

Pure: models in, models out. What can be mended without a guess is mended; the rest is refused. The
types are looked at too, for the openai package's own client builds its models unchecked.
"""

from collections.abc import Collection, Sequence

from openai.types import CompletionUsage, Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.chat.chat_completion_chunk import Choice as ChunkChoice

from veneer_protocol.answers.choices import ChoiceGuard, broken_stream, check_choice
from veneer_protocol.answers.parts import broken
from veneer_protocol.errors import InvalidProviderResponseError


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


def check_completion(
    completion: object, *, choices: int = 1, features: Collection[str] = ()
) -> ChatCompletion:
    """Give `completion` with every field that the API requires.

    Args:
        completion: what the adapter gave.
        choices: how many were asked for, which is `n` of the request.
        features: what is declared for the model. Calls and audio, which a client that did not ask
            for them cannot read, are refused without it.

    Raises:
        InvalidProviderResponseError: it is no completion, or does not hold what was asked for.
    """
    if not isinstance(completion, ChatCompletion):
        raise InvalidProviderResponseError(
            f"The provider gave {_kind(completion)} where a ChatCompletion is due."
        )
    # As every chunk of a stream must have it.
    if not isinstance(ident := getattr(completion, "id", None), str) or not ident:
        raise broken("has no id")
    if not isinstance(completion.usage, CompletionUsage | None):
        raise broken(f"counts its usage in {_kind(completion.usage)}")
    given = getattr(completion, "choices", None)
    if (
        not isinstance(given, list)
        or len(given) != choices
        or _indices(given) != set(range(choices))
    ):
        raise _other_choices(choices)
    for choice in given:
        check_choice(choice, features)
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
    """Keeps one stream legal: one id, each choice by its rules, usage last.

    Feed each chunk to `check` and send what it returns; when the adapter has no more, send what
    `end` returns. Either raises InvalidProviderResponseError where the stream breaks the rules, and
    then nothing more may be sent but that error.

    Reference: https://platform.openai.com/docs/api-reference/chat/streaming
    """

    def __init__(
        self,
        *,
        include_usage: bool = False,
        choices: int = 1,
        features: Collection[str] = (),
    ) -> None:
        """Guard a stream of so many `choices`, of a model that declares `features`.

        Args:
            include_usage: whether the client asked for the usage.
            choices: how many were asked for, which is `n` of the request; each has a role, an order
                and a finish reason of its own.
            features: calls and audio are refused where they are not declared.
        """
        self._include_usage = include_usage
        self._last: ChatCompletionChunk | None = None
        self._usage: CompletionUsage | None = None
        self._choices = [ChoiceGuard(features) for _ in range(choices)]

    def check(self, chunk: object) -> ChatCompletionChunk | None:
        """Give `chunk` as it may be sent, or None if it says nothing to a client.

        Raises:
            InvalidProviderResponseError: it is no chunk, changes the id, or comes out of order.
        """
        if not isinstance(chunk, ChatCompletionChunk):
            raise broken_stream(f"yielded {_kind(chunk)} where a ChatCompletionChunk is due")
        if not isinstance(chunk.id, str) or not chunk.id:
            raise broken_stream("has a chunk without an id")
        if self._last is not None and chunk.id != self._last.id:
            raise broken_stream(f"changed its id from {self._last.id!r} to {chunk.id!r}")
        self._last = chunk
        if is_counted := chunk.usage is not None:
            chunk = self._without_usage(chunk)
        given: object = chunk.choices
        if not given:
            # What moderation found may come so; beside the usage, if that is sent, at the end.
            if not _is_moderated(chunk) or (is_counted and self._include_usage):
                return None
            chunk = chunk.model_copy(update={"choices": []})
        elif not isinstance(given, list) or len(given) > len(self._choices):
            raise _other_choices(len(self._choices))
        elif len(given) == 1:
            if (legal := self._legal_choice(given[0])) is not given[0]:
                chunk = chunk.model_copy(update={"choices": [legal]})
        else:
            chunk = chunk.model_copy(update={"choices": self._legal_choices(given)})
        if self._include_usage and "usage" not in chunk.model_fields_set:
            chunk.usage = None  # Set to null on every chunk but the last, as the API has it.
        return chunk

    def end(self) -> ChatCompletionChunk | None:
        """Give the chunk that holds the usage, if it was asked for and the adapter counted.

        Raises:
            InvalidProviderResponseError: the stream ended before its finish reason.
        """
        if self._last is None or not all(choice.is_finished for choice in self._choices):
            raise broken_stream("ended without a finish reason")
        if not self._include_usage or self._usage is None:
            return None
        return self._last.model_copy(update={"choices": [], "usage": self._usage})

    def _without_usage(self, chunk: ChatCompletionChunk) -> ChatCompletionChunk:
        if not isinstance(chunk.usage, CompletionUsage):
            raise broken_stream(f"counts its usage in {_kind(chunk.usage)}")
        self._usage = chunk.usage
        chunk = chunk.model_copy(update={"usage": None})
        chunk.model_fields_set.discard("usage")
        return chunk

    def _legal_choice(self, choice: object) -> ChunkChoice:
        index = getattr(choice, "index", None)
        if type(index) is not int or not 0 <= index < len(self._choices):
            raise _other_choices(len(self._choices))
        return self._choices[index].check(choice)

    def _legal_choices(self, given: list[object]) -> list[ChunkChoice]:
        if len(_indices(given)) != len(given):
            raise broken_stream("has a chunk with one choice twice")
        return [self._legal_choice(choice) for choice in given]


def _indices(choices: Sequence[object]) -> set[object]:
    return {
        index
        for index in (getattr(choice, "index", None) for choice in choices)
        if type(index) is int
    }


def _other_choices(due: int) -> InvalidProviderResponseError:
    asked = "the one choice, of index 0, that was" if due == 1 else f"the {due} choices that were"
    return InvalidProviderResponseError(f"The provider's answer does not have {asked} asked for.")


def _is_moderated(chunk: ChatCompletionChunk) -> bool:
    return getattr(chunk, "moderation", None) is not None


def _is_below(prefix: str, ident: object) -> bool:
    # What is not printable would break out of a line of a log or a terminal.
    return (
        isinstance(ident, str)
        and ident.startswith(f"{prefix}/")
        and ident != f"{prefix}/"
        and ident.isprintable()
    )


def _kind(value: object) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"
