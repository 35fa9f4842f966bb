"""The peers as processes that outlive a question, as starting some of them takes long."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Self

from benchmarks.checks import check
from benchmarks.peers import UPSTREAM
from benchmarks.peers.install import tell
from benchmarks.peers.peer import Can, Peer
from benchmarks.processes import PeerError, Server, Start, cores, running

_PREFIXES = ("bench", "up")


class Fleet:
    """One sleeping process of each peer that was asked for, with an upstream behind all of them."""

    def __init__(self) -> None:
        self.absent: dict[str, str] = {}
        """Peers that did not start, and why."""
        self.farewells = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        """Where the model `silent` tells that it was stopped."""
        self._stack = ExitStack()
        self._start = Start()
        self._servers: dict[str, Server] = {}

    def __enter__(self) -> Self:
        """Start the upstream."""
        self._stack.enter_context(self.farewells)
        self.farewells.bind(("127.0.0.1", 0))
        self.farewells.setblocking(False)
        upstream = self._stack.enter_context(running(UPSTREAM, Start(core=cores()[1])))
        farewell = {"BENCH_FAREWELL_PORT": str(self.farewells.getsockname()[1])}
        self._start = Start(upstream=f"http://127.0.0.1:{upstream.port}/v1", environment=farewell)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End all of them."""
        self._stack.__exit__(kind, error, traceback)

    def servers(self, peers: Sequence[Peer]) -> list[Server]:
        """Give a process of each peer that can be started and does its work."""
        for peer in peers:
            server = self._servers.get(peer.name)
            if server is not None and server.process.poll() is not None:
                tell(f"!!!! {peer.name} HAS ENDED BY ITSELF; IT IS STARTED ANEW !!!!")
                del self._servers[peer.name]
            if peer.name not in self._servers and peer.name not in self.absent:
                self._add(self._stack, peer, self._start, self._servers)
        present = [self._servers[peer.name] for peer in peers if peer.name in self._servers]
        for server in present:
            # What the question before has left it to do.
            with server.awake():
                server.settle()
        return present

    @contextmanager
    def others(self, peers: Sequence[Peer], start: Start) -> Iterator[list[Server]]:
        """Run one process more of each, until the block ends."""
        more: dict[str, Server] = {}
        with ExitStack() as stack:
            for peer in peers:
                self._add(stack, peer, start, more)
            yield [*more.values()]

    def _add(self, stack: ExitStack, peer: Peer, start: Start, to: dict[str, Server]) -> None:
        try:
            server = stack.enter_context(running(peer, start))
            is_relay = start.upstream is not None and Can.HOP in peer.can
            for prefix in _PREFIXES if is_relay else _PREFIXES[:1]:
                check(server, prefix)
        except PeerError as error:
            self.absent[peer.name] = "it did not start or did not do its work"
            tell(f"!!!! {error} !!!!")
        else:
            server.stop()
            to[peer.name] = server
