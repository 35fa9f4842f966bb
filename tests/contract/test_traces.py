"""What a trace shows of a request, and whose part of it an adapter's upstream becomes."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import suppress

import httpx2
import pytest
from openai import APIError, AsyncOpenAI, NotFoundError
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from opentelemetry import trace
from opentelemetry.context import attach, detach
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id

from tests.adapters import PatientAdapter, PlainAdapter, ScriptedAdapter
from tests.collectors import Recorder
from tests.contract.test_background import DutifulAdapter
from tests.contract.test_cancellation import SOON, ask, leave, read_until
from tests.contract.test_chat import HELLO
from veneer_gateway import Settings
from veneer_gateway.testing import RunningGateway, running_gateway
from veneer_protocol import ChatCompletionRequest, Reply, RequestContext
from veneer_providers_dummy import DummyAdapter
from veneer_providers_openai import OpenAIAdapter, Upstream

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = f"00-{TRACE}-b7ad6b7169203331-01"


def client(gateway: RunningGateway) -> AsyncOpenAI:
    return AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="sk-of-a-test", max_retries=0)


def told(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


def own(span: ReadableSpan) -> trace.SpanContext:
    context = span.get_span_context()
    assert context is not None
    return context


async def test_an_answer_is_told_by_the_conventions() -> None:
    traces = Recorder()

    with running_gateway(DummyAdapter(), tracing=traces) as gateway:
        async with client(gateway) as openai:
            answer = await openai.chat.completions.create(
                model="dummy/echo-1",
                messages=HELLO,
                max_tokens=3,
                temperature=0.5,
                top_p=1,
                stop=["never said"],
                extra_headers={"x-request-id": "req-1"},
            )

    span, attributes = traces.span, told(traces.span)
    assert (span.name, span.kind) == ("chat dummy/echo-1", SpanKind.SERVER)
    assert span.status.status_code is StatusCode.UNSET
    assert 0 <= float(str(attributes.pop("veneer.adapter_seconds"))) < SOON
    assert 0 <= float(str(attributes.pop("veneer.overhead_seconds"))) < SOON
    assert answer.usage is not None
    assert attributes == {
        "http.request.method": "POST",
        "http.route": "/v1/chat/completions",
        "http.response.status_code": 200,
        "url.path": "/v1/chat/completions",
        "url.scheme": "http",
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "dummy",
        "gen_ai.request.model": "dummy/echo-1",
        "gen_ai.request.max_tokens": 3,
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 1.0,
        "gen_ai.request.stop_sequences": ("never said",),
        "gen_ai.response.id": answer.id,
        "gen_ai.response.model": "dummy/echo-1",
        "gen_ai.response.finish_reasons": ("length",),
        "gen_ai.usage.input_tokens": answer.usage.prompt_tokens,
        "gen_ai.usage.output_tokens": 3,
        "veneer.request_id": "req-1",
        "veneer.ended": "complete",
    }


async def test_a_stream_is_told_with_its_first_chunk_its_length_and_its_usage() -> None:
    traces = Recorder()

    with running_gateway(DummyAdapter(), tracing=traces) as gateway:
        async with client(gateway) as openai:
            stream = await openai.chat.completions.create(
                model="dummy/echo-1", messages=HELLO, max_tokens=3, stream=True
            )
            chunks = [chunk async for chunk in stream]

    attributes = told(traces.span)
    assert attributes["gen_ai.request.stream"] is True
    assert 0 < float(str(attributes["gen_ai.response.time_to_first_chunk"])) < SOON
    assert attributes["gen_ai.response.id"] == chunks[0].id
    assert attributes["gen_ai.response.finish_reasons"] == ("length",)
    assert attributes["gen_ai.usage.output_tokens"] == 3  # The client did not ask for it.
    assert attributes["veneer.chunks"] == len(chunks)
    assert attributes["veneer.ended"] == "complete"


async def test_a_stream_that_breaks_is_an_error_though_its_status_is_200() -> None:
    traces, reply = Recorder(), Reply(model="scripted/one")

    with running_gateway(
        ScriptedAdapter(reply.chunk("hello"), RuntimeError()), tracing=traces
    ) as gateway:
        async with client(gateway) as openai:
            stream = await openai.chat.completions.create(
                model="scripted/one", messages=HELLO, stream=True
            )
            with pytest.raises(APIError):
                [_ async for _ in stream]

    attributes = told(traces.span)
    assert traces.span.status.status_code is StatusCode.ERROR
    assert traces.span.status.description is None
    assert attributes["error.type"] == "internal_error"
    assert attributes["http.response.status_code"] == 200
    assert attributes["veneer.ended"] == "error frame"


async def test_a_model_that_nobody_serves_is_not_named() -> None:
    traces = Recorder()

    with running_gateway(DummyAdapter(), tracing=traces) as gateway:
        async with client(gateway) as openai:
            for model in ("nobody/sk-of-a-caller", "dummy/sk-of-a-caller"):
                with pytest.raises(NotFoundError):
                    await openai.chat.completions.create(model=model, messages=HELLO)

    unknown, absent = traces.spans(2)
    assert (unknown.name, absent.name) == 2 * ("POST /v1/chat/completions",)
    assert told(unknown)["error.type"] == "provider_not_found"
    assert told(absent)["error.type"] == "model_not_found"
    assert {unknown.status.status_code, absent.status.status_code} == {StatusCode.UNSET}
    assert not [span for span in (unknown, absent) if "sk-of-a-caller" in str(told(span))]


@pytest.mark.parametrize(
    ("method", "path", "name"),
    [
        ("GET", "/v1/models", "GET /v1/models"),
        ("GET", "/v1/models/dummy/echo-1", "GET /v1/models/{model}"),
        ("POST", "/v1/models?key=hunter2", "POST /v1/models"),
        ("GET", "/elsewhere", "GET"),
        ("BREW", "/elsewhere", "HTTP"),
    ],
)
def test_other_requests_are_named_by_method_and_route(method: str, path: str, name: str) -> None:
    traces = Recorder()

    with running_gateway(DummyAdapter(), tracing=traces) as gateway:
        httpx2.request(method, f"{gateway.url}{path}")

    assert traces.span.name == name
    assert "hunter2" not in str(told(traces.span))


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/readyz"])
def test_what_is_asked_all_the_time_has_no_span(path: str) -> None:
    traces = Recorder()

    with running_gateway(DummyAdapter(), tracing=traces) as gateway:
        httpx2.get(f"{gateway.url}{path}")

    traces.spans(0)


@pytest.mark.parametrize(
    ("stream", "chunks_before"),
    [(False, 0), (True, 0), (True, 3)],
    ids=["plain request", "before the first chunk", "mid-stream"],
)
def test_a_span_ends_when_the_client_leaves(stream: bool, chunks_before: int) -> None:
    traces, adapter = Recorder(), PatientAdapter(chunks_before)

    with running_gateway(adapter, tracing=traces) as gateway:
        connection = ask(gateway, "patient/one", stream=stream)
        assert adapter.is_waiting.wait(SOON)
        if chunks_before:
            read_until(connection, b"word ")
        leave(connection, abruptly=False)

        attributes = told(traces.span)

    assert attributes["veneer.ended"] == "cut"
    assert ("http.response.status_code" in attributes) == bool(chunks_before)


class ReluctantAdapter(PatientAdapter):
    """Swallows its cancellation until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.may_end = threading.Event()

    async def _wait(self) -> None:
        while not self.may_end.is_set():
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("kind", [PatientAdapter, ReluctantAdapter])
def test_a_span_ends_when_time_is_up_whatever_the_adapter_does(
    kind: type[PatientAdapter], stream: bool
) -> None:
    traces, adapter = Recorder(), kind()
    settings = Settings(host="127.0.0.1", port=0, drain_seconds=1, total_timeout_seconds=0.2)

    with running_gateway(adapter, settings=settings, tracing=traces) as gateway:
        body = {"model": "patient/one", "messages": HELLO, "stream": stream}
        httpx2.post(f"{gateway.url}/v1/chat/completions", json=body, timeout=20)

        span = traces.span
        if isinstance(adapter, ReluctantAdapter):
            adapter.may_end.set()

    assert told(span)["error.type"] == "total_timeout"
    assert span.status.status_code is StatusCode.ERROR


