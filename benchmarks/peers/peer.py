"""What a peer is: how it is installed and started, and what it can be asked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

ROOT = Path(__file__).parents[2]


class UnavailableError(Exception):
    """A peer cannot be had here; the message says why."""


class Can(StrEnum):
    """What a peer can be asked."""

    PLAIN = "plain"
    STREAM = "stream"
    PACED = "paced"
    CANCEL = "cancel"
    HOP = "hop"
    MODELS = "models"


@dataclass(frozen=True)
class Setup:
    """What one process of a peer is started with."""

    port: int
    folder: Path
    """Empty, for its configuration."""
    models: int = 0
    """How many models it has at least."""
    upstream: str | None = None
    """Where the API of the upstream begins, if there is one."""


@dataclass(frozen=True)
class Peer:
    """One server beside others."""

    name: str
    title: str
    command: Callable[[Setup], Sequence[str]]
    """Writes what the process needs, and gives its command line."""
    can: frozenset[Can]
    install: Callable[[], None] = lambda: None
    """Installs it where it is missing; raises UnavailableError."""
    environment: Mapping[str, str] = field(default_factory=dict)
    version: Callable[[], str] = lambda: ""
    start_timeout_seconds: float = 30
