"""What `veneer doctor` finds, and how it comes to an end."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from tests.checkout import ROOT
from tests.gateway.conftest import Install
from tests.gateway.test_cli import GIFTED, MUTE
from veneer_gateway.cli import main

MISTAKEN = """
from tests.adapters import PlainAdapter

class Mistaken(PlainAdapter):
    def features_of(self, model):
        return {"tool"}
"""
LAZY = """
from tests.adapters import PlainAdapter

class Lazy(PlainAdapter):
    async def startup(self):
        raise OSError("no disk")
"""
PICKY = """
from tests.adapters import PlainAdapter
from veneer_protocol import AuthenticationError

class Picky(PlainAdapter):
    def _remember(self, request, context):
        if dict(context.headers) != {"authorization": "Bearer k", "x-tenant": "a"}:
            raise AuthenticationError("who are you?")
"""
PLAIN = "plain_module:PlainAdapter"


def test_the_doctor_names_providers_and_settings(runner: CliRunner) -> None:
    origins = "https://app.example,http://localhost:5173"

    result = runner.invoke(main, ["doctor"], env={"PORT": "8123", "VENEER_CORS_ORIGINS": origins})

    assert result.exit_code == 0
    assert "PORT=8123" in result.stdout
    assert f"VENEER_CORS_ORIGINS={origins}\n" in result.stdout
    assert (
        "dummy from veneer-providers-dummy 0.1.0: ok: dummy/echo-1, dummy/story-1" in result.stdout
    )


def test_the_doctor_names_a_setting_that_is_misspelt(runner: CliRunner) -> None:
    result = runner.invoke(main, ["doctor"], env={"VENEER_WORKER": "4"})

    assert "VENEER_WORKER is no setting of the gateway. Is VENEER_WORKERS meant?" in result.stdout


def test_the_doctor_fails_over_a_provider_that_does_not_start(
    runner: CliRunner, install: Install
) -> None:
    install("lazy", "lazy_module", LAZY, lazy="lazy_module:Lazy")

    result = runner.invoke(main, ["doctor"])

    assert result.exit_code == 1
    assert "plain from lazy 1.0: failed: OSError: no disk" in result.stdout
    assert "dummy from veneer-providers-dummy 0.1.0: ok" in result.stdout


def test_the_doctor_fails_over_a_provider_that_cannot_list_its_models(
    runner: CliRunner, install: Install
) -> None:
    install("mute", "mute_module", MUTE, mute="mute_module:make")

    result = runner.invoke(main, ["doctor"])

    assert result.exit_code == 1
    assert (
        "broken from mute 1.0: failed: cannot list its models: ValueError: no list" in result.stdout
    )


def test_the_doctor_fails_over_a_provider_that_declares_what_there_is_not(
    runner: CliRunner, install: Install
) -> None:
    install("mistaken", "mistaken_module", MISTAKEN, mistaken="mistaken_module:Mistaken")

    result = runner.invoke(main, ["doctor"])

    assert result.exit_code == 1
    assert "Mistaken.features_of: there is no feature 'tool'. Did you mean 'tools'?" in (
        result.stdout
    )


def test_headers_reach_the_providers(runner: CliRunner, install: Install) -> None:
    install("picky", "picky_module", PICKY, picky="picky_module:Picky")
    header = ["--header", "Authorization: Bearer k", "-H", "x-tenant:a"]

    with_them = runner.invoke(main, ["doctor", "--probe", "plain/one", *header])
    without = runner.invoke(main, ["doctor", "--probe", "plain/one"])

    assert with_them.exit_code == 0
    assert without.exit_code == 1
    assert "plain/one, stream" in without.stdout
    assert "AuthenticationError: who are you?" in without.stdout


def test_what_a_provider_quotes_of_a_header_is_hidden(runner: CliRunner, install: Install) -> None:
    source = PICKY.replace('"who are you?"', "f\"who is {context.headers['x-key']}?\"")
    install("picky", "picky_module", source, picky="picky_module:Picky")

    result = runner.invoke(main, ["doctor", "--probe", "plain/one", "-H", "x-key: hunter2hunter2"])

    assert "who is [hidden]?" in result.stdout
    assert "hunter2" not in result.output


def test_the_doctor_says_who_serves_a_model(runner: CliRunner) -> None:
    result = runner.invoke(main, ["doctor", "dummy/echo-1"])

    assert result.exit_code == 0
    assert result.stdout == "dummy/echo-1: served by dummy from veneer-providers-dummy 0.1.0\n"


def test_the_doctor_says_what_a_model_declares(runner: CliRunner, install: Install) -> None:
    install("gifted", "gifted_module", GIFTED, gifted="gifted_module:Gifted")

    told = runner.invoke(main, ["doctor", "plain/one"]).stdout
    report = json.loads(runner.invoke(main, ["doctor", "plain/one", "--json"]).stdout)

    assert told == "plain/one: served by plain from gifted 1.0; it declares images, tools\n"
    assert report["model"]["features"] == ["images", "tools"]


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("dummy/nobody", "dummy does not list it; its models are: dummy/echo-1, dummy/story-1"),
        ("nobody/x", "no provider has the prefix 'nobody'; those here are: dummy, plain"),
        ("nobody/x", "may have had it: torn from torn 1.0 (ImportError: no wheel)"),
        ("gpt-9", "it names no provider: a model is written <prefix>/<name>"),
        ("plain/one", "OSError: no disk"),
    ],
)
def test_the_doctor_says_why_nobody_serves_a_model(
    runner: CliRunner, install: Install, model: str, reason: str
) -> None:
    install("lazy", "lazy_module", LAZY, lazy="lazy_module:Lazy")
    install("torn", "torn_module", "raise ImportError('no wheel')", torn="torn_module:Torn")

    result = runner.invoke(main, ["doctor", model, "--probe"])

    assert result.exit_code == 1
    assert reason in result.stdout


def test_what_works_is_no_affair_of_the_doctor_asked_for_another_model(
    runner: CliRunner, install: Install
) -> None:
    install("lazy", "lazy_module", LAZY, lazy="lazy_module:Lazy")

    assert runner.invoke(main, ["doctor", "dummy/echo-1"]).exit_code == 0


def test_a_probe_asks_the_first_model_of_each_provider_in_both_modes(
    runner: CliRunner, install: Install
) -> None:
    install("plain", "plain_module", "from tests.adapters import PlainAdapter", p=PLAIN)

    report = json.loads(runner.invoke(main, ["doctor", "--probe", "--json"]).stdout)

    assert [(one["model"], one["mode"], one["problem"]) for one in report["probes"]] == [
        ("dummy/echo-1", "plain", None),
        ("dummy/echo-1", "stream", None),
        ("plain/one", "plain", None),
        ("plain/one", "stream", None),
    ]
    assert all(0 <= one["seconds"] < 10 for one in report["probes"])


@pytest.mark.parametrize("mode", ["plain", "stream"])
def test_a_probe_holds_the_answer_to_the_rules(
    runner: CliRunner, install: Install, mode: str
) -> None:
    source = (
        "from tests.adapters import ScriptedAdapter\n"
        "def make():\n"
        "    return ScriptedAdapter('no answer')\n"
    )
    install("wrong", "wrong_module", source, wrong="wrong_module:make")

    report = json.loads(runner.invoke(main, ["doctor", "--probe", "--json", "scripted/one"]).stdout)

    assert not report["ok"]
    assert report["model"] == {"model": "scripted/one", "provider": "scripted", "problem": None}
    (problem,) = (one["problem"] for one in report["probes"] if one["mode"] == mode)
    assert problem.startswith("InvalidProviderResponseError")


def test_the_doctor_reports_for_machines(runner: CliRunner, install: Install) -> None:
    install("lazy", "lazy_module", LAZY, lazy="lazy_module:Lazy")

    result = runner.invoke(main, ["doctor", "--json"])

    report = json.loads(result.stdout)
    assert result.exit_code == 1
    assert not report["ok"]
    assert report["settings"]["PORT"] == 3000
    assert set(report["versions"]) == {"veneer-gateway", "veneer-protocol", "Python"}
    assert [one["problem"] for one in report["providers"]] == [None, "OSError: no disk"]
    assert report["providers"][0]["models"] == ["dummy/echo-1", "dummy/story-1"]


def test_the_doctor_fails_without_a_provider(
    runner: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("veneer_gateway.registry.ENTRY_POINT_GROUP", "veneer.nobodys")

    result = runner.invoke(main, ["doctor"])

    assert result.exit_code == 1
    assert "No provider is installed" in result.stdout


SWALLOWING = """
import asyncio
from tests.adapters import PlainAdapter

