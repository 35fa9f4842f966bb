"""The commands that do not serve, but for `veneer doctor`."""

import json

import pytest
from click.testing import CliRunner

from tests.gateway.conftest import Install
from veneer_gateway.cli import main

MUTE = """
from tests.adapters import BrokenAdapter

def make():
    return BrokenAdapter(ValueError("no list"))
"""
GIFTED = """
from tests.adapters import PlainAdapter

class Gifted(PlainAdapter):
    features = {"tools", "images"}
"""


def test_models_are_listed_one_a_line(runner: CliRunner) -> None:
    result = runner.invoke(main, ["models"])

    assert result.exit_code == 0
    assert result.stdout == "dummy/echo-1\ndummy/story-1\n"


def test_a_model_is_listed_with_the_features_that_it_declares(
    runner: CliRunner, install: Install
) -> None:
    install("gifted", "gifted_module", GIFTED, gifted="gifted_module:Gifted")

    lines = runner.invoke(main, ["models"]).stdout.splitlines()
    listed = json.loads(runner.invoke(main, ["models", "--json"]).stdout)

    assert lines == ["dummy/echo-1", "dummy/story-1", "plain/one\timages, tools"]
    assert [model.get("features") for model in listed] == [None, None, ["images", "tools"]]


def test_models_of_the_others_are_listed_where_one_cannot_tell(
    runner: CliRunner, install: Install
) -> None:
    install("mute", "mute_module", MUTE, mute="mute_module:make")

    result = runner.invoke(main, ["models"])

    assert result.exit_code == 1
    assert result.stdout == "dummy/echo-1\ndummy/story-1\n"
    assert "broken from mute 1.0: failed" in result.stderr


def test_models_are_listed_for_machines_with_where_they_come_from(runner: CliRunner) -> None:
    result = runner.invoke(main, ["models", "--json"])

    assert json.loads(result.stdout)[0] == {
        "id": "dummy/echo-1",
        "provider": "dummy",
        "origin": "veneer-providers-dummy 0.1.0",
    }


@pytest.mark.parametrize("header", ["secret", ": secret", " :secret"])
def test_a_header_without_a_name_is_wrong_usage_and_not_shown(
    runner: CliRunner, header: str
) -> None:
    result = runner.invoke(main, ["models", "-H", header])

    assert result.exit_code == 2
    assert "secret" not in result.output


@pytest.mark.parametrize("command", ["serve", "models", "doctor"])
def test_two_providers_that_claim_one_prefix_stop_every_command(
    runner: CliRunner, install: Install, command: str
) -> None:
    source = "from veneer_providers_dummy import DummyAdapter"
    install("impostor", "impostor_module", source, impostor="impostor_module:DummyAdapter")

    result = runner.invoke(main, [command])

    assert result.exit_code == 1
    assert "claimed twice" in result.output


@pytest.mark.parametrize("command", ["serve", "models", "doctor"])
def test_a_malformed_setting_stops_every_command(runner: CliRunner, command: str) -> None:
    result = runner.invoke(main, [command], env={"PORT": "many"})

    assert result.exit_code == 1
    assert "PORT='many'" in result.output


def test_the_version_is_told(runner: CliRunner) -> None:
    assert runner.invoke(main, ["--version"]).stdout.startswith("veneer, version 0.")
