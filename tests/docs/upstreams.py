"""Upstreams for the adapters of the pages, on real sockets."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Answer = Callable[[bytes], Iterator[bytes]]


@dataclass
class Upstream:
    """Answers every POST, and keeps what it has received."""

    answer: Answer
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    paths: list[str] = field(default_factory=list)
    received: list[dict[str, str]] = field(default_factory=list)
    """The headers of each request, their names in lower case."""


@contextmanager
def serving(upstream: Upstream) -> Iterator[Upstream]:
    """Serve on a free port until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["content-length"])
            body = self.rfile.read(length)
            if len(body) < length:
                return  # The client has left.
            upstream.paths.append(self.path)
            upstream.received.append({k.lower(): v for k, v in self.headers.items()})
            self.send_response(upstream.status)
            for name, value in upstream.headers.items():
                self.send_header(name, value)
            self.end_headers()
            for piece in upstream.answer(body):
                self.wfile.write(piece)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = False  # Closing waits for them.
        request_queue_size = 128

        def handle_error(self, *_: object) -> None:
            pass  # A client that leaves is no failure here.

    with Server(("127.0.0.1", 0), Handler) as server:
        upstream.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield upstream
        finally:
            server.shutdown()
            thread.join()
