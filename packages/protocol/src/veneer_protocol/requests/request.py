"""A request of `POST /v1/chat/completions`, as an adapter sees it."""

from typing import Annotated, Any, Literal, Self

from openai.types.chat import (
    ChatCompletionAudioParam,
    ChatCompletionFunctionCallOptionParam,
    ChatCompletionPredictionContentParam,
    ChatCompletionToolChoiceOptionParam,
    ChatCompletionToolUnionParam,
)
from openai.types.chat import (
    completion_create_params as sdk,
)
from pydantic import AfterValidator, Field, Strict, model_validator
from pydantic_core import core_schema

from veneer_protocol.requests.messages import CoreMessage, ShapedMessage
from veneer_protocol.requests.openings import opened
from veneer_protocol.requests.parameters import (
    Audio,
    LogitBias,
    Metadata,
    Moderation,
    Prediction,
    PromptCacheOptions,
    ResponseFormat,
    WebSearchOptions,
)
from veneer_protocol.requests.shapes import As, Shape, is_open, undeclared
from veneer_protocol.requests.strict import (
    ARRAY,
    BY_FORM,
    GREATEST_INTEGER,
    STRING,
    NonEmptyString,
    StrictModel,
    core_of,
    disagreement,
)
from veneer_protocol.requests.tools import FunctionChoiceOfOld, Functions, ToolChoice, Tools

_MOST_CHOICES = 128
_MOST_LOGPROBS = 20
_LONGEST_SAFETY_IDENTIFIER = 128

TokenCount = Annotated[int, Field(ge=1, le=GREATEST_INTEGER)]
Penalty = Annotated[float, Field(ge=-2, le=2)]


def _choices(n: int, info: core_schema.ValidationInfo) -> int:
    if n > 1 and not is_open("values", "n", info):
        raise undeclared("values", "n", expected="1")
    return n


class StreamOptions(StrictModel):
    """Options of a streamed answer."""

    include_usage: bool = False
    """Ask for a last chunk that holds the usage."""


