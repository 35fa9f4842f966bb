"""The strict core subset of `POST /v1/chat/completions`, as an adapter sees it."""

from typing import Annotated, Any, Literal, LiteralString, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Strict, Tag, model_validator
from pydantic_core import PydanticCustomError

_GREATEST_INTEGER = 2**63 - 1


def _array_or_string(value: object) -> str | None:
    if isinstance(value, str):
        return "string"
    return "array" if isinstance(value, list | tuple) else None


def _disagreement(param: LiteralString, message: LiteralString) -> PydanticCustomError:
    """A failure between fields, which has no location of its own, told at one of them."""
    return PydanticCustomError("fields_disagree", message, {"param": param})


# JSON has arrays only, so that a tuple field must also take a list; its items stay strict. The
# tags end up in the location of an error, where `parsing` takes them out again.
_Array = (Strict(False), Tag("array"))
NonEmptyString = Annotated[str, Field(min_length=1)]
TokenCount = Annotated[int, Field(ge=1, le=_GREATEST_INTEGER)]


class StrictModel(BaseModel):
    """A frozen model that takes what it names, in the type it names, and nothing else."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", allow_inf_nan=False)


class TextPart(StrictModel):
    """A piece of text in a message whose content is an array."""

    type: Literal["text"]
    """What kind of part it is; text is all that the core subset takes."""
    text: NonEmptyString
    """What it says."""


class Message(StrictModel):
    """One turn of the conversation."""

    role: Literal["system", "user", "assistant"]
    """Whose turn it is."""
    content: Annotated[
        Annotated[NonEmptyString, Tag("string")]
        | Annotated[tuple[TextPart, ...], Field(min_length=1, fail_fast=True), *_Array],
        Discriminator(_array_or_string),
    ]
    """What is said: a string, or parts of text; `text` reads either."""
    name: str | None = None
    """Tells participants of the same role apart."""

    @property
    def text(self) -> str:
        """The content as one text, its parts joined by newlines."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part.text for part in self.content)


class StreamOptions(StrictModel):
    """Options of a streamed answer."""

    include_usage: bool = False
    """Ask for a last chunk that holds the usage."""


class ChatCompletionRequest(StrictModel):
    """A request that has passed the gateway's checks; a field that is null was left out.

    Reference: https://platform.openai.com/docs/api-reference/chat/create
    """

    model: NonEmptyString
    """`<prefix>/<name>`, as in `GET /v1/models`."""
    messages: Annotated[tuple[Message, ...], Field(min_length=1, fail_fast=True), Strict(False)]
    """The conversation so far, at least one turn of it."""
    stream: bool = False
    """Whether the client wants a stream; the method that is called says so too."""
    stream_options: StreamOptions | None = None
    """Only together with `stream`."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    """How freely to choose the next token, from 0 to 2."""
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    """The share of likely tokens to choose from, from 0 to 1."""
    max_tokens: TokenCount | None = None
    """The older name of `max_completion_tokens`; where both came they are equal."""
    max_completion_tokens: TokenCount | None = None
    """Upper bound of the answer, in tokens, reasoning included."""
    stop: (
        Annotated[
            Annotated[str, Tag("string")]
            | Annotated[
                tuple[str, ...], Field(min_length=1, max_length=4, fail_fast=True), *_Array
            ],
            Discriminator(_array_or_string),
        ]
        | None
    ) = None
    """The texts to end before, four at most; `stop_sequences` has them in one form."""
    user: str | None = None
    """The end user, by the caller's own name for them."""
    n: Annotated[int, Field(ge=1, le=1)] | None = None
    """How many answers are wanted: one."""

    @model_validator(mode="after")
    def _fields_agree(self) -> Self:
        if self.stream_options is not None and not self.stream:
            raise _disagreement(
                "stream_options", "'stream_options' is only allowed together with 'stream': true."
            )
        limits = {self.max_tokens, self.max_completion_tokens} - {None}
        if len(limits) > 1:
            raise _disagreement(
                "max_completion_tokens",
                "'max_tokens' and 'max_completion_tokens' differ; give one of them.",
            )
        return self

    @property
    def model_name(self) -> str:
        """The model without its prefix: `echo-1` of `dummy/echo-1`."""
        return self.model.partition("/")[2]

    @property
    def last_user_text(self) -> str | None:
        """What the user said last, or None where no message is a user's."""
        texts = (message.text for message in reversed(self.messages) if message.role == "user")
        return next(texts, None)

    @property
    def token_limit(self) -> int | None:
        """The upper bound of the answer in tokens, by whichever name it came."""
        return self.max_completion_tokens or self.max_tokens

    @property
    def stop_sequences(self) -> tuple[str, ...]:
        """The texts that end the answer, none of them empty."""
        stops = (self.stop,) if isinstance(self.stop, str) else self.stop or ()
        return tuple(stop for stop in stops if stop)

    def to_openai(self) -> dict[str, Any]:
        """Give what came as keyword arguments for the SDK's `chat.completions.create(**…)`.

        The model is without its prefix. `stream` and `stream_options` are left to the caller: a
        derived method calls the one that was written, whichever of the two was asked for.

        Reference: https://platform.openai.com/docs/api-reference/chat/create
        """
        left_out = {"model", "stream", "stream_options"}
        return {
            "model": self.model_name,
            **self.model_dump(mode="json", exclude=left_out, exclude_none=True, exclude_unset=True),
        }
