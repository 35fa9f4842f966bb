"""Where spans go in tests: a list, or an OTLP collector on a real socket."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from veneer_gateway.tracing import Traces


class Recorder(Traces):
    """Keeps every span of one gateway."""

    def __init__(self) -> None:
        provider = TracerProvider(shutdown_on_exit=False)
        self._kept = InMemorySpanExporter()
        provider.add_span_processor(SimpleSpanProcessor(self._kept))
        super().__init__(provider)

    def spans(self, count: int, timeout_seconds: float = 5) -> tuple[ReadableSpan, ...]:
        """Give the spans, once so many have ended."""
        deadline = time.monotonic() + timeout_seconds
        while len(spans := self._kept.get_finished_spans()) < count:
            assert time.monotonic() < deadline, spans
            time.sleep(0.01)
        assert len(spans) == count
        return spans

    @property
    def span(self) -> ReadableSpan:
        """The only one there is."""
        return self.spans(1)[0]


@dataclass
class Collector:
    """Takes traces by OTLP over HTTP, as protobuf."""

    url: str = ""
    requests: list[bytes] = field(default_factory=list)
    has_come: threading.Event = field(default_factory=threading.Event)
    may_answer: threading.Event = field(default_factory=threading.Event)

    @property
    def spans(self) -> list[ResourceSpans]:
        return [
            spans
            for body in self.requests
            for spans in ExportTraceServiceRequest.FromString(body).resource_spans
        ]


@contextmanager
def collecting(*, answers: bool = True) -> Iterator[Collector]:
    """Run a collector on a free port of the loopback; one that does not answer hangs."""
    collector = Collector()
    if answers:
        collector.may_answer.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            collector.requests.append(self.rfile.read(int(self.headers["content-length"])))
            collector.has_come.set()
            collector.may_answer.wait()
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield collector
    finally:
        collector.may_answer.set()
        server.shutdown()
        thread.join()
        server.server_close()
