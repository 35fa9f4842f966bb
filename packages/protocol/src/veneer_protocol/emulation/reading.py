"""The calls in a text that comes in pieces. Pure: pieces in, texts and calls out.

Text is given on at once, but for what may be the beginning of a block. What begins like a block and
is none is text, as it was said. After a call, what looks like its result is the model's invention,
and the text ends before it.
"""

import re
from collections.abc import Callable, Collection, Iterator
from typing import Final

from veneer_protocol.emulation.blocks import (
    CALL_BEGINS,
    CALL_ENDS,
    RESULT_BEGINS,
    Call,
    ObjectEnd,
    parse_call,
)

MOST_BLANKS: Final = 64
"""How many blanks before a block are left out; and how many may be inside, before its object."""
LONGEST_CALL: Final = 1024 * 1024
"""How many characters a call may have; a longer one is text."""

_MOST_HELD_BACK = MOST_BLANKS + max(len(CALL_BEGINS), len(RESULT_BEGINS))


def _held_back(*signs: str) -> re.Pattern[str]:
    """Match what may be the beginning of one of `signs`, at the end of a text."""
    begun = {sign[:length] for sign in signs for length in range(1, len(sign) + 1)}
    beginnings = "|".join(map(re.escape, sorted(begun, key=len, reverse=True)))
    # Blanks before a block are no part of what is said.
    return re.compile(rf"\s{{0,{MOST_BLANKS}}}(?:{beginnings})?\Z")


_BEFORE_CALL = (re.compile(CALL_BEGINS), _held_back(CALL_BEGINS))
_AFTER_CALL = (
    re.compile(f"{CALL_BEGINS}|{RESULT_BEGINS}"),
    _held_back(CALL_BEGINS, RESULT_BEGINS),
)


class CallReader:
    """Reads one text; what it gives does not depend on where the text is cut into pieces."""

    def __init__(self, names: Collection[str]) -> None:
        """Take calls of `names`; others are text."""
        self.is_over = False
        """Whether the text has come to where it ends."""
        self._names = names
        self._has_called = False
        self._out: list[str | Call] = []
        self._step: Callable[[str], str] = self._read_text
        self._held = ""
        self._said: list[str] = []
        self._length = 0
        self._end = ObjectEnd()

    @property
    def is_in_block(self) -> bool:
        """Whether a block has begun, which may be a call."""
        return self._step in (self._read_head, self._read_object)

    def read(self, piece: str) -> Iterator[str | Call]:
        """Give what `piece` tells."""
        while piece:
            piece = self._step(piece)
        yield from self._given()

    def finish(self) -> Iterator[str | Call]:
        """Give what was held back until it was certain that no more comes."""
        if self.is_in_block:
            self._give_up()
        elif self._step == self._read_text and not (self._has_called and self._held.isspace()):
            self._out.append(self._held)
        yield from self._given()

    def _given(self) -> Iterator[str | Call]:
        out, self._out = self._out, []
        return (one for one in out if one)

    def _read_text(self, piece: str) -> str:
        text = self._held + piece
        sign, held_back = _AFTER_CALL if self._has_called else _BEFORE_CALL
        if (found := sign.search(text)) is not None:
            at, begun = found.span()
            said = max(len(text[:at].rstrip()), at - MOST_BLANKS)
            self._out.append(text[:said])
            self._held, self._said, self._length = "", [text[said:begun]], 0
            if found[0] == RESULT_BEGINS:
                self.is_over = True
                self._step = self._read_nothing
                return ""
            self._step = self._read_head
            return text[begun:]
        held = held_back.search(text, max(len(text) - _MOST_HELD_BACK, 0))
        until = len(text) if held is None else held.start()
        self._out.append(text[:until])
        self._held = text[until:]
        return ""

    def _read_nothing(self, piece: str) -> str:
        return ""

    def _read_head(self, piece: str) -> str:
        if piece[0] == "{":
            self._end = ObjectEnd()
            self._said = ["".join(self._said)]
            self._length = 0
            self._step = self._read_object
        elif piece[0].isspace() and self._length < MOST_BLANKS:
            self._said.append(piece[0])
            self._length += 1
            return piece[1:]
        else:
            self._give_up()
        return piece

    def _read_object(self, piece: str) -> str:
        room = LONGEST_CALL - self._length
        end = self._end.find(piece[:room])
        until = min(len(piece), room) if end is None else end
        self._said.append(piece[:until])
        self._length += until
        if end is not None:
            self._take_call()
        elif until == room:
            self._give_up()
        return piece[until:]

    def _take_call(self) -> None:
        call = parse_call("".join(self._said[1:]), self._names)
        if call is None:
            self._give_up()
            return
        self._out.append(call)
        self._has_called = True
        self._said, self._step = [], self._read_tail

    def _read_tail(self, piece: str) -> str:
        # The object says itself where it ends: a block that is not closed is a call all the same.
        text = self._held + piece
        self._held = ""
        rest = text.lstrip()
        if len(text) - len(rest) <= MOST_BLANKS:
            if rest.startswith(CALL_ENDS):
                self._step = self._read_text
                return rest.removeprefix(CALL_ENDS)
            if CALL_ENDS.startswith(rest):
                self._held = text
                return ""
        self._step = self._read_text
        return text

    def _give_up(self) -> None:
        self._out.append("".join(self._said))
        self._said, self._step = [], self._read_text
