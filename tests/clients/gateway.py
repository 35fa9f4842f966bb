"""`veneer serve`, with the adapter of `provider` installed beside it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from tests.clients.environments import FailureError, inherited

_START_SECONDS = 30


@asynccontextmanager
async def gateway(cors_origins: str) -> AsyncIterator[int]:
    """Serve on a free port of the loopback, which is given, until the block ends.

    Raises:
        FailureError: it does not come to serve.
    """
    settings = {"HOST": "127.0.0.1", "PORT": "0", "VENEER_CORS_ORIGINS": cors_origins}
    process = await asyncio.create_subprocess_exec(
        *("veneer", "serve"), env=inherited() | settings, stderr=asyncio.subprocess.PIPE
    )
    log = cast("asyncio.StreamReader", process.stderr)
    try:
        async with asyncio.timeout(_START_SECONDS):
            port = await _port(log)
        # A full pipe would hold it up.
        drain = asyncio.create_task(log.read())
        yield port
    except TimeoutError:
        raise FailureError("the gateway does not come to serve") from None
    finally:
        process.terminate()
        await process.wait()
    await drain


async def _port(log: asyncio.StreamReader) -> int:
    said = []
    async for line in log:
        said.append(line.decode())
        if (told := json.loads(line) if line.startswith(b"{") else {}).get("event") == "serving":
            return int(told["url"].rpartition(":")[2])
    raise FailureError(f"the gateway has ended:\n{''.join(said)}")
