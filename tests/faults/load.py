"""Many requests at once, some of whose clients leave: `python -m tests.faults.load 10000`."""

import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

from tests.faults.process import HELLO, GatewayProcess, Holdings, is_no_more, process
from tests.faults.program import WORDS

NOT_ACCEPTED = "not accepted"
_SEED = 20_260_101
_AT_ONCE = 50
_PATIENCE_SECONDS = 30
_MOST_GROWTH_MIB = 16
_BAD = frozenset({"warning", "error", "critical"})


class Leaves(Enum):
    """Where a client leaves."""

    NEVER = "stayed"
    IN_THE_BODY = "left before the body was sent"
    BEFORE_THE_ANSWER = "left before the first byte"
    IN_THE_ANSWER = "left in mid-stream"
    AT_THE_END = "left at the end, without reading it"


_POINTS = [point for point in Leaves if point is not Leaves.NEVER]


@dataclass(frozen=True)
class Visit:
    """One request, and what its client does."""

    is_stream: bool
    leaves: Leaves
    patience: float
    """How much of the body is sent, of the wait is waited, or of the answer is read: 0 to 1."""
    is_abrupt: bool
    """Whether it leaves by a reset."""

    def bytes(self) -> bytes:
        body = {"model": "busy/one", "messages": HELLO, "stream": self.is_stream}
        content = json.dumps(body).encode()
        # Of those who leave, the gateway does not know that they ask for nothing more.
        connection = b"close" if self.leaves is Leaves.NEVER else b"keep-alive"
        return (
            b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: %b\r\n"
            b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
            % (connection, len(content), content)
        )


def visits(count: int, leaving: float = 0.1) -> Iterator[Visit]:
    """Plan `count` visits, always the same ones, of whom a part leave."""
    chance = random.Random(_SEED)
    for number in range(count):
        is_leaving = chance.random() < leaving
        yield Visit(
            is_stream=chance.random() < 0.5,
            leaves=_POINTS[number % len(_POINTS)] if is_leaving else Leaves.NEVER,
            patience=chance.random(),
            is_abrupt=chance.random() < 0.5,
        )


async def pay(visit: Visit, host: str, port: int) -> str:
    """Make the visit and tell how it went."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        return await _ask(visit, reader, writer)
    finally:
        if visit.is_abrupt and visit.leaves is not Leaves.NEVER:
            writer.transport.abort()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def _ask(visit: Visit, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str:
    request = visit.bytes()
    match visit.leaves:
        case Leaves.IN_THE_BODY:
            writer.write(request[: int(visit.patience * (len(request) - 1))])
            await writer.drain()
        case Leaves.BEFORE_THE_ANSWER:
            writer.write(request)
            await asyncio.sleep(visit.patience * 0.002)
        case Leaves.IN_THE_ANSWER:
            writer.write(request)
            await reader.read(1 + int(visit.patience * 2000))
        case Leaves.AT_THE_END:
            writer.write(request)
            # The answer is in the buffers of the two ends.
            await asyncio.sleep(0.1 * visit.patience)
        case Leaves.NEVER:
            writer.write(request)
            return judge(await _read(reader), is_stream=visit.is_stream)
    return str(visit.leaves.value)


async def _read(reader: asyncio.StreamReader) -> bytes:
    answer = b""
    with suppress(ConnectionError):
        while piece := await reader.read(65536):
            answer += piece
    return answer


def judge(answer: bytes, *, is_stream: bool) -> str:
    """Tell whether `answer` is a complete good one, an honest error, broken off, or none."""
    if not answer:
        return NOT_ACCEPTED
    head, _, body = answer.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200"):
        is_honest = body.endswith((b"}}", b"}}\r\n0\r\n\r\n")) and b'{"error":{' in body
        return f"refused: {head[9:12].decode()}" if is_honest else "broken off"
    if is_stream:
        if body.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n") and body.count(b'"word "') == WORDS:
            return "complete"
        return "error frame" if b'data: {"error":{' in body else "broken off"
    is_whole = b"content-length: %d\r\n" % len(body) in head + b"\r\n"
    return "complete" if is_whole and body.count(b"word ") == WORDS else "broken off"


async def load(gateway: GatewayProcess, count: int, leaving: float = 0.1) -> Counter[str]:
    """Pay `count` visits, so many at once, and count how they went."""
    plan = visits(count, leaving)
    outcomes: Counter[str] = Counter()

    async def pay_one_after_another() -> None:
        for visit in plan:
            try:
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    outcome = await pay(visit, gateway.host, gateway.port)
            except TimeoutError:
                outcome = "hung"
            except OSError:
                outcome = NOT_ACCEPTED
            outcomes[outcome] += 1

    async with asyncio.TaskGroup() as tasks:
        for _ in range(_AT_ONCE):
            tasks.create_task(pay_one_after_another())
    return outcomes


@dataclass(frozen=True)
class Report:
    """What `count` requests left behind."""

    outcomes: Counter[str]
    seconds: float
    at_first: Holdings
    before: Holdings
    """After some requests to warm up, which memory needs."""
    after: Holdings
    errors: list[str]

    @property
    def is_good(self) -> bool:
        """Whether everybody who stayed was served, and nothing is left."""
        told = {"complete", *(point.value for point in _POINTS)}
        return (
            not self.errors
            and set(self.outcomes) <= told
            and is_no_more(self.after, self.at_first)
            and self.after.memory_mib - self.before.memory_mib < _MOST_GROWTH_MIB
        )

    def __str__(self) -> str:
        count = self.outcomes.total()
        rows = [f"{times:8} {outcome}" for outcome, times in self.outcomes.most_common()]
        return "\n".join(
            [
                f"{count} requests in {self.seconds:.1f} s, {count / self.seconds:.0f} a second:",
                *rows,
                f"at first:    {self.at_first}",
                f"warmed up:   {self.before}",
                f"in the end:  {self.after}",
                *self.errors,
            ]
        )


def soak(count: int) -> Report:
    """Send `count` requests to a process of their own."""
    with process(LOG_LEVEL="info") as gateway:
        at_first = gateway.holdings()
        asyncio.run(load(gateway, max(200, count // 10)))
        before = gateway.settle(at_first)
        began = time.monotonic()
        outcomes = asyncio.run(load(gateway, count))
        seconds = time.monotonic() - began
        after = gateway.settle(at_first)
        errors = [json.dumps(line) for line in gateway.log if line["level"] in _BAD]
    return Report(outcomes, seconds, at_first, before, after, errors)


def main() -> None:
    report = soak(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
    print(report)
    sys.exit(not report.is_good)


if __name__ == "__main__":
    main()
