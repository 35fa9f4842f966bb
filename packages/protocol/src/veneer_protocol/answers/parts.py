"""What an answer holds beside its text and its calls: refusals, log probabilities, audio, sources.

The openai package's own client builds its models unchecked, so every type is looked at here.
"""

from collections.abc import Collection
from typing import Any, Final

from openai.types.chat import ChatCompletionAudio, ChatCompletionMessage
from openai.types.chat.chat_completion import ChoiceLogprobs
from openai.types.chat.chat_completion_chunk import ChoiceDelta
from openai.types.chat.chat_completion_message import Annotation
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from veneer_protocol.errors import InvalidProviderResponseError
from veneer_protocol.features import Feature


class _AudioDelta(BaseModel):
    """A part of an audio answer; older openai packages have no model for it."""

    id: str | None = None
    data: str | None = None
    transcript: str | None = None
    expires_at: int | None = None


_ANYTHING: Final[TypeAdapter[Any]] = TypeAdapter(Any)
_LOGPROBS: Final = TypeAdapter(ChoiceLogprobs)
_ANNOTATIONS: Final = TypeAdapter(list[Annotation])
_AUDIO: Final[TypeAdapter[Any]] = TypeAdapter(ChatCompletionAudio)
_AUDIO_DELTA: Final[TypeAdapter[Any]] = TypeAdapter(_AudioDelta)


def check_parts(said: ChatCompletionMessage | ChoiceDelta, features: Collection[str]) -> None:
    """See that the refusal, the audio and the annotations of `said` are legal, if they are there.

    Only audio must be declared: who never asked for it cannot read it. The others say something
    about a text, or in its place, and so every client can.

    Raises:
        InvalidProviderResponseError: one is not of its type, or is audio and not declared.
    """
    more = said.model_extra or {}
    if not (said.refusal is None or isinstance(said.refusal, str)):
        raise broken("has a refusal that is no text")
    # Both are fields or not, by the version of the openai package.
    audio, annotations = (
        vars(said).get(name) or more.get(name) for name in ("audio", "annotations")
    )
    if audio is not None:
        require(Feature.AUDIO_OUTPUT, features, "speaks")
        kind = _AUDIO_DELTA if isinstance(said, ChoiceDelta) else _AUDIO
        _check_type(audio, kind, "has audio that lacks something or is not of its type")
    if annotations is not None:
        _check_type(annotations, _ANNOTATIONS, "has annotations that are not of their type")


def check_logprobs(logprobs: object) -> None:
    """See that `logprobs`, of a choice that is whole or not, are lists of tokens.

    Raises:
        InvalidProviderResponseError: they are not.
    """
    _check_type(logprobs, _LOGPROBS, "has log probabilities that are not of their type")


def require(feature: Feature, features: Collection[str], what: str) -> None:
    """See that `feature` is declared, for what the answer does needs it.

    Raises:
        InvalidProviderResponseError: it is not.
    """
    if feature not in features:
        raise broken(f"{what}, but its model does not declare the feature '{feature}'")


def broken(what: str) -> InvalidProviderResponseError:
    """Say what is wrong with an answer, whole or not."""
    return InvalidProviderResponseError(f"The provider's answer {what}.")


def _check_type(value: object, kind: TypeAdapter[Any], what: str) -> None:
    try:
        # By way of JSON, for what counts is what a client would read: infinity is null there.
        kind.validate_json(_ANYTHING.dump_json(value, warnings=False), strict=True)
    except (ValidationError, PydanticSerializationError) as error:
        raise broken(what) from error
