"""An upstream that says what it is told to, and keeps what it was asked last."""

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Recorder:
    """What it was asked last, and what it says to it."""

    url: str
    asked: Any = None
    status: int = 200
    says: object = None
    """JSON, for a whole answer or an error."""
    streams: Sequence[object] = ()
    """JSON of the chunks, for those who ask for a stream."""


@contextmanager
def recording() -> Iterator[Recorder]:
    """Serve on a free port of the loopback until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            recorder.asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
            is_stream = recorder.asked.get("stream", False) and recorder.status == 200
            self.send_response(recorder.status)
            self.send_header(
                "content-type", "text/event-stream" if is_stream else "application/json"
            )
            self.send_header("connection", "close")
            self.end_headers()
            self.wfile.write(
                (_events(recorder) if is_stream else json.dumps(recorder.says)).encode()
            )

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    recorder = Recorder(f"http://127.0.0.1:{server.server_port}/v1")
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield recorder
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _events(recorder: Recorder) -> str:
    return (
        "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in recorder.streams) + "data: [DONE]\n\n"
    )
