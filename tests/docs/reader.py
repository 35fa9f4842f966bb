"""A reader who copies every block of a page, in order, into files and terminals."""

import json
import re
import subprocess
from collections import defaultdict
from contextlib import ExitStack
from pathlib import Path

from tests.checkout import environment, server
from tests.docs.pages import Block, blocks
from tests.readme.readme import assert_lines_shown, assert_shown

# Commands that go on until they are stopped, by their end, and where they listen.
_SERVERS = {
    "python -m tests.upstream": 8765,
    "PORT=8000 veneer serve": 8000,
    "veneer serve": 3000,
    "veneer serve --server uvicorn": 3000,
    "python echo.py": 3000,
}
# What a terminal remembers of the lines that were typed into it.
_LASTING = ("cd ", ". ", "export ")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Reader:
    """Begins in `folder`, with the commands of `tools` at hand beside the system's own."""

    def __init__(self, folder: Path, tools: Path | None = None) -> None:
        self._start = folder
        self._folder = folder
        self._tools = f"export PATH={tools}:$PATH\n" if tools else ""
        self._typed: dict[str, list[str]] = {}
        self._output = ""

    def follow(self, page: str) -> None:
        """Do all that `page` says, and stop what it started."""
        with ExitStack() as stack:
            servers: dict[int, ExitStack] = defaultdict(lambda: stack.enter_context(ExitStack()))
            for block in filter(lambda block: block.is_run, blocks(page)):
                if (port := _port(block)) is None:
                    self._do(block)
                else:
                    servers[port].close()  # One that is started again has been stopped before.
                    servers[port].enter_context(server(self._script(block), self._start, port))

    def _do(self, block: Block) -> None:
        match block.language:
            case "sh":
                self._run(block)
            case "json":
                assert_shown(json.loads(block.text), json.loads(self._output))
            case "text":
                assert_lines_shown(block.text, self._output)
            case "diff":
                self._edit(block)
            case _ if block.title:
                path = self._folder / block.title
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text)
            case _:
                raise AssertionError(f"What is to be done with this?\n{block.text}")

    def _run(self, block: Block) -> None:
        done = subprocess.run(
            ["bash", "-ec", self._script(block)],
            cwd=self._start,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        self._output = _COLOUR.sub("", done.stdout)
        assert done.returncode == block.exit_status, f"{block.text}{done.stdout}{done.stderr}"

    def _script(self, block: Block) -> str:
        """Put what the terminal remembers before the lines of `block`."""
        lines = block.text.splitlines()
        remembered = self._typed.setdefault(block.title, [f"cd {self._folder}"])
        script = "\n".join([*remembered, *lines])
        for line in lines:
            if line.startswith(_LASTING):
                remembered.append(line)
            if line.startswith("cd ") and not block.title:
                self._folder /= line.removeprefix("cd ")
        return self._tools + script

    def _edit(self, block: Block) -> None:
        """Change the one place of a file that fits the diff."""
        path = self._folder / block.title
        lines = block.text.splitlines(keepends=True)
        before = "".join(line[1:] for line in lines if line[0] in " -")
        after = "".join(line[1:] for line in lines if line[0] in " +")
        text = path.read_text()
        assert text.count(before) == 1, f"{block.title} has not one such place:\n{before}"
        path.write_text(text.replace(before, after))


def _port(block: Block) -> int | None:
    command = block.text.rstrip()
    ports = (port for end, port in _SERVERS.items() if command.endswith(end))
    return next(ports, None) if block.language == "sh" else None
