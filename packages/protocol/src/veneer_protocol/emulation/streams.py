"""The chunks of the model's own stream, and those of the answer that is read out of it."""

from collections.abc import Collection, Iterable, Iterator
from typing import Final

from openai.types import CompletionUsage
from openai.types.chat import ChatCompletionChunk
from openai.types.chat.chat_completion_chunk import Choice, ChoiceDelta

from veneer_protocol.answers.guard import StreamGuard
from veneer_protocol.answers.joining import given
from veneer_protocol.answers.replies import Reply, tool_call, usage
from veneer_protocol.emulation.answers import Answer
from veneer_protocol.emulation.blocks import Call

LONGEST_PIECE: Final = 16 * 1024
"""How many characters are read at a time: to read a whole answer at once would hold up others."""


class Incoming:
    """One stream of the model, held to the rules."""

    def __init__(self, features: Collection[str]) -> None:
        self.usage: CompletionUsage | None = None
        """What it took, if that was counted."""
        self.is_whole = True
        """Whether it ended by itself, and in text."""
        self.has_ended = False
        """Whether its finish reason came; the usage may come after it."""
        self._guard = StreamGuard(include_usage=True, features=features)
        self._last: ChatCompletionChunk | None = None

    def take(self, chunk: object) -> Iterator[ChatCompletionChunk]:
        """Give `chunk` if it says something; in several, where it has a long text.

        Raises:
            InvalidProviderResponseError: it breaks the rules of a stream.
        """
        legal = self._guard.check(chunk)
        self.usage = getattr(chunk, "usage", None) or self.usage
        if legal is None:
            return
        for choice in legal.choices:
            if not self.has_ended:
                self._last = legal
                self.has_ended = choice.finish_reason is not None
            is_cut = choice.finish_reason not in {None, "stop"}
            self.is_whole &= not (is_cut or choice.delta.tool_calls or choice.delta.refusal)
        yield from _in_pieces(legal)

    def finish(self, *, is_left: bool) -> ChatCompletionChunk:
        """Give the last chunk that was said, which has the finish reason.

        Args:
            is_left: whether no more was asked for, so that it need not have one.

        Raises:
            InvalidProviderResponseError: it has none.
        """
        if not is_left:
            self._guard.end()
        assert self._last is not None  # noqa: S101  Either has seen to it.
        return self._last


class Outgoing:
    """The one stream that a client sees, of one attempt or of two."""

    def __init__(self) -> None:
        self._reply: Reply | None = None
        self._usage: CompletionUsage | None = None
        self._calls = 0

    def chunks(self, chunk: ChatCompletionChunk, answer: Answer) -> Iterator[ChatCompletionChunk]:
        """Give what `answer` reads in `chunk`, and what else is in it."""
        if not chunk.choices:  # It tells what moderation found, and nothing else.
            yield self._like(chunk)
            return
        delta = chunk.choices[0].delta
        if any(value for name, value in given(delta).items() if name not in {"content", "role"}):
            yield self._like(chunk, delta.model_copy(update={"content": None}))
        for one in answer.read(delta.content or ""):
            yield self._said(chunk, one)

    def end(
        self, last: ChatCompletionChunk, rest: Iterable[str | Call], answer: Answer
    ) -> Iterator[ChatCompletionChunk]:
        """Give `rest`, and then the end of the stream."""
        for one in rest:
            yield self._said(last, one)
        reason = last.choices[0].finish_reason
        is_called = answer.is_over or (answer.calls and reason == "stop")
        chunk = self._like(last, ChoiceDelta())
        chunk.choices[0].finish_reason = "tool_calls" if is_called else reason
        if self._usage is not None:
            chunk.usage = self._usage
        yield chunk

    def count(self, more: CompletionUsage | None) -> None:
        """Add what an attempt took."""
        if self._usage is None or more is None:
            self._usage = self._usage or more
            return
        both = (self._usage, more)
        self._usage = usage(
            sum(_count(one, "prompt_tokens") for one in both),
            sum(_count(one, "completion_tokens") for one in both),
        )

    def _said(self, chunk: ChatCompletionChunk, one: str | Call) -> ChatCompletionChunk:
        if isinstance(one, str):
            return self._like(chunk, ChoiceDelta(content=one))
        made = Reply(model=chunk.model).call_chunk(tool_call(*one), self._calls)
        self._calls += 1
        return self._like(chunk, made.choices[0].delta)

    def _like(
        self, chunk: ChatCompletionChunk, delta: ChoiceDelta | None = None
    ) -> ChatCompletionChunk:
        """Give a chunk with what is beside the choices of `chunk`, and the id of the first."""
        if self._reply is None:
            self._reply = Reply(model=chunk.model, id=chunk.id, created=chunk.created)
        shared = {"id": self._reply.id, "created": self._reply.created, "model": self._reply.model}
        choices = [] if delta is None else [Choice(index=0, delta=delta, finish_reason=None)]
        copy = chunk.model_copy(update={**shared, "choices": choices})
        # It is null only to a client that asked for it, which the guard sees to.
        copy.model_fields_set.discard("usage")
        return copy


def _in_pieces(chunk: ChatCompletionChunk) -> Iterator[ChatCompletionChunk]:
    text = (chunk.choices[0].delta.content or "") if chunk.choices else ""
    if len(text) <= LONGEST_PIECE:
        yield chunk
        return
    delta = chunk.choices[0].delta.model_copy(update={"content": text[:LONGEST_PIECE]})
    yield _saying(chunk, delta)
    for at in range(LONGEST_PIECE, len(text), LONGEST_PIECE):
        yield _saying(chunk, ChoiceDelta(content=text[at : at + LONGEST_PIECE]))


def _saying(chunk: ChatCompletionChunk, delta: ChoiceDelta) -> ChatCompletionChunk:
    return chunk.model_copy(
        update={"choices": [chunk.choices[0].model_copy(update={"delta": delta})]}
    )


def _count(counted: CompletionUsage, name: str) -> int:
    # The official client makes its models of whatever an upstream says.
    count = getattr(counted, name, None)
    return count if isinstance(count, int) else 0
