"""Providers that are installed, as pip would install them, for one test."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from veneer_gateway.registry import ENTRY_POINT_GROUP

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Put distributions with entry points on the path, as pip would."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(distribution: str, module: str, source: str, **entry_points: str) -> None:
        (tmp_path / f"{module}.py").write_text(source)
        info = tmp_path / f"{distribution}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n"
        )
        lines = [f"{name} = {target}" for name, target in entry_points.items()]
        (info / "entry_points.txt").write_text("\n".join([f"[{ENTRY_POINT_GROUP}]", *lines]))
        sys.modules.pop(module, None)
        importlib.invalidate_caches()

    return install


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setattr("veneer_gateway.cli.configure_logging", lambda level: None)
    return CliRunner()
