"""The gateway on a socket, asked by schemathesis what its own document allows and forbids."""

from pathlib import Path

from tests.fuzz.fuzzers import ask
from veneer_gateway.testing import RunningGateway


def test_the_gateway_keeps_its_own_document(gateway: RunningGateway, tmp_path: Path) -> None:
    options = ["--generation-deterministic", "--max-examples=20", "--no-color"]

    asked = ask(gateway.url, tmp_path, *options)

    assert asked.returncode == 0, asked.stdout
    assert "Operations:       6 selected / 6 total" in asked.stdout, asked.stdout
