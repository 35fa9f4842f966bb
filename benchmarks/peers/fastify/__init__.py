"""Fastify on Node: how it is installed and started."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmarks.peers.install import run, tell
from benchmarks.peers.peer import Setup, UnavailableError
from benchmarks.workload import CHUNKS, PIECE, SILENCE_SECONDS, TEXT, TOKENS_PER_SECOND

HERE = Path(__file__).parent
ENVIRONMENT = {
    "BENCH_WORKLOAD": json.dumps([CHUNKS, PIECE, TEXT, SILENCE_SECONDS, TOKENS_PER_SECOND]),
    "NODE_ENV": "production",
}


def install() -> None:
    """Have Node, and Fastify beside the server's file."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise UnavailableError("node and npm are not installed; on Debian: apt-get install npm")
    if not (HERE / "node_modules/fastify").is_dir():
        tell("installing fastify by npm")
        quiet = ("--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts")
        run(["npm", "install", "--prefix", str(HERE), *quiet])


def command(setup: Setup) -> Sequence[str]:
    """Give the command line."""
    return [shutil.which("node") or "node", str(HERE / "server.js"), str(setup.port)]


def version() -> str:
    """Name what is installed."""
    fastify = json.loads((HERE / "node_modules/fastify/package.json").read_text())["version"]
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    return f"fastify {fastify}, node {node.strip().removeprefix('v')}"