class ChatCompletionRequest(StrictModel):
    """A request that has passed the gateway's checks; a field that is null was left out.

    What a feature opens is None for an adapter that does not declare it.

    Reference: https://platform.openai.com/docs/api-reference/chat/create
    """

    model: NonEmptyString
    """`<prefix>/<name>`, as in `GET /v1/models`."""
    messages: Annotated[
        tuple[ShapedMessage, ...], Field(min_length=1, fail_fast=True), Strict(False)
    ]
    """The conversation so far, at least one turn of it."""
    stream: bool = False
    """Whether the client wants a stream; the method that is called says so too."""
    stream_options: Annotated[StreamOptions, Shape("stream_options")] | None = None
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
            Annotated[str, STRING]
            | Annotated[tuple[str, ...], Field(min_length=1, max_length=4, fail_fast=True), *ARRAY],
            BY_FORM,
        ]
        | None
    ) = None
    """The texts to end before, four at most; `stop_sequences` has them in one form."""
    user: str | None = None
    """The end user, by the caller's own name for them."""
    n: Annotated[int, Field(ge=1, le=_MOST_CHOICES), AfterValidator(_choices)] | None = None
    """How many answers are wanted: one, unless `choices` opens more."""
    tools: Annotated[tuple[ChatCompletionToolUnionParam, ...], As(Tools)] | None = None
    """What the model may call. Opened by `tools` and `custom_tools`."""
    tool_choice: Annotated[ChatCompletionToolChoiceOptionParam, As(ToolChoice)] | None = None
    """Whether a tool is called, and which. Opened by `tools` and `custom_tools`."""
    parallel_tool_calls: bool | None = None
    """Whether several are called at once. Opened by `tools` and `custom_tools`."""
    functions: Annotated[tuple[sdk.Function, ...], As(Functions)] | None = None
    """The older form of `tools`. Opened by `functions`."""
    function_call: (
        Annotated[
            Literal["none", "auto"] | ChatCompletionFunctionCallOptionParam, As(FunctionChoiceOfOld)
        ]
        | None
    ) = None
    """The older form of `tool_choice`. Opened by `functions`."""
    modalities: (
        Annotated[
            tuple[Literal["text", "audio"], ...],
            Field(min_length=1, max_length=2, fail_fast=True),
            Strict(False),
        ]
        | None
    ) = None
    """In what forms to answer. Opened by `audio_output`."""
    audio: Annotated[ChatCompletionAudioParam, As(Annotated[Audio, Shape()])] | None = None
    """How the answer sounds. Opened by `audio_output`."""
    response_format: Annotated[sdk.ResponseFormat, As(ResponseFormat)] | None = None
    """What the answer must be. Opened by `json_object` and `json_schema`."""
    logprobs: bool | None = None
    """Whether to tell how likely each token was. Opened by `logprobs`."""
    top_logprobs: Annotated[int, Field(ge=0, le=_MOST_LOGPROBS)] | None = None
    """Of how many likely tokens to tell; only with `logprobs`. Opened by `logprobs`."""
    frequency_penalty: Penalty | None = None
    """How much to shun what was said often, from -2 to 2. Opened by `penalties`."""
    presence_penalty: Penalty | None = None
    """How much to shun what was said at all, from -2 to 2. Opened by `penalties`."""
    logit_bias: Annotated[dict[str, int], As(LogitBias)] | None = None
    """How much likelier to make tokens, by their ids, from -100 to 100. Opened by `logit_bias`."""
    seed: Annotated[int, Field(ge=-GREATEST_INTEGER - 1, le=GREATEST_INTEGER)] | None = None
    """What to begin chance with. Opened by `seed`."""
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = (
        None
    )
    """How long to reason. Opened by `reasoning_effort`."""
    verbosity: Literal["low", "medium", "high"] | None = None
    """How much to say. Opened by `verbosity`."""
    prediction: (
        Annotated[ChatCompletionPredictionContentParam, As(Annotated[Prediction, Shape()])] | None
    ) = None
    """What the answer is likely to be. Opened by `prediction`."""
    service_tier: Literal["auto", "default", "flex", "scale", "priority", "fast"] | None = None
    """How fast to serve the request, at what price. Opened by `service_tier`."""
    store: bool | None = None
    """Whether to keep the answer. Opened by `store`."""
    metadata: Annotated[dict[str, str], As(Metadata)] | None = None
    """What to keep with the answer: 16 pairs at most. Opened by `store`."""
    prompt_cache_key: str | None = None
    """What requests with the same beginning have in common. Opened by `prompt_cache`."""
    prompt_cache_options: (
        Annotated[sdk.PromptCacheOptions, As(Annotated[PromptCacheOptions, Shape()])] | None
    ) = None
    """How prompts are cached. Opened by `prompt_cache`."""
    prompt_cache_retention: Literal["in_memory", "24h"] | None = None
    """The older form of its `ttl`. Opened by `prompt_cache`."""
    safety_identifier: Annotated[str, Field(max_length=_LONGEST_SAFETY_IDENTIFIER)] | None = None
    """The end user, for who watches over abuse. Opened by `safety_identifier`."""
    web_search_options: (
        Annotated[sdk.WebSearchOptions, As(Annotated[WebSearchOptions, Shape()])] | None
    ) = None
    """How to search the web. Opened by `web_search`."""
    moderation: Annotated[sdk.Moderation, As(Annotated[Moderation, Shape()])] | None = None
    """Which model moderates, and how. Opened by `moderation`."""

    @model_validator(mode="after")
    def _fields_agree(self) -> Self:
        if self.stream_options is not None and not self.stream:
            raise disagreement(
                "stream_options", "'stream_options' is only allowed together with 'stream': true."
            )
        limits = {self.max_tokens, self.max_completion_tokens} - {None}
        if len(limits) > 1:
            raise disagreement(
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


_Messages: Any = tuple[CoreMessage, ...]  # type: ignore[valid-type]  # It is made above.

CoreRequest = core_of(
    ChatCompletionRequest,
    "CoreRequest",
    without=opened("fields"),
    messages=(
        Annotated[_Messages, Field(min_length=1, fail_fast=True), Strict(False)],
        ...,
    ),
    stream_options=(StreamOptions | None, None),
    n=(Annotated[int, Field(ge=1, le=1)] | None, None),
)
