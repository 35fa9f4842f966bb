"""uvicorn's HTTP/1.1 with bounds, with our error body, and with an end to every connection."""

import asyncio
from collections import deque
from contextlib import suppress
from contextvars import copy_context
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from veneer_gateway.connection import (
    OTHER_VERSION_REFUSED,
    HeadersTooLargeError,
    MalformedRequestError,
)
from veneer_gateway.servers.uvicorn_cycle import Cycle, refusal
from veneer_gateway.servers.uvicorn_head import check_head
from veneer_protocol import ApiError

# So that of what has come at once little is parsed while another request is being served.
_SLICE_BYTES = 8 * 1024
_LINGER_SECONDS = 1
# What a head has beside what our limit counts.
_FRAMING_BYTES = len(b"  HTTP/1.1\r\n\r\n")


class Http1Protocol(HttpToolsProtocol):
    """One connection of HTTP/1.1."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._most_bytes = (config.h11_max_incomplete_event_size or 0) + _FRAMING_BYTES
        # The requests without a whole answer; the first is being served.
        self._unanswered: deque[Cycle] = deque()
        # What has come, and is to be parsed later.
        self._held = b""
        # How much the parser has had since it last had something to tell.
        self._pending_bytes = 0
        self._is_in_head = True
        # Whether nothing more is taken from this client.
        self._is_over = False
        self._is_stopping = False
        self.url = b""
        self.headers = []
        self._patience: asyncio.TimerHandle | None = None
        self._context = copy_context()

    # The connection.

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for a request."""
        super().connection_made(transport)
        self._expect_head()

    def eof_received(self) -> None:
        """Take a client that will send no more for one that is gone, as Hypercorn does."""
        self._be_left()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let every request know; uvicorn tells the last."""
        self._be_left()
        super().connection_lost(exc)

    def _be_left(self) -> None:
        self._is_over = True
        self._held = b""
        self._expect_no_head()
        for cycle in self._unanswered:
            cycle.be_left()

    def shutdown(self) -> None:
        """Close the connection, when what has been asked so far is answered."""
        self._is_stopping = True
        if self._unanswered:
            self._unanswered[-1].keep_alive = False
        else:
            self.transport.close()

    def _expect_head(self) -> None:
        """Give the client its time for a whole head; uvicorn's limit ends with the first byte."""
        self._patience = self.loop.call_later(self.timeout_keep_alive, self._leave)

    def _expect_no_head(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _leave(self) -> None:
        """Close the connection, but not at once under the hands of a client that is still sending.

        What comes in after the close would reset it, and the client might lose the answer.
        """
        if self.transport.is_closing():
            return
        if self._is_in_head and not (self._is_over or self._pending_bytes or self._held):
            self.transport.close()
            return
        self._is_over = True
        with suppress(OSError):  # The client may have reset it.
            self.transport.write_eof()
        self.flow.resume_reading()
        self._patience = self.loop.call_later(_LINGER_SECONDS, self.transport.close)

    # What comes in.

    def data_received(self, data: bytes) -> None:
        """Parse `data`, as far as no more than one request waits for another."""
        if self._is_over:
            return
        if self._held or len(data) > _SLICE_BYTES or len(self._unanswered) > 1:
            self._held += data
            self._parse_held()
        else:
            self._parse(data)

    def _parse_held(self) -> None:
        held, self._held = memoryview(self._held), b""
        for begin in range(0, len(held), _SLICE_BYTES):
            if len(self._unanswered) > 1:
                self._held = bytes(held[begin:])
                self.flow.pause_reading()
                break
            self._parse(held[begin : begin + _SLICE_BYTES])
            if self._is_over:
                break

    def _parse(self, data: bytes | memoryview) -> None:
        self._pending_bytes += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            rest = bytes(data[upgrade.args[0] :])
            if not self._is_connect():  # Behind which all goes unanswered.
                rest = self._plain_head() + rest
                self.parser = httptools.HttpRequestParser(self)
            self._parse(rest)
        except httptools.HttpParserError as error:
            self._refuse(self._refusal(error))
        else:
            if self._pending_bytes > self._most_bytes:
                self._refuse(HeadersTooLargeError("The head of the request is too large."))

    def _is_connect(self) -> bool:
        return self.parser.get_method() == b"CONNECT"

    def _plain_head(self) -> bytes:
        """Give the head that was read last without its `Upgrade`, and so with its body behind it.

        A server may ignore that header (RFC 9110, section 7.8). The parser would take the body for
        another protocol, and then for the next request.
        """
        method, version = self.parser.get_method(), self.parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (method, self.url, version)]
        lines += [b"%b: %b" % header for header in self.headers if header[0] != b"upgrade"]
        self._pending_bytes = 0
        return b"\r\n".join([*lines, b"", b""])

    def _refusal(self, error: httptools.HttpParserError) -> ApiError:
        if isinstance(error.__context__, ApiError):  # By `on_headers_complete`.
            return error.__context__
        if self._is_in_head and self.parser.get_http_version() not in {"0.0", "1.0", "1.1"}:
            return OTHER_VERSION_REFUSED
        return MalformedRequestError(str(error))

    def _refuse(self, error: ApiError) -> None:
        """Answer with `error` in its turn, and then close the connection."""
        self._is_over = True
        if not self._is_in_head:
            # Its head was good, and so it is being served, or waits for that, or was answered.
            if self.cycle.response_started:
                self.transport.close()
                return
            self._unanswered.pop().be_left()
        self._expect_no_head()
        scope = {
            "type": "http",
            "http_version": "1.1",
            # None that a client can send, where it is not known yet.
            "method": self.parser.get_method().decode("ascii") if self.url else "-",
            "path": "/",
            "raw_path": self.url.partition(b"?")[0],
            "query_string": b"",
            "headers": self.headers,
        }
        self._serve(self._cycle(scope, keep_alive=False, app=refusal(self.app, error)))

    # What the parser finds.

    def on_url(self, url: bytes) -> None:
        """Take a part of the target.

        Raises:
            ApiError: it is not of HTTP/1.1, but how HTTP/2 begins.
        """
        super().on_url(url)
        if self.parser.get_method() == b"PRI":
            raise OTHER_VERSION_REFUSED

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; what comes behind a body is none (RFC 9110, section 6.5.1)."""
        if self._is_in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Serve a request, once those before it have their answers.

        Raises:
            ApiError: it is refused.
        """
        version = self.parser.get_http_version()
        is_upgrade = self.parser.should_upgrade()
        check_head(self.url, version, self.headers, is_upgrade=is_upgrade)
        if is_upgrade and not self._is_connect():
            return  # It will be read once more, without that.
        method = self.parser.get_method().decode("ascii")
        path, _, query = self.url.partition(b"?")
        self.scope |= {
            "method": method,
            "http_version": version,
            "path": unquote(path.decode("ascii")),
            "raw_path": path,
            "query_string": query,
        }
        self._is_in_head = False
        self._pending_bytes = 0
        self._expect_no_head()
        is_kept = version == "1.1" and self.parser.should_keep_alive() and not is_upgrade
        self.cycle = self._cycle(self.scope, keep_alive=is_kept and not self._is_stopping)
        self._serve(self.cycle)

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        self._pending_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Expect another request."""
        if self._is_in_head:
            return  # Of a head that is to be read once more.
        super().on_message_complete()
        self._is_in_head = True
        self._pending_bytes = 0

    # What goes out.

    def _cycle(self, scope: Any, *, keep_alive: bool, app: Any = None) -> Cycle:
        return Cycle(
            app=app or self.app,
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue and scope["http_version"] == "1.1",
            keep_alive=keep_alive,
            on_response=self.on_response_complete,
        )

    def _serve(self, cycle: Cycle) -> None:
        self._unanswered.append(cycle)
        if len(self._unanswered) == 1:
            self._start(cycle)

    def _start(self, cycle: Cycle) -> None:
        # The one before may have begun this, and an adapter's context variables are its own.
        task = self.loop.create_task(cycle.run(), context=self._context.copy())
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def on_response_complete(self) -> None:
        """Serve the next request, or wait for one."""
        self.server_state.total_requests += 1
        if self._unanswered.popleft().is_last:
            self._unanswered.clear()
            self._leave()
            return
        if self._unanswered:
            self._start(self._unanswered[0])
        if self._held and not self._is_over:
            self._parse_held()
        if not self._unanswered:
            self._expect_head()
        if not self._held:
            self.flow.resume_reading()
