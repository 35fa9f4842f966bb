"""Whether a peer does what all of them are to do, before its time is taken."""

import json

from benchmarks.client import RefusedError, ask
from benchmarks.peers.peer import Can
from benchmarks.processes import PeerError, Server
from benchmarks.requests import Request, plain, stream
from benchmarks.workload import CHUNKS, TEXT

_TIMEOUT_SECONDS = 30


def check(server: Server, prefix: str = "bench") -> None:
    """Ask for a completion and a stream, and look whether they are the workload's.

    Raises:
        PeerError: they are not.
    """
    try:
        whole = ask(server.port, plain(f"{prefix}/ready"), _TIMEOUT_SECONDS)
        events = ask(server.port, stream(f"{prefix}/ready"), _TIMEOUT_SECONDS)
        wrong = ask(server.port, Request(b'{"model":"bench/ready"}'), _TIMEOUT_SECONDS)
    except RefusedError as error:
        raise PeerError(f"{server.peer.name} does not answer: {error}") from error
    faults = [*_faults(whole.body), *_stream_faults(events.body)]
    # Files answer anybody.
    if Can.PACED in server.peer.can and wrong.status not in {400, 422}:
        faults.append(f"a body without messages is a {wrong.status}")
    if faults:
        raise PeerError(f"{server.peer.name} does not do the same work: {'; '.join(faults)}")


def _faults(body: bytes) -> list[str]:
    completion = json.loads(body)
    choice = completion["choices"][0]
    told = {
        "object": (completion["object"], "chat.completion"),
        "content": (choice["message"]["content"], TEXT),
        "finish_reason": (choice["finish_reason"], "stop"),
    }
    return [f"{name} is {is_!r}" for name, (is_, due) in told.items() if is_ != due]


def _stream_faults(body: bytes) -> list[str]:
    *events, done, rest = body.decode().split("\n\n")
    chunks = [json.loads(event.removeprefix("data: ")) for event in events]
    deltas = [chunk["choices"][0]["delta"].get("content") for chunk in chunks if chunk["choices"]]
    faults = []
    if (said := sum(bool(delta) for delta in deltas)) != CHUNKS:
        faults.append(f"{said} chunks in place of {CHUNKS}")
    if done != "data: [DONE]" or rest:
        faults.append("the stream does not end in [DONE]")
    return faults
