"""What a model says, read for what the request asks for. Pure: pieces in, texts and calls out."""

from collections.abc import Iterator
from io import StringIO
from typing import Final

from veneer_protocol.emulation.blocks import Call
from veneer_protocol.emulation.errors import NotAsAskedError
from veneer_protocol.emulation.reading import CallReader
from veneer_protocol.emulation.wishes import Wishes
from veneer_protocol.errors import InvalidProviderResponseError

LONGEST_HELD: Final = 1024 * 1024
"""How many characters are held back at most where an answer must be known as a whole."""


class Answer:
    """One attempt at an answer.

    Text goes on at once, but not where it must be JSON, nor where something must be called that
    has not been called yet: it is held back then, for it may turn out to be of no use.
    """

    def __init__(self, wishes: Wishes) -> None:
        self.calls = 0
        """How many calls were given so far."""
        self._wishes = wishes
        self._reader = CallReader(wishes.names) if wishes.functions else None
        self._held = StringIO()
        self._has_more = False

    @property
    def is_over(self) -> bool:
        """Whether nothing that may still be said belongs to it."""
        if self._reader is None or not self.calls:
            return False
        is_next = self._has_more or self._reader.is_in_block
        return self._reader.is_over or (self._wishes.is_single and is_next)

    @property
    def held(self) -> str:
        """What was said and not given."""
        return self._held.getvalue()

    def read(self, piece: str) -> Iterator[str | Call]:
        """Give what `piece` tells.

        Raises:
            InvalidProviderResponseError: more would have to be held back than may be.
        """
        return self._passed(iter([piece]) if self._reader is None else self._reader.read(piece))

    def finish(self, *, is_whole: bool) -> Iterator[str | Call]:
        """Give the rest.

        Args:
            is_whole: whether the model came to an end by itself. Of what was cut off nothing is
                asked, and it is given as it is.

        Raises:
            NotAsAskedError: what came is not what was asked for.
        """
        if self._reader is not None:
            yield from self._passed(self._reader.finish())
        text = self.held
        if is_whole and not self.calls:
            if self._wishes.must_call:
                raise NotAsAskedError(
                    "It calls none of the functions, or calls one in another form than was told."
                )
            if self._wishes.structure is not None:
                text = self._wishes.structure.read(text)
        if text:
            yield text

    def _passed(self, given: Iterator[str | Call]) -> Iterator[str | Call]:
        for one in given:
            if self._wishes.is_single and self.calls:
                # One call is all that was asked for.
                self._has_more = True
                continue
            if isinstance(one, Call):
                self.calls += 1
                released = self._released()
                # Beside a call no JSON is due, and what was held for it need not be any.
                if released and self._wishes.structure is None:
                    yield released
                yield one
            elif self._wishes.structure is not None and self.calls:
                continue
            elif self._wishes.structure is not None or (self._wishes.must_call and not self.calls):
                self._hold(one)
            else:
                yield one

    def _hold(self, text: str) -> None:
        self._held.write(text)
        if self._held.tell() > LONGEST_HELD:
            raise InvalidProviderResponseError(
                f"The provider's answer has more than {LONGEST_HELD} characters, too many for one "
                "that must be known as a whole."
            )

    def _released(self) -> str:
        text, self._held = self.held, StringIO()
        return text
