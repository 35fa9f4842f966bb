"""The bytes of an event stream to the data of its events. No I/O.

Reference: https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream
"""

from codecs import BOM_UTF8
from collections.abc import Iterator


class EventReader:
    """Reads one stream, in pieces as they come."""

    def __init__(self) -> None:
        # In pieces: to join a long line each time that more of it comes takes its length squared.
        self._begun_line: list[bytes] = []
        self._data: list[bytes] = []
        self._after_return = False
        self._has_begun = False

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """Take the next bytes; give the data of each event that ends in them.

        Comments, names and ids are passed over, as are events without data and the byte order mark
        before the first. What the end of the stream cuts off is no event.
        """
        for line in self._lines(piece):
            if not line:
                if self._data:
                    given, self._data = self._data, []
                    data = given[0] if len(given) == 1 else b"\n".join(given)
                    if data.strip():  # An empty one keeps a connection alive.
                        yield data
            elif line.startswith(b"data:"):
                self._data.append(line[6:] if line.startswith(b"data: ") else line[5:])
            elif line == b"data":
                self._data.append(b"")

    def _lines(self, piece: bytes) -> list[bytes]:
        if self._after_return and piece:
            piece = piece.removeprefix(b"\n")
            self._after_return = False
        # Of bytes, it splits at CR, LF and CRLF, as the specification wants, and at nothing else.
        lines = piece.splitlines()
        if not lines:
            return lines
        has_end = piece.endswith((b"\n", b"\r"))
        if has_end or len(lines) > 1:
            lines[0] = b"".join([*self._begun_line, lines[0]])
            self._begun_line = []
        if not has_end:
            self._begun_line.append(lines.pop())
        self._after_return = piece.endswith(b"\r")
        if lines and not self._has_begun:
            self._has_begun = True
            lines[0] = lines[0].removeprefix(BOM_UTF8)
        return lines
