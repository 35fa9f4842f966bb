"""Joins the pieces of an answer, and counts them: texts, lists, and bytes in base64."""

import binascii
import re
from base64 import b64encode
from collections.abc import Mapping
from io import StringIO
from typing import Any, Final

from pydantic import BaseModel

from veneer_protocol.answers.parts import broken
from veneer_protocol.errors import InvalidProviderResponseError

_MEBI = 1024 * 1024
_MOST_MEBICHARACTERS: Final = 64
_CHARACTERS_OF_AN_ITEM = 128  # A guess at what one takes: a token with its log probability, say.
# Bytes in base64, as many as are whole: the padding may be missing where they go on.
_WHOLE = re.compile(r"(?:[^=]{4})*(?:[^=]{2}==|[^=]{3}=)?")


class Length:
    """Counts the characters of one answer."""

    def __init__(self) -> None:
        self._characters = 0

    def add(self, characters: int, *, items: int = 0) -> None:
        """Count so many more characters, and items of lists, which are counted as if written out.

        Raises:
            InvalidProviderResponseError: they are more than an answer can have.
        """
        self._characters += characters + items * _CHARACTERS_OF_AN_ITEM
        if self._characters > _MOST_MEBICHARACTERS * _MEBI:
            raise InvalidProviderResponseError(
                f"The provider's stream has more than {_MOST_MEBICHARACTERS} Mi characters, too "
                "many for one answer."
            )


class Fields:
    """Joins the deltas of an object: its strings and lists; of anything else the last is kept."""

    def __init__(self, length: Length) -> None:
        self._length = length
        self._values: dict[str, Any] = {}

    def add(self, name: str, value: object) -> None:
        """Join `value` to what is there of `name`; None says nothing.

        Raises:
            InvalidProviderResponseError: it is more than an answer can have.
        """
        kept = self._values.get(name)
        if isinstance(value, str):
            self._length.add(len(value))
            if not isinstance(kept, StringIO):
                self._values[name] = kept = StringIO()
            kept.write(value)
        elif isinstance(value, list):
            self._length.add(0, items=len(value))
            if not isinstance(kept, list):
                self._values[name] = kept = []
            kept.extend(value)
        elif value is not None:
            self._values[name] = value

    def joined(self) -> dict[str, Any]:
        """Give what came."""
        return {
            name: value.getvalue() if isinstance(value, StringIO) else value
            for name, value in self._values.items()
        }


def given(model: BaseModel | Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Give what `model` holds by its names, with what the openai package has no names for."""
    if isinstance(model, BaseModel):
        more = model.model_extra
        return {**vars(model), **more} if more else vars(model)
    return model or {}


class Base64:
    """Joins base64 by its bytes, for each piece may have padding of its own, or be cut anywhere."""

    def __init__(self, length: Length) -> None:
        self._length = length
        self._bytes = bytearray()
        self._rest = ""

    def add(self, text: str) -> None:
        """Join `text` to what is there.

        Raises:
            InvalidProviderResponseError: it is no base64, or more than an answer can have.
        """
        self._length.add(len(text))
        self._rest += text
        while (whole := _WHOLE.match(self._rest)) is not None and whole.end():
            try:
                self._bytes += binascii.a2b_base64(whole[0], strict_mode=True)
            except binascii.Error as error:
                raise broken("has audio that is no base64") from error
            self._rest = self._rest[whole.end() :]

    def joined(self) -> str:
        """Give what came.

        Raises:
            InvalidProviderResponseError: it ends in the middle of a byte.
        """
        if self._rest:
            raise broken("has audio that is no base64")
        return b64encode(self._bytes).decode()
