"""The `veneer` command: environment to settings to server."""

import json
import logging
import os
import platform
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, redirect_stdout, suppress
from dataclasses import asdict
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, get_args

import click

from veneer_gateway.aside import leave, run_aside
from veneer_gateway.diagnosis import (
    PROBE_TIMEOUT_SECONDS,
    Checkup,
    Probe,
    Verdict,
    examine,
    explain,
    probe,
    without_secrets,
)
from veneer_gateway.logs import configure_logging, log_strays
from veneer_gateway.registry import RegistrationError, Registry
from veneer_gateway.report import Tracing
from veneer_gateway.scaffold import ScaffoldError, next_steps, write_provider
from veneer_gateway.server import serve as serve_until_signal
from veneer_gateway.server import work
from veneer_gateway.servers import find_server
from veneer_gateway.settings import (
    LogLevel,
    ServerName,
    Settings,
    SettingsError,
    misspelt,
    variable,
    wants_traces,
)
from veneer_gateway.workers import METRICS_FOLDER, supervise
from veneer_protocol import ApiError, Headers, RequestContext

_SLACK_SECONDS = 3

log = logging.getLogger("veneer.cli")


@click.group()
@click.version_option(version("veneer-gateway"), prog_name="veneer")
def main() -> None:
    """Put any LLM behind the OpenAI API."""


@main.command()
@click.option(
    "--server",
    type=click.Choice(get_args(ServerName)),
    help="What serves HTTP, whatever VENEER_SERVER says.",
)
@click.option("--worker", "is_worker", is_flag=True, hidden=True)
def serve(*, server: ServerName | None, is_worker: bool) -> None:
    """Serve the installed providers until SIGTERM or SIGINT."""
    settings = _prepare()
    if not is_worker:
        for name, meant in misspelt(os.environ).items():
            log.warning("unknown setting", extra={"variable": name, "meant": meant})
    if server is not None:
        settings = settings.model_copy(update={"server": server})
    log_strays()
    try:
        find_server(settings.server)  # Told once, and not by each worker.
        if settings.workers > 1 and not is_worker:
            sys.exit(supervise(settings, os.environ))
        tracing = _tracing()
        registry = _discover()
        if is_worker:
            folder = os.environ[METRICS_FOLDER]
            work(settings, registry, _supervisor(), folder, tracing=tracing)
        else:
            serve_until_signal(settings, registry, tracing=tracing)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(
            f"Cannot listen on {settings.host} port {settings.port}: {error.strerror}. "
            "HOST and PORT choose others."
        ) from None


def _supervisor() -> socket.socket:
    """Give what leads to the supervisor, apart from what a worker's own processes inherit."""
    supervisor = socket.socket(fileno=os.dup(sys.stdin.fileno()))
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), sys.stdin.fileno())
    return supervisor


def _headers(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> Headers:
    pairs = [header.partition(":") for header in given]
    if any(not (name.strip() and colon) for name, colon, _value in pairs):
        raise click.BadParameter("write it as 'name: value'.")  # Not what was given: a secret.
    return Headers((name.strip(), value.strip()) for name, _colon, value in pairs)


with_headers = click.option(
    "--header",
    "-H",
    "headers",
    multiple=True,
    callback=_headers,
    metavar="'NAME: VALUE'",
    help="A header for the providers, such as credentials; may be given several times.",
)
as_json = click.option("--json", "is_json", is_flag=True, help="Print JSON.")


@main.command()
@with_headers
@as_json
def models(headers: Headers, is_json: bool) -> None:
    """List the models of the installed providers, one id a line, with the features they declare.

    Exits with 1 if a provider cannot tell its models; those of the others are listed.
    """
    _, checkups, _ = _look(_prepare(), RequestContext(headers))
    found = [
        {"id": model, "provider": checkup.provider.name, "origin": checkup.provider.origin}
        | ({"features": list(features)} if (features := checkup.features.get(model)) else {})
        for checkup in checkups
        for model in checkup.models
    ]
    for line in [json.dumps(found, indent=2)] if is_json else map(_model_line, found):
        click.echo(line)
    for checkup in checkups:
        if checkup.problem is not None:
            click.echo(_line(checkup), err=True)
    leave(any(checkup.problem is not None for checkup in checkups))


@main.command()
@click.argument("model", required=False)
@click.option("--probe", "is_probing", is_flag=True, help="Ask for a few words, really.")
@with_headers
@as_json
def doctor(model: str | None, headers: Headers, is_probing: bool, is_json: bool) -> None:
    """Tell what is installed and what of it works; or who serves MODEL, or why nobody does.

    --probe asks MODEL, or else the first model of each provider, once as a whole and once as a
    stream.

    Exits with 1 if something does not work, or if there is no provider.
    """
    settings = _prepare(log_level="off")
    verdict, checkups, probes = _look(settings, RequestContext(headers), model, is_probing)
    problems = [checkup.problem for checkup in checkups] if verdict is None else [verdict.problem]
    problems += [one.problem for one in probes]
    is_well = bool(checkups) and not any(problems)
    if is_json:
        report = {
            "ok": is_well,
            "versions": _versions(),
            "settings": {variable(name): value for name, value in settings.model_dump().items()},
            "providers": [checkup.to_json() for checkup in checkups],
            "model": verdict and verdict.to_json(),
            "probes": [asdict(one) for one in probes],
        }
        click.echo(json.dumps(report, indent=2))
    else:
        _print(settings, checkups, verdict)
        for one in probes:
            outcome = "answered" if one.problem is None else f"failed: {one.problem}"
            click.echo(f"{one.model}, {one.mode}, {one.seconds:.2f} s: {outcome}")
    leave(not is_well)


@main.command()
@click.argument("name")
def new_provider(name: str) -> None:
    """Write a package for the provider NAME: the folder veneer-providers-NAME."""
    try:
        folder = write_provider(name, Path.cwd())
    except ScaffoldError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"Cannot write {error.filename}: {error.strerror}.") from None
    click.echo(f"Wrote {folder.name}. Its README says how to make it yours. To see it work:\n")
    for command in next_steps(name):
        click.echo(f"  {command}")


