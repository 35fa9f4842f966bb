"""Who sent a request: gives its body, and may leave at any moment."""

import asyncio
import re
from collections.abc import Callable

from hypercorn.typing import ASGIReceiveCallable

from veneer_protocol import InvalidRequestError

_LENGTH = re.compile(r"[0-9]{1,20}")


class RequestTooLargeError(InvalidRequestError):
    """The body is larger than `VENEER_MAX_BODY_BYTES`."""

    status = 413
    code = "request_too_large"

    def __init__(self) -> None:
        super().__init__("The request body is too large.")


class Caller:
    """The client of one request."""

    def __init__(self, receive: ASGIReceiveCallable, on_leave: Callable[[], object]) -> None:
        """`on_leave` is called when it is found to be gone."""
        self._receive = receive
        self._on_leave = on_leave
        self._follower: asyncio.Task[None] | None = None

    async def read_body(self, declared: str | None, most_bytes: int) -> bytes:
        """Give the body, of which the head says how long it is, or nothing.

        Raises:
            RequestTooLargeError: it has more than `most_bytes`, or is said to.
            CancelledError: the caller left.
        """
        if declared is not None and _LENGTH.fullmatch(declared) and int(declared) > most_bytes:
            raise RequestTooLargeError
        body = bytearray()
        while True:
            message = await self._receive()
            if message["type"] != "http.request":
                self._on_leave()
                raise asyncio.CancelledError
            body += message["body"]
            if len(body) > most_bytes:
                raise RequestTooLargeError
            if not message["more_body"]:
                return bytes(body)

    def follow(self) -> None:
        """From now on, look out for its leaving."""
        if self._follower is None:
            self._follower = asyncio.create_task(self._wait_for_leave())

    def let_go(self) -> None:
        """Look out no more."""
        if self._follower is not None:
            self._follower.cancel()
            self._follower = None  # Whose traceback holds this.

    async def _wait_for_leave(self) -> None:
        while (await self._receive())["type"] == "http.request":
            pass
        self._on_leave()
