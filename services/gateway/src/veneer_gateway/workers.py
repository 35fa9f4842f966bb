"""Several processes on one port: started together, replaced where they die, stopped together."""

import asyncio
import logging
import signal
import socket
import sys
import time
from asyncio.subprocess import Process
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from tempfile import TemporaryDirectory

from prometheus_client.multiprocess import mark_process_dead

from veneer_gateway.server import patience_seconds
from veneer_gateway.servers.listener import join, listen
from veneer_gateway.settings import Settings, SettingsError, variable

METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""The variable by which prometheus_client learns where processes count together."""

# A worker's standard input leads to its supervisor. What lies in the working directory is not
# imported, as it would not be by `veneer`.
_COMMAND = (sys.executable, "-P", "-m", "veneer_gateway", "--worker")
_SETTLED_SECONDS = 60
_FIRST_DELAY_SECONDS = 0.5
_LONGEST_DELAY_SECONDS = 30
_SLACK_SECONDS = 5

log = logging.getLogger("veneer.workers")


def supervise(settings: Settings, environment: Mapping[str, str]) -> int:
    """Run `workers` processes on one port until SIGTERM or SIGINT, and give the exit status.

    A signal goes on to all of them. One that dies is replaced, at first at once and later with
    pauses of up to half a minute; where the first end before any of them serves, all is ended.

    Raises:
        OSError: the address cannot be bound.
        SettingsError: there is no folder that can be written to.
    """
    # Alone at first, so that a taken port is told; then held for the workers, without listening.
    with listen(settings) as alone:
        port = alone.getsockname()[1]
    with ExitStack() as stack:
        stack.enter_context(join(settings.model_copy(update={"port": port})))
        try:
            folder = stack.enter_context(TemporaryDirectory(prefix="veneer-metrics-"))
        except OSError:
            raise SettingsError(
                "VENEER_WORKERS above 1 needs a folder for temporary files, to count together. "
                "TMPDIR names one; a container gets one by --tmpfs /tmp."
            ) from None
        ours = {"PORT": str(port), variable("server"): settings.server, METRICS_FOLDER: folder}
        workers = _Workers(settings, {**environment, **ours})
        return asyncio.run(workers.run())


class _Workers:
    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self._settings = settings
        self._environment = environment
        self._processes: set[Process] = set()
        self._stop = asyncio.Event()
        self._has_served = False
        self._status = 0

    async def run(self) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._pass_on)
        await asyncio.gather(*(self._keep_one() for _ in range(self._settings.workers)))
        return self._status

    def _pass_on(self) -> None:
        """Tell all workers to stop; each time they are told, they are in more of a hurry."""
        if not self._stop.is_set():
            self._stop.set()
            loop = asyncio.get_running_loop()
            loop.call_later(patience_seconds(self._settings) + _SLACK_SECONDS, self._kill)
        for process in self._processes:
            with suppress(ProcessLookupError):
                process.terminate()

    def _kill(self) -> None:
        for process in self._processes:
            log.critical("worker does not end; it is killed", extra={"worker": process.pid})
            with suppress(ProcessLookupError):
                process.kill()

    async def _keep_one(self) -> None:
        """Have one worker, and another in its place whenever it dies."""
        delay = 0.0
        while not self._stop.is_set():
            began = time.monotonic()
            status = await self._run_one()
            if self._stop.is_set():
                # One that was told before it could listen to signals is ended by them.
                self._status |= status not in {0, -signal.SIGTERM}
            elif not self._has_served:
                self._status = 1
                self._pass_on()
            else:
                is_settled = time.monotonic() - began > _SETTLED_SECONDS
                delay = 0 if is_settled else min(2 * delay, _LONGEST_DELAY_SECONDS)
                with suppress(TimeoutError):
                    async with asyncio.timeout(delay):
                        await self._stop.wait()
                delay = max(delay, _FIRST_DELAY_SECONDS)

    async def _run_one(self) -> int:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            process = await asyncio.create_subprocess_exec(
                *_COMMAND,
                stdin=theirs.fileno(),
                env=self._environment,
                # Ctrl-C is for the supervisor alone, who passes it on.
                start_new_session=True,
            )
            theirs.close()
            self._processes.add(process)
            if self._stop.is_set():
                process.terminate()
            # A byte when it serves; none where it ends before.
            self._has_served |= bool(await asyncio.get_running_loop().sock_recv(ours, 1))
            status = await process.wait()
        self._processes.discard(process)
        mark_process_dead(process.pid, self._environment[METRICS_FOLDER])  # type: ignore[no-untyped-call]
        if not self._stop.is_set():
            log.error("worker died", extra={"worker": process.pid, "exit_status": status})
        return status
