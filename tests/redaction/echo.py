"""An upstream whose every answer is an error that repeats the request, headers and all."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class _Echo(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self._answer("")

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers["content-length"])).decode())

    def _answer(self, body: str) -> None:
        words = f"{self.headers} {self.path} {body}"
        error = {"message": words, "type": words, "code": words, "param": words}
        text = json.dumps({"error": error})
        if self.headers.get("x-status", "200") == "200" and '"stream":true' in body:
            text = f"data: {text}\n\n"
        self.send_response(int(self.headers.get("x-status", "200")))
        self.send_header("content-type", "application/json")
        self.send_header("x-request-id", self.headers.get("x-api-key", ""))
        self.send_header("connection", "close")
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def echoing() -> Iterator[str]:
    """Serve it on a free port of the loopback, and give the URL of its API."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
