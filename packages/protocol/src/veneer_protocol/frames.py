"""What an adapter streams to the frames of an event stream, held to the rules. No I/O."""

from collections.abc import AsyncIterator, Callable
from typing import Protocol

from openai.types.chat import ChatCompletionChunk

from veneer_protocol.adapter import ProviderAdapter
from veneer_protocol.answers.encoding import encode_text
from veneer_protocol.answers.guard import StreamGuard, check_piece
from veneer_protocol.answers.replies import Reply
from veneer_protocol.answers.sse import encode_event
from veneer_protocol.context import RequestContext
from veneer_protocol.requests.request import ChatCompletionRequest
from veneer_protocol.templates import SAMPLE, SAMPLE_TEXT, facts, template
from veneer_protocol.text import only_generates


class Frames(Protocol):
    """Makes the frames of one stream."""

    def frame(self, given: object) -> bytes | None:
        """Give the frame of what the adapter gave next, or None if it says nothing to a client.

        Raises:
            InvalidProviderResponseError: it breaks the rules of a stream.
        """

    def end(self) -> bytes:
        """Give what comes before the end of a good stream; it may be empty.

        Raises:
            InvalidProviderResponseError: the stream ended before its finish reason.
        """


def open_stream(
    adapter: ProviderAdapter,
    request: ChatCompletionRequest,
    context: RequestContext,
    *,
    note: Callable[[ChatCompletionChunk], object] | None = None,
    in_chunks: bool = False,
) -> tuple[AsyncIterator[object], Frames]:
    """Ask `adapter` for a stream; give what it says, and what makes frames of that.

    Of a `TextAdapter` these are the pieces themselves, and no chunk is made of them, unless that
    is wanted `in_chunks` or by `note`, which is called with each that may be sent.

    Raises:
        ModelNotFoundError: `request.model` is unknown there; others say so in the stream.
    """
    options = request.stream_options
    include_usage = options is not None and options.include_usage
    # Who generates one text cannot give several: the guard says so.
    is_one = request.n in (None, 1)
    if is_one and only_generates(adapter) and note is None and not in_chunks:
        adapter.check_model(request)
        pieces = adapter.generate(request, context)
        return pieces, _TextFrames(Reply(model=request.model), include_usage=include_usage)
    chunks = adapter.stream_chat_completion(request, context)
    guard = StreamGuard(
        include_usage=include_usage,
        choices=request.n or 1,
        features=adapter.features_of(request.model_name),
    )
    return chunks, _ChunkFrames(guard, note)


class _ChunkFrames:
    def __init__(
        self, guard: StreamGuard, note: Callable[[ChatCompletionChunk], object] | None
    ) -> None:
        self._guard = guard
        self._note = note

    def frame(self, given: object) -> bytes | None:
        chunk = self._guard.check(given)
        if self._note is not None and isinstance(given, ChatCompletionChunk):
            self._note(given)  # With the usage, which the guard keeps for the end.
        return None if chunk is None else encode_event(chunk)

    def end(self) -> bytes:
        usage = self._guard.end()
        return b"" if usage is None else encode_event(usage)


class _TextFrames:
    """Fills each piece into a frame that was once made, guarded and encoded like any other."""

    def __init__(self, reply: Reply, *, include_usage: bool) -> None:
        known = facts(reply)
        first, following, (last,), (alone,) = _TEMPLATES[include_usage]
        self._before, self._after = (piece % known for piece in first)
        self._following = tuple(piece % known for piece in following)
        self._last, self._alone = last % known, alone % known
        self._has_begun = False

    def frame(self, given: object) -> bytes | None:
        piece = check_piece(given)
        if not piece:
            return None
        frame = b"%b%b%b" % (self._before, encode_text(piece), self._after)
        if not self._has_begun:
            self._has_begun = True
            self._before, self._after = self._following
        return frame

    def end(self) -> bytes:
        return self._last if self._has_begun else self._alone


def _templates(*, include_usage: bool) -> tuple[tuple[bytes, ...], ...]:
    """Give the frame of a first piece, of another, of the end, and of an end without a piece."""
    guard, other = (StreamGuard(include_usage=include_usage) for _ in range(2))
    chunks = (
        guard.check(SAMPLE.chunk(SAMPLE_TEXT)),
        guard.check(SAMPLE.chunk(SAMPLE_TEXT)),
        guard.check(SAMPLE.last_chunk()),
        other.check(SAMPLE.last_chunk()),
    )
    return tuple(template(encode_event(chunk)) for chunk in chunks if chunk is not None)


_TEMPLATES = {False: _templates(include_usage=False), True: _templates(include_usage=True)}