class Swallowing(PlainAdapter):
    async def {method}(self, *arguments):
        while True:
            try:
                await asyncio.sleep(100)
            except asyncio.CancelledError:
                pass
"""
BLOCKING = """
import time
from tests.adapters import PlainAdapter

class Blocking(PlainAdapter):
    async def startup(self):
        time.sleep(100)
"""
NOISY = """
from tests.adapters import PlainAdapter

print("noise of the import")

class Noisy(PlainAdapter):
    def _remember(self, request, context):
        print("noise of the answer")
"""
UNSPEAKABLE = """
from tests.adapters import BrokenAdapter

class Unspeakable(Exception):
    def __str__(self):
        raise RuntimeError

def make():
    return BrokenAdapter(Unspeakable())
"""


def doctor(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a process, for it may have to leave something behind."""
    return subprocess.run(
        [str(Path(sys.executable).parent / "veneer"), "doctor", *arguments],
        env={
            **os.environ,
            "PYTHONPATH": f"{folder}:{ROOT}",
            "VENEER_STARTUP_TIMEOUT_SECONDS": "0.3",
            "VENEER_MODELS_TIMEOUT_SECONDS": "0.3",
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("method", ["startup", "list_models", "shutdown"])
def test_the_doctor_comes_to_an_end_whatever_a_provider_swallows(
    tmp_path: Path, install: Install, method: str
) -> None:
    install("deaf", "deaf_module", SWALLOWING.format(method=method), deaf="deaf_module:Swallowing")

    done = doctor(tmp_path)

    assert "dummy from veneer-providers-dummy 0.1.0: ok" in done.stdout
    assert done.returncode == (0 if method == "shutdown" else 1)
    if method == "startup":
        assert "TimeoutError: startup() did not end within 0.3 s" in done.stdout


def test_the_doctor_leaves_a_thread_that_blocks_behind(tmp_path: Path, install: Install) -> None:
    source = BLOCKING.replace("time.sleep(100)", "await asyncio.to_thread(time.sleep, 100)")
    install("stiff", "stiff_module", f"import asyncio\n{source}", stiff="stiff_module:Blocking")

    done = doctor(tmp_path)

    assert done.returncode == 1
    assert "startup() did not end within 0.3 s" in done.stdout


def test_the_doctor_says_where_a_provider_blocks(tmp_path: Path, install: Install) -> None:
    install("stiff", "stiff_module", BLOCKING, stiff="stiff_module:Blocking")

    done = doctor(tmp_path)

    assert done.returncode == 1
    assert f"a provider is blocked in startup, {tmp_path}/stiff_module.py:7" in done.stderr
    assert "did not come to an end" in done.stderr


def test_what_a_provider_prints_is_no_part_of_the_report(
    runner: CliRunner, install: Install
) -> None:
    install("noisy", "noisy_module", NOISY, noisy="noisy_module:Noisy")

    result = runner.invoke(main, ["doctor", "--probe", "--json"])

    assert json.loads(result.stdout)["ok"]
    assert "noise of the answer" in result.stderr


def test_an_exception_that_cannot_be_shown_hides_no_other_provider(
    runner: CliRunner, install: Install
) -> None:
    install("mute", "mute_module", UNSPEAKABLE, mute="mute_module:make")

    result = runner.invoke(main, ["doctor"])

    assert "dummy from veneer-providers-dummy 0.1.0: ok" in result.stdout
    assert "Unspeakable: it cannot be shown" in result.stdout


def test_the_doctor_says_what_led_to_a_failure(runner: CliRunner, install: Install) -> None:
    source = LAZY.replace('OSError("no disk")', 'SystemExit("no licence")')
    install("quitter", "quitter_module", source, quitter="quitter_module:Lazy")

    result = runner.invoke(main, ["doctor"])

    assert "because of SystemExit: no licence" in result.stdout
