"""Origins of web pages, as an operator lists them and a browser names them.

Reference: https://html.spec.whatwg.org/multipage/browsers.html#concept-origin
"""

import re
from typing import Any

ANY_ORIGIN = "*"
"""Stands for all origins."""

# As a browser writes it, for it is compared letter by letter.
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]+)?", re.ASCII)
_USUAL_PORTS = (("http://", ":80"), ("https://", ":443"))


def split_origins(value: Any) -> Any:
    """Give the items of a list that is written with commas; anything else is given as it is."""
    if not isinstance(value, str):
        return value
    return tuple(part for item in value.split(",") if (part := item.strip()))


def check_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    """Give `origins`, if each is one that a browser may name.

    Raises:
        ValueError: one is not; the message says which, and what would do.
    """
    if ANY_ORIGIN in origins and len(origins) > 1:
        raise ValueError(f"{ANY_ORIGIN!r} is every origin, and stands alone")
    for origin in origins:
        if origin != ANY_ORIGIN and (problem := _problem(origin)) is not None:
            raise ValueError(
                f"{origin!r} {problem}; write it as a browser does, such as "
                "'https://app.example' or 'http://localhost:5173'"
            )
    return origins


def _problem(origin: str) -> str | None:
    if not _ORIGIN.fullmatch(origin):
        return "is no origin"
    if any(origin.startswith(scheme) and origin.endswith(port) for scheme, port in _USUAL_PORTS):
        return "has a port that a browser leaves out"
    return None
