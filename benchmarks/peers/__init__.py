"""All that is measured side by side. One more peer is one more line."""

from collections.abc import Sequence

from benchmarks.peers import fastify, litellm, nginx, python
from benchmarks.peers.install import tell
from benchmarks.peers.peer import Can, Peer, UnavailableError

_ALL = frozenset(Can)
_LIMIT = frozenset({Can.PLAIN, Can.STREAM, Can.PACED, Can.MODELS})
_VENEER = {"LOG_LEVEL": "warning", "VENEER_MAX_REQUESTS": "100000"} | {
    "VENEER_MAX_REQUESTS_PER_PROVIDER": "100000"
}


def _veneer(name: str, title: str, servers: Sequence[str], *options: str) -> Peer:
    versions = ("veneer-gateway", *servers, "quart", "openai", "pydantic")
    return Peer(
        name,
        title,
        python.veneer(*options),
        _ALL,
        environment=_VENEER,
        version=lambda: python.versions(*versions),
    )


PEERS = (
    _veneer("veneer", "Veneer, Hypercorn", ("hypercorn",)),
    _veneer(
        "veneer-uvicorn",
        "Veneer, uvicorn",
        ("uvicorn", "uvloop", "httptools"),
        "--server=uvicorn",
    ),
    Peer(
        "litellm",
        "LiteLLM proxy",
        litellm.command,
        _ALL,
        install=litellm.install,
        environment=litellm.ENVIRONMENT,
        version=litellm.version,
        start_timeout_seconds=120,
    ),
    Peer(
        "fastapi",
        "FastAPI by hand, uvicorn",
        python.uvicorn("benchmarks.peers.fastapi_app:app"),
        _ALL,
        version=lambda: python.versions("fastapi", "uvicorn", "uvloop", "httptools"),
    ),
    Peer(
        "fastify",
        "Fastify by hand, Node",
        fastify.command,
        _ALL - {Can.HOP},
        install=fastify.install,
        environment=fastify.ENVIRONMENT,
        version=fastify.version,
    ),
    Peer(
        "raw-asgi",
        "raw ASGI, uvicorn",
        python.uvicorn("benchmarks.peers.raw_asgi:app"),
        _LIMIT,
        version=lambda: python.versions("uvicorn", "uvloop", "httptools"),
    ),
    Peer(
        "raw-asgi-hypercorn",
        "raw ASGI, Hypercorn",
        python.hypercorn("benchmarks.peers.raw_asgi:app"),
        _LIMIT - {Can.MODELS},
        version=lambda: python.versions("hypercorn"),
    ),
    Peer(
        "nginx",
        "nginx, files or proxy",
        nginx.command,
        frozenset({Can.PLAIN, Can.STREAM, Can.HOP}),
        install=nginx.install,
        version=nginx.version,
    ),
)
UPSTREAM = Peer("upstream", "the upstream itself", python.upstream(), frozenset({Can.HOP}))


def having(wanted: Sequence[str] = ()) -> tuple[list[Peer], dict[str, str]]:
    """Install the peers that are wanted, all unless named; give those, and why others are not."""
    present, absent = [], {}
    for peer in PEERS:
        if wanted and peer.name not in wanted:
            continue
        try:
            peer.install()
        except UnavailableError as error:
            absent[peer.name] = str(error)
            tell(f"!!!! {peer.title.upper()} CANNOT BE HAD HERE: {error} !!!!")
        else:
            present.append(peer)
    return present, absent
