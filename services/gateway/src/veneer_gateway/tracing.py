"""A span for each request, by OpenTelemetry; needs the extra `opentelemetry`.

One span of kind `SERVER`, which is both the HTTP request and the GenAI operation that it asks for.
It tells names, numbers and times: never what was asked or answered, nor any header's value.

Reference: https://opentelemetry.io/docs/specs/semconv/http/http-spans/ and
https://github.com/open-telemetry/semantic-conventions-genai/blob/main/docs/gen-ai/client-inference.md
"""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.metadata import entry_points, version
from typing import Any, Self

from openai.types import CompletionUsage
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from opentelemetry import propagate, trace
from opentelemetry.context import Context, attach
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, StatusCode

from veneer_gateway.served import Served
from veneer_protocol import ChatCompletionRequest, Headers

_EXPORTERS = "opentelemetry_traces_exporter"
_OTLP = {"http/protobuf": "otlp_proto_http", "grpc": "otlp_proto_grpc"}
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})

Attributes = dict[str, str | bool | int | float | tuple[str, ...]]


class TracingError(Exception):
    """The environment asks for traces that cannot be made; the message says why."""


class Traces:
    """Makes a span of each request and hands it to the exporters of a tracer provider."""

    def __init__(self, provider: TracerProvider) -> None:
        self._provider = provider
        self._tracer = provider.get_tracer("veneer_gateway", version("veneer-gateway"))

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Make a provider as the `OTEL_*` variables have it, and make it the process's own.

        So adapters' instrumented libraries use it too. Where `opentelemetry-instrument` has made
        one before, it is that.

        Raises:
            TracingError: what they name is not installed, or malformed.
        """
        provider = trace.get_tracer_provider()
        if not isinstance(provider, TracerProvider):
            # OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME; a process has no better default.
            named = OTELResourceDetector().detect().attributes.get("service.name")
            resource = Resource.create({"service.name": named or "veneer-gateway"})
            # Flushed by `flush`: at the exit of the process it would take up to half a minute.
            provider = TracerProvider(resource=resource, shutdown_on_exit=False)
            for processor in _processors(environment):
                provider.add_span_processor(processor)
            trace.set_tracer_provider(provider)
        return cls(provider)

    def begin(self, method: str, path: str, route: str | None, headers: Headers) -> "RequestSpan":
        """Begin the span of a request and make it the current one of this task.

        It is never put back: the task and what it starts are for this request alone.
        """
        parent = propagate.extract(headers, Context())
        # Any other method is whatever a caller wrote there.
        known = method if method in _METHODS else None
        attributes: Attributes = {
            "http.request.method": known or "_OTHER",
            "url.path": path,
            "url.scheme": "http",
            **({} if route is None else {"http.route": route}),
        }
        name = " ".join(filter(None, (known or "HTTP", route)))
        span = self._tracer.start_span(name, parent, SpanKind.SERVER, attributes)
        context = trace.set_span_in_context(span, parent)
        attach(context)
        return RequestSpan(span, _onward(headers, context))

    async def flush(self, seconds: float) -> None:
        """Export what has ended, for no longer than that."""
        loop, is_done = asyncio.get_running_loop(), asyncio.Event()

        def export() -> None:
            self._provider.force_flush()
            with suppress(RuntimeError):  # Nobody waits any more, and the loop is closed.
                loop.call_soon_threadsafe(is_done.set)

        # A thread that nobody waits for at the end: the exporter knows no limit but its own.
        threading.Thread(target=export, name="flush", daemon=True).start()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await is_done.wait()


class RequestSpan:
    """The span of one request."""

    def __init__(self, span: trace.Span, headers: Headers) -> None:
        self.headers = headers
        """The caller's, with this span in place of the one that they named."""
        self._span = span
        self._answer: ChatCompletion | ChatCompletionChunk | None = None
        self._finish_reason: str | None = None
        self._usage: CompletionUsage | None = None

    def note_answer(self, answer: ChatCompletion | ChatCompletionChunk) -> None:
        """Take note of an answer, or of a part of one."""
        self._answer = answer
        self._usage = answer.usage or self._usage
        if answer.choices:
            self._finish_reason = answer.choices[0].finish_reason or self._finish_reason

    def end(self, served: Served, model: str | None) -> None:
        """Say all that there is to say, and end it."""
        if self._span.is_recording():
            if model is not None:
                self._span.update_name(f"chat {model}")
            self._span.set_attributes(
                {**_of_http(served), **_of_chat(served, model), **self._of_answer()}
            )
            # A caller's own mistake is no failure of a server.
            if (served.status or 0) >= 500 or served.ended == "error frame":
                self._span.set_status(StatusCode.ERROR)
        self._span.end()

    def _of_answer(self) -> Attributes:
        answer, usage = self._answer, self._usage
        if answer is None:
            return {}
        found: dict[str, Any] = {
            "gen_ai.response.id": answer.id,
            "gen_ai.response.model": getattr(answer, "model", None),
            "gen_ai.response.finish_reasons": self._finish_reason and (self._finish_reason,),
        }
        if usage is not None:
            # An upstream need not have counted both.
            found |= {
                "gen_ai.usage.input_tokens": getattr(usage, "prompt_tokens", None),
                "gen_ai.usage.output_tokens": getattr(usage, "completion_tokens", None),
            }
        return _given(found)


