"""A browser, and the server of the pages that it shows."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, SimpleQueue
from tempfile import TemporaryDirectory
from threading import Thread
from urllib.parse import urlencode

from tests.clients.environments import FailureError, inherited

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# No window, and nothing asked of anybody but us.
_OPTIONS = (
    *("--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"),
    *("--disable-background-networking", "--disable-component-update"),
)


class Pages:
    """Serves a folder, at an origin of its own, and takes what its pages report."""

    def __init__(self) -> None:
        self.folder = Path()
        self.reports: SimpleQueue[bytes] = SimpleQueue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        self.port = self._server.server_address[1]
        self.origin = f"http://127.0.0.1:{self.port}"

    @contextmanager
    def serving(self) -> Iterator[None]:
        """Serve until the block ends."""
        Thread(target=self._server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            self._server.shutdown()
            self._server.server_close()


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, pages: Pages, *args: object) -> None:
        self._pages = pages
        super().__init__(*args, directory=str(pages.folder))  # type: ignore[arg-type]

    def do_POST(self) -> None:
        self._pages.reports.put(self.rfile.read(int(self.headers["content-length"])))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def find_browser() -> str | None:
    """Give the path of a browser that is installed."""
    return next(filter(None, map(shutil.which, _NAMES)), None)


async def browse(pages: Pages, page: str, query: dict[str, str], seconds: float) -> bytes:
    """Show `page` and give what it reports.

    Raises:
        FailureError: there is no browser, or no report in time.
    """
    program = find_browser()
    if program is None:
        raise FailureError("no browser is installed; on Debian: apt-get install chromium")
    root = ["--no-sandbox"] if os.geteuid() == 0 else []
    with TemporaryDirectory(prefix="clients-", ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            program,
            *_OPTIONS,
            *root,
            f"--user-data-dir={profile}",
            f"{pages.origin}/{page}?{urlencode(query)}",
            env=inherited(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            return await asyncio.to_thread(pages.reports.get, timeout=seconds)
        except Empty:
            raise FailureError(f"the page has not reported within {seconds} s") from None
        finally:
            process.terminate()
            await process.wait()
