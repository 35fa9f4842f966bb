"""Where a gateway tells of the requests that are over: its log, its metrics, and its traces."""

import logging
from typing import Protocol

from openai.types.chat import ChatCompletion, ChatCompletionChunk

from veneer_gateway.metrics import Metrics
from veneer_gateway.served import Served
from veneer_protocol import Headers

_QUIET_PATHS = frozenset({"/healthz", "/metrics", "/readyz"})
_LONGEST_LOGGED = 100
_MOST_MODELS = 1000

log = logging.getLogger("veneer.access")


class Span(Protocol):
    """What a trace shows of one request. From its beginning on it is the current one."""

    @property
    def headers(self) -> Headers:
        """The caller's, but for those that name the span that asks: this one now."""

    def note_answer(self, answer: ChatCompletion | ChatCompletionChunk) -> None:
        """Take note of an answer, or of a part of one, that may be sent."""

    def end(self, served: Served, model: str | None) -> None:
        """End it; `model` is what was asked for, if it may be told."""


class Tracing(Protocol):
    """Makes spans, and brings them to where they are looked at."""

    def begin(self, method: str, path: str, route: str | None, headers: Headers) -> Span:
        """Begin the span of a request, below the one that `headers` name."""

    async def flush(self, seconds: float) -> None:
        """Bring what has ended to its place, within a time limit."""


class Report:
    """Tells of every request to one gateway, once it is over."""

    def __init__(self, metrics: Metrics, tracing: Tracing | None = None) -> None:
        self.metrics = metrics
        """What is counted of them."""
        self.tracing = tracing
        self._models: set[str] = set()

    def begin(self, method: str, path: str, route: str | None, headers: Headers) -> Span | None:
        """Begin the span of a request, if there are traces and it belongs into one."""
        if self.tracing is None or path in _QUIET_PATHS:
            return None
        return self.tracing.begin(method, path, route, headers)

    def tell(self, served: Served, span: Span | None) -> None:
        """Count it, write its one line into the log, and end its span."""
        model = self._model(served)
        is_quiet = served.path in _QUIET_PATHS
        if not is_quiet:
            self.metrics.observe(served)
        level = logging.DEBUG if is_quiet else logging.INFO
        if log.isEnabledFor(level):
            log.log(level, "request", extra=_line(served, model))
        if span is not None:
            span.end(served, model)

    def _model(self, served: Served) -> str | None:
        """Give the model that was asked for, if somebody has answered for it, now or before.

        Any other is whatever a caller wrote there, which may be a secret in the wrong place.
        """
        if served.chat is None:
            return None
        model = served.chat.model
        if served.status == 200 and len(self._models) < _MOST_MODELS:
            self._models.add(model)
        is_known = served.status == 200 or model in self._models
        return model[:_LONGEST_LOGGED] if is_known else None


def _line(served: Served, model: str | None) -> dict[str, object]:
    # Neither the query nor any header: either may hold a secret.
    line: dict[str, object | None] = {
        "method": served.method,
        "path": served.path,
        "status": served.status,
        "duration_ms": _milliseconds(served.seconds),
        "adapter_ms": _milliseconds(served.adapter_seconds),
        "overhead_ms": _milliseconds(served.overhead_seconds),
        "ended": served.ended,
    }
    first = served.first_chunk_seconds
    if first is not None:
        line["first_chunk_ms"] = _milliseconds(first)
    if served.mode != "plain":
        line["chunks"] = served.chunks
    if served.provider is not None:
        line["provider"] = served.provider
    if model is not None:
        line["model"] = model
    if served.chat is not None:
        line["stream"] = served.chat.stream
    if served.error is not None:
        line["error"] = served.error
    return line


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 1)