def _look(
    settings: Settings, context: RequestContext, model: str | None = None, is_probing: bool = False
) -> tuple[Verdict | None, list[Checkup], list[Probe]]:
    """Start every provider, look at each, and stop them."""

    async def look() -> tuple[Verdict | None, list[Checkup], list[Probe]]:
        registry = _discover()
        async with _running(registry, settings):
            checkups = await examine(registry, context, settings.models_timeout_seconds)
            verdict = None if model is None else explain(model, checkups)
            asked = [model] if model else [one.models[0] for one in checkups if one.models]
            probes = []
            for name in asked if is_probing else ():
                with suppress(ApiError):  # Nobody serves it, as the verdict says.
                    probes += await probe(registry.resolve(name), name, context)
        headers = context.headers
        return (
            verdict and without_secrets(verdict, headers),
            [without_secrets(checkup, headers) for checkup in checkups],
            [without_secrets(one, headers) for one in probes],
        )

    # What a provider prints is no part of the report.
    seconds = 2 * settings.startup_timeout_seconds + settings.models_timeout_seconds
    seconds += 2 * PROBE_TIMEOUT_SECONDS if is_probing else 0
    try:
        with redirect_stdout(sys.stderr):
            return run_aside(look(), seconds + _SLACK_SECONDS, _tell)
    except TimeoutError as error:
        click.echo(f"Error: {error}.", err=True)
        leave(1)


def _tell(where: str) -> None:
    click.echo(f"Still waiting: {where}.", err=True)


def _print(settings: Settings, checkups: list[Checkup], verdict: Verdict | None) -> None:
    if verdict is not None:
        origins = {checkup.provider.name: checkup.provider.origin for checkup in checkups}
        served = f"served by {verdict.provider} from {origins.get(verdict.provider or '')}"
        declared = f"; it declares {', '.join(verdict.features)}" if verdict.features else ""
        click.echo(f"{verdict.model}: {verdict.problem or served + declared}")
        return
    click.echo(", ".join(f"{name} {version}" for name, version in _versions().items()))
    for name, value in settings.model_dump().items():
        click.echo(f"{variable(name)}={value}")
    for name, meant in misspelt(os.environ).items():
        click.echo(f"{name} is no setting of the gateway. Is {meant} meant?")
    for checkup in checkups:
        click.echo(_line(checkup))
    if not checkups:
        click.echo("No provider is installed. Install one beside the gateway.")


def _model_line(model: dict[str, Any]) -> str:
    """Give the id, and after a tab what it declares."""
    features = ", ".join(model.get("features", ()))
    return f"{model['id']}\t{features}" if features else str(model["id"])


def _line(checkup: Checkup) -> str:
    state = f"ok: {', '.join(checkup.models) or 'no models'}"
    if checkup.problem is not None:
        state = f"failed: {checkup.problem}"
    return f"{checkup.provider.name} from {checkup.provider.origin}: {state}"


def _versions() -> dict[str, str]:
    ours = {name: version(name) for name in ("veneer-gateway", "veneer-protocol")}
    return {**ours, "Python": platform.python_version()}


@asynccontextmanager
async def _running(registry: Registry, settings: Settings) -> AsyncIterator[None]:
    await registry.startup(settings.startup_timeout_seconds)
    try:
        yield
    finally:
        await registry.shutdown(settings.startup_timeout_seconds)


def _prepare(log_level: LogLevel | None = None) -> Settings:
    try:
        settings = Settings.from_environment(os.environ)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    configure_logging(log_level or settings.log_level)
    return settings


def _tracing() -> Tracing | None:
    if not wants_traces(os.environ):
        return None
    # Where OpenTelemetry is not asked for it is not loaded, and need not be installed. What it
    # cannot do is no reason not to serve: these variables are often set for a whole cluster.
    try:
        tracing = import_module("veneer_gateway.tracing")
    except ImportError:
        log.warning("no traces: OTEL_* asks for them; install veneer-gateway[opentelemetry]")
        return None
    except ValueError as error:  # OpenTelemetry reads some of them when it is loaded.
        log.warning("no traces: OTEL_* asks for them, but %s", error)
        return None
    try:
        traces: Tracing = tracing.Traces.from_environment(os.environ)
    except tracing.TracingError as error:
        log.warning("no traces: OTEL_* asks for them, but %s", error)
        return None
    log.info("traces are made")
    return traces


def _discover() -> Registry:
    try:
        return Registry.discover()
    except RegistrationError as error:
        raise click.ClickException(str(error)) from None