def test_a_span_ends_when_the_process_does() -> None:
    traces, adapter = Recorder(), PatientAdapter(1)

    with running_gateway(adapter, tracing=traces) as gateway:
        connection = ask(gateway, "patient/one", stream=True)
        read_until(connection, b"word ")

    assert told(traces.span)["error.type"] == "shutting_down"
    connection.close()


class NosyAdapter(DutifulAdapter):
    """Notes which span is the current one wherever its code runs, and opens one across a yield."""

    def __init__(self, *, in_background: bool) -> None:
        super().__init__()
        self.name = "nosy"
        self.finishes_in_background = in_background
        self.seen: list[trace.SpanContext] = []

    def look(self) -> None:
        self.seen.append(trace.get_current_span().get_span_context())

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        self.look()
        await asyncio.create_task(asyncio.sleep(0))
        await asyncio.to_thread(self.look)
        self.contexts.append(context)
        return Reply(model=request.model).completion("hello")

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        reply = Reply(model=request.model)
        self.contexts.append(context)
        token = attach(trace.set_span_in_context(trace.get_current_span()))
        try:
            self.look()
            yield reply.chunk("hello")
            await asyncio.sleep(0)
            self.look()
            yield reply.last_chunk()
        finally:
            self.look()
            detach(token)  # Another task's context would refuse this, and log it.


