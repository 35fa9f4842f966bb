"""The commands that do not serve."""

import pytest
from click.testing import CliRunner

from tests.gateway.conftest import Install
from veneer_gateway.cli import main


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setattr("veneer_gateway.cli.configure_logging", lambda level: None)
    return CliRunner()


def test_models_are_listed_one_a_line(runner: CliRunner) -> None:
    result = runner.invoke(main, ["models"])

    assert result.exit_code == 0
    assert result.stdout == "dummy/echo-1\ndummy/story-1\n"


def test_the_doctor_names_providers_and_settings(runner: CliRunner) -> None:
    result = runner.invoke(main, ["doctor"], env={"PORT": "8123"})

    assert result.exit_code == 0
    assert "PORT=8123" in result.stdout
    assert (
        "dummy from veneer-providers-dummy 0.1.0: ok: dummy/echo-1, dummy/story-1" in result.stdout
    )


def test_the_doctor_fails_over_a_provider_that_does_not_start(
    runner: CliRunner, install: Install
) -> None:
    source = (
        "from tests.adapters import PlainAdapter\n"
        "class Lazy(PlainAdapter):\n"
        "    async def startup(self):\n"
        "        raise OSError('no disk')\n"
    )
    install("lazy", "lazy_module", source, lazy="lazy_module:Lazy")

    result = runner.invoke(main, ["doctor"])

    assert result.exit_code == 1
    assert "plain from lazy 1.0: failed: OSError: no disk" in result.stdout
    assert "dummy from veneer-providers-dummy 0.1.0: ok" in result.stdout


def test_the_doctor_fails_over_a_provider_that_cannot_list_its_models(
    runner: CliRunner, install: Install
) -> None:
    source = (
        "from tests.adapters import BrokenAdapter\n"
        "def make():\n"
        "    return BrokenAdapter(ValueError('no list'))\n"
    )
    install("mute", "mute_module", source, mute="mute_module:make")

    result = runner.invoke(main, ["doctor"])

    assert result.exit_code == 1
    assert "broken from mute 1.0: cannot list its models: ValueError: no list" in result.stdout


@pytest.mark.parametrize("command", ["serve", "models", "doctor"])
def test_two_providers_that_claim_one_prefix_stop_every_command(
    runner: CliRunner, install: Install, command: str
) -> None:
    source = "from veneer_providers_dummy import DummyAdapter"
    install("impostor", "impostor_module", source, impostor="impostor_module:DummyAdapter")

    result = runner.invoke(main, [command])

    assert result.exit_code == 1
    assert "claimed twice" in result.output


def test_the_doctor_fails_without_a_provider(
    runner: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("veneer_gateway.registry.ENTRY_POINT_GROUP", "veneer.nobodys")

    result = runner.invoke(main, ["doctor"])

    assert result.exit_code == 1
    assert "No provider is installed" in result.stdout


@pytest.mark.parametrize("command", ["serve", "models", "doctor"])
def test_a_malformed_setting_stops_every_command(runner: CliRunner, command: str) -> None:
    result = runner.invoke(main, [command], env={"PORT": "many"})

    assert result.exit_code == 1
    assert "PORT='many'" in result.output


def test_the_version_is_told(runner: CliRunner) -> None:
    assert runner.invoke(main, ["--version"]).stdout.startswith("veneer, version 0.")
