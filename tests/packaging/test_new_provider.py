"""A package that `veneer new-provider` writes is followed from its first command to an answer."""

import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from openai import OpenAI

from tests.checkout import server
from tests.packaging.shelf import Environment, Shelf, run

UPSTREAM_PORT = 8765
PORT = 3998


@dataclass
class NewProvider:
    """A package just written, installed by the commands that were printed with it."""

    folder: Path
    environment: Environment
    steps: list[str]

    def run(self, tool: str, *arguments: str) -> None:
        run(str(self.environment.folder / "bin" / tool), *arguments, cwd=self.folder)


@pytest.fixture(scope="module")
def acme(shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> NewProvider:
    """What a newcomer has who followed the first printed command, beside our wheels."""
    home = tmp_path_factory.mktemp("newcomer")
    environment = Environment.make(home / "env")
    environment.install(shelf.wheel("veneer-protocol"), shelf.wheel("veneer-gateway"))
    printed = run(str(environment.folder / "bin/veneer"), "new-provider", "acme", cwd=home)
    steps = [line.strip() for line in printed.splitlines() if line.startswith("  ")]
    folder = home / "veneer-providers-acme"
    run("bash", "-c", steps[0], cwd=home)
    return NewProvider(folder, environment, steps)


def test_its_own_tests_pass(acme: NewProvider) -> None:
    run("bash", "-c", acme.steps[1], cwd=acme.folder)


@pytest.mark.parametrize("command", ["ruff check .", "ruff format --check .", "mypy"])
def test_its_own_checks_pass(acme: NewProvider, command: str) -> None:
    acme.run(*command.split())


def test_the_printed_commands_lead_to_an_answer(acme: NewProvider) -> None:
    with (
        server(acme.steps[2], acme.folder, port=UPSTREAM_PORT),
        server(acme.steps[3], acme.folder, port=PORT),
        OpenAI(base_url=f"http://127.0.0.1:{PORT}/v1", api_key="mine") as client,
    ):
        answer = client.chat.completions.create(
            model="acme/chat-1", messages=[{"role": "user", "content": "hello there"}]
        )
        stream = client.chat.completions.create(
            model="acme/chat-1",
            messages=[{"role": "user", "content": "one two three"}],
            max_tokens=2,
            stream=True,
        )
        pieces = [chunk.choices[0].delta.content for chunk in stream]

    assert answer.choices[0].message.content == "hello there"
    assert [piece for piece in pieces if piece] == ["one ", "two "]


def test_what_it_builds_passes_the_index_checks_and_serves_beside_the_gateway(
    acme: NewProvider, shelf: Shelf, empty: Environment, tmp_path: Path
) -> None:
    run("hatch", "build", str(tmp_path / "dist"), cwd=acme.folder)
    built = [path for path in (tmp_path / "dist").iterdir() if path.name[0] != "."]
    (wheel,) = (path for path in built if path.suffix == ".whl")
    ours = (shelf.wheel("veneer-protocol"), shelf.wheel("veneer-gateway"))

    run(sys.executable, "-m", "twine", "check", "--strict", *map(str, built))
    empty.install(*ours, wheel)
    models = run(str(empty.folder / "bin/veneer"), "models", ACME_BASE_URL="http://llm.example.com")

    assert len(built) == 2
    assert models.split() == ["acme/chat-1"]
