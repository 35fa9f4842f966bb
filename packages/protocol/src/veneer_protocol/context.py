"""What came with a request besides its body."""

import logging
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Self, TypeVar, overload

T = TypeVar("T")

_NOT_FORWARDABLE = frozenset(
    {
        # RFC 9110, section 7.6.1: of the connection, not of the message.
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        # About this hop's address and body.
        "content-length",
        "host",
        # Meant for the host that set them, or for a proxy in front of us.
        "cookie",
        "proxy-authenticate",
        "proxy-authorization",
    }
)


_SHORTEST_SECRET = 8
_NO_SECRETS = frozenset({"application/json"})  # In every request, and in many an error.


class Headers(Mapping[str, str]):
    """The caller's headers, whole and uninterpreted.

    A mapping for everyday use: names in any case, values as text, a repeated name's values joined
    by a comma (RFC 9110, section 5.3; cookies by a semicolon). `raw` has every pair in order of
    arrival with its bytes untouched. `repr` shows names only, for any value may be a secret.
    """

    __slots__ = ("_last", "raw")

    raw: tuple[tuple[bytes, bytes], ...]
    """Every (name, value) as it came; names lower-cased, as ASGI has them."""

    def __init__(
        self, pairs: Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]] = ()
    ) -> None:
        if isinstance(pairs, Headers):
            pairs = pairs.raw
        elif isinstance(pairs, Mapping):
            pairs = pairs.items()
        self._take(tuple([(_as_bytes(name).lower(), _as_bytes(value)) for name, value in pairs]))

    @classmethod
    def from_asgi(cls, pairs: Iterable[tuple[bytes, bytes]]) -> Self:
        """Take those of an ASGI scope, whose names are in lower case."""
        headers = cls.__new__(cls)
        headers._take(tuple(pairs))
        return headers

    def _take(self, pairs: tuple[tuple[bytes, bytes], ...]) -> None:
        self.raw = pairs
        self._last = dict(pairs)

    def __getitem__(self, name: str) -> str:
        if (value := self.get(name)) is None:
            raise KeyError(name)
        return value

    @overload
    def get(self, name: str, /) -> str | None: ...
    @overload
    def get(self, name: str, /, default: str | T) -> str | T: ...
    def get(self, name: str, /, default: object = None) -> object:
        """Give the value of `name`, or `default` where it did not come."""
        if len(self._last) == len(self.raw) and name.isascii():  # None comes twice.
            value = self._last.get(name.lower().encode())
            return default if value is None else _as_text(value)
        values = self.get_all(name)
        return ("; " if name.lower() == "cookie" else ", ").join(values) if values else default

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and bool(self.get_all(name))

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(_as_text(name).lower() for name, _ in self.raw))

    def __len__(self) -> int:
        return len(tuple(iter(self)))

    def __repr__(self) -> str:
        return f"Headers({', '.join(self)})"

    def get_all(self, name: str) -> tuple[str, ...]:
        """Give the values of `name` in order of arrival, none where it did not come."""
        name = name.lower()
        if name.isascii():
            known = name.encode()
            if known not in self._last:
                return ()
            return tuple([_as_text(value) for key, value in self.raw if key == known])
        return tuple([_as_text(value) for key, value in self.raw if _as_text(key).lower() == name])

    def forwardable(self) -> "Headers":
        """Give those that may go on to an upstream.

        Left out: hop-by-hop headers and what `Connection` names, `host`, `content-length`, cookies
        and proxy credentials. The caller's `authorization` and tenant headers stay.
        """
        of_this_hop = {name.strip().lower() for name in self.get("connection", "").split(",")}
        left_out = _NOT_FORWARDABLE | of_this_hop
        return Headers.from_asgi(pair for pair in self.raw if _as_text(pair[0]) not in left_out)

    def hide_in(self, text: str) -> str:
        """Give `text` with `[hidden]` for each word of a value, if it has 8 characters or more.

        For what an upstream says, which may quote the credentials that it was sent. A shorter word
        is no secret to be found in a text. It takes time for each word: cut a long text first, but
        not to the length it is shown with, for half a secret at its end would not be known.
        """
        words = {word.strip(",;") for _, value in self.raw for word in _as_text(value).split()}
        # The longest first, of which a shorter one may be a part.
        for word in sorted(words - _NO_SECRETS, key=len, reverse=True):
            if len(word) >= _SHORTEST_SECRET:
                text = text.replace(word, "[hidden]")
        return text


def _as_bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


def _as_text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.decode("latin-1")


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What an adapter gets beside the request."""

    headers: Headers = field(default_factory=Headers)
    """The caller's, `authorization` and all; nobody has looked at them before the adapter."""
    request_id: str = "req_local"
    """The `x-request-id` that the client sees on the response."""

    @property
    def logger(self) -> "logging.LoggerAdapter[logging.Logger]":
        """A logger whose lines carry the request id, beside what `extra` has for them."""
        return _RequestLogger(logging.getLogger("veneer.adapter"), {"request_id": self.request_id})


class _RequestLogger(logging.LoggerAdapter[logging.Logger]):
    def process(
        self, msg: Any, kwargs: MutableMapping[str, Any]
    ) -> tuple[Any, MutableMapping[str, Any]]:
        return msg, {**kwargs, "extra": {**(kwargs.get("extra") or {}), **(self.extra or {})}}