def _of_http(served: Served) -> Attributes:
    return _given(
        {
            "http.response.status_code": served.status,
            "error.type": served.error,
            "veneer.request_id": served.request_id,
            "veneer.ended": served.ended,
            "veneer.adapter_seconds": served.adapter_seconds,
            "veneer.overhead_seconds": served.overhead_seconds,
        }
    )


def _of_chat(served: Served, model: str | None) -> Attributes:
    if served.chat is None or served.provider is None:
        return {}
    chat: ChatCompletionRequest = served.chat
    return _given(
        {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": served.provider,
            "gen_ai.request.model": model,
            "gen_ai.request.stream": chat.stream or None,
            "gen_ai.request.max_tokens": chat.token_limit,
            "gen_ai.request.temperature": chat.temperature,
            "gen_ai.request.top_p": chat.top_p,
            "gen_ai.request.stop_sequences": chat.stop_sequences or None,
            "gen_ai.response.time_to_first_chunk": served.first_chunk_seconds,
            "veneer.chunks": served.chunks if chat.stream else None,
        }
    )


def _given(attributes: Mapping[str, Any]) -> Attributes:
    return {name: value for name, value in attributes.items() if value is not None}


def _onward(headers: Headers, context: Context) -> Headers:
    """Give `headers` with the span of `context` as the one that asks."""
    ours: dict[str, str] = {}
    propagate.inject(ours, context)
    # Baggage goes on as it came: it is the caller's.
    names = {name.lower().encode() for name in propagate.get_global_textmap().fields} - {b"baggage"}
    kept = [pair for pair in headers.raw if pair[0] not in names]
    own = [(name.encode(), value.encode()) for name, value in ours.items()]
    return Headers([*kept, *(pair for pair in own if pair[0].lower() in names)])


def _processors(environment: Mapping[str, str]) -> Iterator[SpanProcessor]:
    for name in (environment.get("OTEL_TRACES_EXPORTER") or "otlp").split(","):
        wanted = _otlp(environment) if name.strip() == "otlp" else name.strip()
        found = entry_points(group=_EXPORTERS, name=wanted)
        if not found:
            raise TracingError(f"no exporter {wanted!r} is installed")
        try:
            yield BatchSpanProcessor(next(iter(found)).load()())
        except (ImportError, ValueError) as error:
            # Without its words: what is malformed may be a key.
            raise TracingError(f"the exporter {wanted!r} raises {type(error).__name__}") from None


def _otlp(environment: Mapping[str, str]) -> str:
    """Give the exporter of the protocol that is asked for; gRPC's is not in the extra."""
    of_traces = environment.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
    protocol = of_traces or environment.get("OTEL_EXPORTER_OTLP_PROTOCOL") or "http/protobuf"
    return _OTLP.get(protocol.strip(), protocol)
