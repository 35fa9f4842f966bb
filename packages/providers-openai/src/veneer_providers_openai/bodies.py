"""How much an upstream may send before it is stopped."""

from codecs import BOM_UTF8
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

import httpx2

from veneer_protocol import InvalidProviderResponseError

_MIB = 1024 * 1024
_LONGEST_ERROR = _MIB


@dataclass
class Allowance:
    """The bytes, decompressed, that an answer may still have."""

    name: str
    """What is asked for, for the error."""
    mebibytes: int
    used: int = 0

    def renew(self) -> None:
        """Begin anew, for the next event."""
        self.used = 0

    def use(self, count: int) -> None:
        """Take `count` bytes of it.

        Raises:
            InvalidProviderResponseError: it has not as many.
        """
        self.used += count
        if self.used > self.mebibytes * _MIB:
            raise InvalidProviderResponseError(
                f"The upstream sent more than {self.mebibytes} MiB for one {self.name}."
            )


async def pieces(response: httpx2.Response, allowance: Allowance) -> AsyncGenerator[bytes, None]:
    """Give the body of `response` as it comes.

    Bytes are counted as they leave the decompression, which goes by pieces of a mebibyte at most: a
    few kilobytes cannot become a gigabyte, and no compression has to be forbidden.

    Raises:
        InvalidProviderResponseError: it is longer than is allowed.
    """
    async with aclosing(_decompressed(response)) as given:
        async for piece in given:
            allowance.use(len(piece))
            yield piece


async def read(response: httpx2.Response, allowance: Allowance) -> bytearray:
    """Give the body of `response` as a whole.

    Raises:
        InvalidProviderResponseError: it is longer than is allowed.
    """
    # Not a list: a body may come byte by byte, and each piece takes 40 bytes more than it holds.
    body = bytearray()
    async with aclosing(pieces(response, allowance)) as given:
        async for piece in given:
            body += piece
    return body.removeprefix(BOM_UTF8)


async def read_error(response: httpx2.Response) -> bytearray:
    """Give the body of an error, which is told by its status anyway, and no more than a part."""
    body = bytearray()
    async with aclosing(_decompressed(response)) as given:
        async for piece in given:
            body += piece[: _LONGEST_ERROR - len(body)]
            if len(body) == _LONGEST_ERROR:
                break
    return body.removeprefix(BOM_UTF8)


def _decompressed(response: httpx2.Response) -> AsyncGenerator[bytes, None]:
    # Most bodies are not compressed, and to find that out for each piece takes its time.
    is_compressed = "content-encoding" in response.headers
    return response.aiter_bytes() if is_compressed else response.aiter_raw()
