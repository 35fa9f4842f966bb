"""All that is being served: how much of it there may be, and how it is ended."""

import asyncio
from collections import Counter
from typing import Any

from veneer_gateway.report import Report
from veneer_gateway.watch import TimeLimits
from veneer_protocol import RateLimitError

CUT_TIMEOUT_SECONDS = 2
"""How long a request that is cut may take to end."""


class ProviderOverloadedError(RateLimitError):
    """One provider has more requests than `VENEER_MAX_REQUESTS_PER_PROVIDER`."""

    code = "provider_overloaded"


class InFlight:
    """The tasks that serve requests; cancelling one ends its request and cleans up after it."""

    def __init__(
        self, limits: TimeLimits, most: int, most_per_provider: int, report: Report
    ) -> None:
        self.limits = limits
        """What time each of them may take."""
        self.report = report
        """Who is told of them when they are over."""
        self._most = most
        self._most_per_provider = most_per_provider
        self._by_provider: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[Any]] = set()
        self.is_draining = False
        """Whether the process is on its way out: it serves what comes, and is not ready."""
        self.is_cutting = False
        """Whether what is still open is being cut, each with a word to its client."""

    def __len__(self) -> int:
        return len(self._tasks)

    @property
    def is_full(self) -> bool:
        """Whether no more requests should be taken."""
        return len(self._tasks) >= self._most

    def add(self, task: asyncio.Task[Any]) -> None:
        """Have `task` among those that serve."""
        self._tasks.add(task)
        self.report.metrics.note_in_flight(len(self._tasks))

    def discard(self, task: asyncio.Task[Any]) -> None:
        """Have it there no longer."""
        self._tasks.discard(task)
        self.report.metrics.note_in_flight(len(self._tasks))

    def enter(self, provider: str) -> None:
        """Count one more request for `provider`, until `leave` is called.

        Raises:
            ProviderOverloadedError: it has as many as it may have.
        """
        if self._by_provider[provider] >= self._most_per_provider:
            raise ProviderOverloadedError(
                f"The provider {provider!r} has as many requests as it may. Try again.",
                retry_after_seconds=1,
            )
        self._by_provider[provider] += 1

    def leave(self, provider: str) -> None:
        """Count one request less."""
        self._by_provider[provider] -= 1

    async def finish(self, seconds: float) -> None:
        """Wait for what is being served, and cut what takes longer than `seconds`."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)
        await self.cut()

    async def cut(self) -> None:
        """End what is being served, now."""
        self.is_cutting = True
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CUT_TIMEOUT_SECONDS)