@pytest.mark.parametrize("in_background", [False, True], ids=["", "in the background"])
@pytest.mark.parametrize("stream", [False, True])
def test_adapters_run_inside_the_span_of_their_request(
    stream: bool, in_background: bool, caplog: pytest.LogCaptureFixture
) -> None:
    traces, adapter = Recorder(), NosyAdapter(in_background=in_background)

    with running_gateway(adapter, tracing=traces) as gateway:
        for _ in range(2):
            httpx2.post(
                f"{gateway.url}/v1/chat/completions",
                json={"model": "nosy/one", "messages": HELLO, "stream": stream},
            )
        spans = traces.spans(2)

    half = len(adapter.seen) // 2
    assert half >= 2
    for span, seen in zip(spans, (adapter.seen[:half], adapter.seen[half:]), strict=True):
        assert {context.span_id for context in seen} == {own(span).span_id}
    assert len({own(span).trace_id for span in spans}) == 2
    assert "Failed to detach" not in caplog.text


@pytest.mark.parametrize(
    ("given", "is_parent"),
    [(CALLER, True), ("", False), ("00-hunter2-b7ad6b7169203331-01", False)],
    ids=["valid", "none", "malformed"],
)
def test_the_span_of_the_caller_is_the_parent(given: str, is_parent: bool) -> None:
    traces, adapter = Recorder(), PlainAdapter()

    with running_gateway(adapter, tracing=traces) as gateway:
        httpx2.post(
            f"{gateway.url}/v1/chat/completions",
            json={"model": "plain/one", "messages": HELLO},
            headers={"traceparent": given, "tracestate": "acme=1", "baggage": "tenant=seven"},
        )

    span, (context,) = traces.span, adapter.contexts
    assert (span.parent is not None) == is_parent
    assert (format_trace_id(own(span).trace_id) == TRACE) == is_parent
    # What an adapter sends on names the span of the gateway, not that of the caller.
    assert context.headers.get_all("traceparent") == (onward(span),)
    assert context.headers.get("tracestate") == ("acme=1" if is_parent else None)
    assert context.headers["baggage"] == "tenant=seven"


def onward(span: ReadableSpan) -> str:
    context = own(span)
    ids = f"{format_trace_id(context.trace_id)}-{format_span_id(context.span_id)}"
    return f"00-{ids}-{context.trace_flags:02x}"


def test_a_caller_that_is_not_sampled_is_not_and_its_upstream_is_told_so() -> None:
    traces, adapter = Recorder(), PlainAdapter()

    with running_gateway(adapter, tracing=traces) as gateway:
        httpx2.post(
            f"{gateway.url}/v1/chat/completions",
            json={"model": "plain/one", "messages": HELLO},
            headers={"traceparent": f"{CALLER[:-2]}00"},
        )

    traces.spans(0)
    (context,) = adapter.contexts
    assert context.headers["traceparent"].startswith(f"00-{TRACE}-")
    assert context.headers["traceparent"].endswith("-00")


def test_without_traces_the_headers_of_a_trace_come_as_they_were_sent() -> None:
    adapter = PlainAdapter()

    with running_gateway(adapter) as gateway:
        httpx2.post(
            f"{gateway.url}/v1/chat/completions",
            json={"model": "plain/one", "messages": HELLO},
            headers={"traceparent": CALLER},
        )

    assert adapter.contexts[0].headers["traceparent"] == CALLER


def behind(inner: RunningGateway, **settings: object) -> OpenAIAdapter:
    url = f"{inner.url}/v1"
    return OpenAIAdapter(Upstream.model_validate({"name": "in", "base_url": url, **settings}))


@pytest.mark.parametrize("key", [None, "sk-of-the-operator"], ids=["caller's key", "own key"])
@pytest.mark.parametrize("stream", [False, True])
async def test_two_gateways_are_two_spans_of_one_trace(stream: bool, key: str | None) -> None:
    first, second = Recorder(), Recorder()

    with (
        running_gateway(DummyAdapter(), tracing=second) as inner,
        running_gateway(behind(inner, api_key=key), tracing=first) as outer,
    ):
        async with client(outer) as openai:
            answer = await openai.chat.completions.create(
                model="in/dummy/echo-1",
                messages=HELLO,
                stream=stream,
                extra_headers={"traceparent": CALLER},
            )
            if not isinstance(answer, ChatCompletion):
                assert [chunk async for chunk in answer]

    ours, theirs = first.span, second.span
    assert ours.parent is not None
    assert theirs.parent is not None
    assert format_span_id(ours.parent.span_id) == "b7ad6b7169203331"
    assert theirs.parent.span_id == own(ours).span_id
    assert {own(span).trace_id for span in (ours, theirs)} == {int(TRACE, 16)}
    assert (ours.name, theirs.name) == ("chat in/dummy/echo-1", "chat dummy/echo-1")
