"""The HTTP server that the tests run on, and where it rightly answers otherwise than another."""

import os
from typing import TypeVar, cast

from veneer_gateway.settings import ServerName

T = TypeVar("T")

# Set by `hatch run test-uvicorn`, also for the processes that tests start.
SERVER = cast("ServerName", os.environ.get("VENEER_SERVER") or "hypercorn")


def by_server(*, hypercorn: T, uvicorn: T) -> T:
    """Give what holds for the server that the tests run on."""
    return {"hypercorn": hypercorn, "uvicorn": uvicorn}[SERVER]
