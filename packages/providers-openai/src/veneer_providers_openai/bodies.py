"""How much an upstream may send before it is stopped."""

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


class BoundedResponse(httpx2.Response):
    """A response whose body is read no further than is allowed.

    Bytes are counted as they leave the decompression, which goes by pieces of a mebibyte at most: a
    few kilobytes cannot become a gigabyte, and no compression has to be forbidden.
    """

    allowance: Allowance

    @classmethod
    def bounding(cls, response: httpx2.Response, allowance: Allowance) -> "BoundedResponse":
        """Give `response`, of which nothing has been read, with `allowance`."""
        bounded = cls(
            response.status_code,
            headers=response.headers,
            stream=response.stream,
            request=response.request,
            extensions=response.extensions,
        )
        bounded.allowance = allowance
        # JSON and event streams are UTF-8. A charset may name what no text has: base64, say.
        bounded.encoding = "utf-8"
        return bounded

    async def aiter_bytes(self, chunk_size: int | None = None) -> AsyncGenerator[bytes, None]:
        """Give the body; of an error's, which is told by its status anyway, no more than a part."""
        read = 0
        async with aclosing(super().aiter_bytes(chunk_size)) as pieces:
            async for piece in pieces:
                if self.is_success:
                    self.allowance.use(len(piece))
                    yield piece
                    continue
                yield piece[: _LONGEST_ERROR - read]
                read += len(piece)
                if read >= _LONGEST_ERROR:
                    break
