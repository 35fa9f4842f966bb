"""On what it was measured, and with which versions."""

import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import psutil

from benchmarks.processes import cores
from benchmarks.question import RESULTS

_PATH = RESULTS / "machine.json"


def keep(versions: Mapping[str, str]) -> None:
    """Write what this machine is, and the versions of the peers."""
    servers, clients = cores()
    told = {
        "date": datetime.now(UTC).date().isoformat(),
        "processor": _processor(),
        "cores": psutil.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
        "server_core": servers,
        "client_core": clients,
        "versions": dict(versions),
    }
    RESULTS.mkdir(exist_ok=True)
    _PATH.write_text(json.dumps(told, indent=1) + "\n")


def describe() -> str:
    """Give a paragraph on it."""
    if not _PATH.exists():
        return "Nothing was measured yet."
    told = json.loads(_PATH.read_text())
    versions = "; ".join(f"{name}: {what}" for name, what in told["versions"].items())
    shared = " (the same one)" if told["server_core"] == told["client_core"] else ""
    return (
        f"Measured on {told['date']}: {told['processor']}, {told['cores']} cores, "
        f"{told['memory_gib']} GiB, {told['system']}, Python {told['python']}; the load was "
        f"{told['load_before']} before it began. The server under test had core "
        f"{told['server_core']}, the client core {told['client_core']}{shared}. {versions}."
    )


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
