"""What the gateway counts, for Prometheus.

No label has a value that a caller can make up: providers are those that are registered, and models
are not told apart.
"""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from veneer_gateway.served import Served

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
_OVERHEAD_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1)


class Metrics:
    """The counters of one gateway; of all its workers where they share a `folder`.

    The variable PROMETHEUS_MULTIPROC_DIR must then have named that folder from the start.
    """

    def __init__(self, folder: str | None = None) -> None:
        self._folder = folder
        self._registry = CollectorRegistry()
        who = ("endpoint", "provider", "mode")
        self._requests = Counter(
            "veneer_requests",
            "Requests, by how they ended; status 499 is a client that left before there was one.",
            (*who, "status", "ended"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "veneer_request_seconds",
            "From the first byte of a request to the last of its answer.",
            who,
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._first_chunk = Histogram(
            "veneer_first_chunk_seconds",
            "From the first byte of a request to the first chunk of its stream.",
            ("provider",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._overhead = Histogram(
            "veneer_overhead_seconds",
            "What the gateway itself took: not the adapter, the request's body, or the sending.",
            who,
            buckets=_OVERHEAD_SECONDS,
            registry=self._registry,
        )
        self._send = Histogram(
            "veneer_send_seconds",
            "What sending the answer took, the wait for a slow reader included.",
            who,
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._chunks = Counter(
            "veneer_chunks", "Chunks that were sent.", ("provider",), registry=self._registry
        )
        self._in_flight = Gauge(
            "veneer_requests_in_flight",
            "Requests being served.",
            registry=self._registry,
            multiprocess_mode="livesum",
        )
        self._found: dict[
            tuple[tuple[str, str, str], int, str], tuple[Counter, Histogram, Histogram, Histogram]
        ] = {}

    def note_in_flight(self, count: int) -> None:
        """Tell how many requests are being served now."""
        self._in_flight.set(count)

    def observe(self, served: Served) -> None:
        """Count a request to one of the gateway's endpoints."""
        provider = served.provider or "none"
        who = (served.endpoint, provider, served.mode)
        status = 499 if served.status is None else served.status
        requests, seconds, overhead, send = self._labelled(who, status, served.ended)
        requests.inc()
        seconds.observe(served.seconds)
        overhead.observe(served.overhead_seconds)
        send.observe(served.send_seconds)
        if served.first_chunk_seconds is not None:
            self._first_chunk.labels(provider).observe(served.first_chunk_seconds)
        if served.chunks:
            self._chunks.labels(provider).inc(served.chunks)

    def _labelled(
        self, who: tuple[str, str, str], status: int, ended: str
    ) -> tuple[Counter, Histogram, Histogram, Histogram]:
        """Give what counts such requests; prometheus_client takes its time to find that."""
        key = (who, status, ended)
        if (found := self._found.get(key)) is None:
            found = self._found[key] = (
                self._requests.labels(*who, str(status), ended),
                self._seconds.labels(*who),
                self._overhead.labels(*who),
                self._send.labels(*who),
            )
        return found

    def encode(self) -> bytes:
        """Give all that was counted."""
        if self._folder is None:
            return generate_latest(self._registry)
        everybody = CollectorRegistry()
        MultiProcessCollector(everybody, self._folder)  # type: ignore[no-untyped-call]
        return generate_latest(everybody)
