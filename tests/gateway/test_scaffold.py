"""What `veneer new-provider` writes, and when it does not."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from tests.checkout import ROOT
from veneer_gateway.cli import main
from veneer_gateway.scaffold import ScaffoldError, render_provider, write_provider
from veneer_protocol import check_prefix

LONGEST = "a-name-of-24-characters1"
NAMES = ["acme", "my-model", "zephyr-7b", LONGEST]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def new_provider(name: str) -> Result:
    return CliRunner().invoke(main, ["new-provider", name])


def files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_package_is_written_with_all_that_publishing_takes(here: Path) -> None:
    result = new_provider("my-model")

    assert result.exit_code == 0
    assert set(files(here / "veneer-providers-my-model")) == {
        ".dockerignore",
        ".github/workflows/ci.yml",
        ".gitignore",
        "CHANGELOG.md",
        "Dockerfile",
        "LICENSE",
        "README.md",
        "compose.yaml",
        "pyproject.toml",
        "src/veneer_providers_my_model/__init__.py",
        "src/veneer_providers_my_model/adapter.py",
        "src/veneer_providers_my_model/dialect.py",
        "src/veneer_providers_my_model/errors.py",
        "src/veneer_providers_my_model/lines.py",
        "src/veneer_providers_my_model/py.typed",
        "src/veneer_providers_my_model/settings.py",
        "tests/__init__.py",
        "tests/conftest.py",
        "tests/dialect.py",
        "tests/test_adapter.py",
        "tests/test_conformance.py",
        "tests/upstream.py",
    }


def test_a_name_with_dashes_takes_the_form_of_each_place() -> None:
    rendered = render_provider("my-model")

    project = tomllib.loads(rendered["pyproject.toml"])["project"]
    adapter = rendered["src/veneer_providers_my_model/adapter.py"]
    assert project["name"] == "veneer-providers-my-model"
    assert project["entry-points"]["veneer.providers"] == {
        "my-model": "veneer_providers_my_model:MyModelAdapter"
    }
    assert "class MyModelAdapter(TextAdapter):" in adapter
    assert 'name = "my-model"' in adapter
    assert '_PREFIX = "MY_MODEL_"' in rendered["src/veneer_providers_my_model/settings.py"]
    assert "MY_MODEL_BASE_URL: ${MY_MODEL_BASE_URL:?" in rendered["compose.yaml"]


def test_the_next_commands_are_short_where_the_environment_is_active(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")

    printed = new_provider("my-model").output

    assert "  pytest\n" in printed
    assert "  MY_MODEL_BASE_URL=http://127.0.0.1:8765 veneer serve" in printed


def test_the_next_commands_have_their_paths_where_it_is_not(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/usr/bin")

    assert f"  {Path(sys.executable).parent}/pytest\n" in new_provider("acme").output


def test_the_workflow_keeps_its_own_expressions() -> None:
    assert "${{ matrix.python }}" in render_provider("acme")[".github/workflows/ci.yml"]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_written_is_formatted_and_passes_its_own_lint(name: str, tmp_path: Path) -> None:
    folder = write_provider(name, tmp_path)

    for command in (["format", "--check"], ["check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "."],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout


def test_it_carries_our_licence() -> None:
    assert render_provider("acme")["LICENSE"] == (ROOT / "LICENSE").read_text()


def test_it_asks_for_a_protocol_that_is_here() -> None:
    ours = tomllib.loads((ROOT / "packages/providers-dummy/pyproject.toml").read_text())
    project = tomllib.loads(render_provider("acme")["pyproject.toml"])["project"]

    (needed,) = (d for d in project["dependencies"] if d.startswith("veneer-protocol"))
    assert needed in ours["project"]["dependencies"]


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("Acme", "acme"),
        ("my_model", "my-model"),
        ("my--model", "my-model"),
        ("-acme-", "acme"),
        ("7b-chat", "b-chat"),
        ("acme/chat", "acme-chat"),
        ("../acme", "acme"),
        ("veneer-providers-acme", "acme"),
        ("a" * 25, "a" * 24),
        ("모델", "my-model"),
        ("OpenAI", "my-openai"),
        ("openai", "my-openai"),
        ("dummy", "my-dummy"),
        ("protocol", "my-protocol"),
        ("veneer", "my-veneer"),
        ("gateway", "my-gateway"),
        ("", "my-model"),
    ],
)
def test_a_bad_name_is_refused_with_one_that_would_do(here: Path, name: str, better: str) -> None:
    result = CliRunner().invoke(main, ["new-provider", "--", name])

    assert result.exit_code == 1
    assert f"'{better}' would do" in result.output
    assert list(here.iterdir()) == []
    assert new_provider(better).exit_code == 0


@given(st.from_regex(r"[a-z0-9-]{1,26}", fullmatch=True))
def test_a_name_that_is_taken_makes_a_prefix_and_python(name: str) -> None:
    try:
        write_provider(name, Path("/dev/null"))
    except ScaffoldError:
        return
    except NotADirectoryError:  # The name was good, the folder was not.
        pass

    check_prefix(name, "the name")
    for path, text in render_provider(name).items():
        if path.endswith(".py"):
            ast.parse(text)
            assert all(part.isidentifier() for part in Path(path).with_suffix("").parts)


def test_a_folder_that_holds_something_is_left_alone(here: Path) -> None:
    (here / "veneer-providers-acme").mkdir()
    (here / "veneer-providers-acme/notes").write_text("mine")

    result = new_provider("acme")

    assert result.exit_code == 1
    assert "veneer-providers-acme exists already" in result.output
    assert files(here) == {"veneer-providers-acme/notes": "mine"}


def test_a_file_in_the_way_is_left_alone(here: Path) -> None:
    (here / "veneer-providers-acme").write_text("mine")

    result = new_provider("acme")

    assert result.exit_code == 1
    assert "exists already" in result.output
    assert files(here) == {"veneer-providers-acme": "mine"}


@pytest.mark.parametrize("target", ["nowhere", "."])
def test_a_symbolic_link_in_the_way_is_refused(here: Path, target: str) -> None:
    (here / "veneer-providers-acme").symlink_to(target)

    result = new_provider("acme")

    assert result.exit_code == 1
    assert "veneer-providers-acme is a symbolic link" in result.output


def test_an_empty_folder_is_filled(here: Path) -> None:
    (here / "veneer-providers-acme").mkdir()

    assert new_provider("acme").exit_code == 0
    assert (here / "veneer-providers-acme/pyproject.toml").exists()


def test_a_place_where_nothing_can_be_written_is_named() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir("/proc")
        result = new_provider("acme")

    assert result.exit_code == 1
    assert "Cannot write /proc/veneer-providers-acme" in result.output
