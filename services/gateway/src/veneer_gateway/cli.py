"""The `veneer` command: environment to settings to server."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

import click

from veneer_gateway.logs import configure_logging
from veneer_gateway.registry import RegistrationError, Registry
from veneer_gateway.routes.models import list_all_models, list_models
from veneer_gateway.scaffold import ScaffoldError, next_steps, write_provider
from veneer_gateway.server import serve as serve_until_signal
from veneer_gateway.settings import LogLevel, Settings, SettingsError, variable
from veneer_protocol import ApiError, RequestContext


@click.group()
@click.version_option(version("veneer-gateway"), prog_name="veneer")
def main() -> None:
    """Put any LLM behind the OpenAI API."""


@main.command()
def serve() -> None:
    """Serve the installed providers until SIGTERM or SIGINT."""
    settings = _prepare()
    registry = _discover()
    try:
        serve_until_signal(settings, registry)
    except OSError as error:
        raise click.ClickException(
            f"Cannot listen on {settings.host} port {settings.port}: {error.strerror}. "
            "HOST and PORT choose others."
        ) from None


@main.command()
def models() -> None:
    """List the models of the installed providers, one id a line."""
    settings = _prepare()
    registry = _discover()

    async def collect() -> list[str]:
        async with _running(registry, settings):
            found = await list_all_models(
                registry, RequestContext(), settings.models_timeout_seconds
            )
        return [model.id for model in found]

    try:
        for model_id in asyncio.run(collect()):
            click.echo(model_id)
    except ApiError as error:
        raise click.ClickException(error.message) from None


@main.command()
def doctor() -> None:
    """Tell how the gateway is set, which providers are installed, and what each of them serves.

    Exits with 1 if one of them does not work, or if there is none.
    """
    settings = _prepare(log_level="off")
    registry = _discover()
    for name, value in settings.model_dump().items():
        click.echo(f"{variable(name)}={value}")
    is_well = asyncio.run(_examine(registry, settings))
    if not registry.providers:
        click.echo("No provider is installed. Install one beside the gateway.")
    if not (is_well and registry.serving):
        sys.exit(1)


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


async def _examine(registry: Registry, settings: Settings) -> bool:
    """Start every provider, ask for its models, and print what comes of it."""
    is_well = True
    async with _running(registry, settings):
        for provider in registry.providers:
            state = f"failed: {_told(provider.failure)}"
            if provider.adapter is not None and provider.failure is None:
                try:
                    found = await list_models(
                        provider.adapter, RequestContext(), settings.models_timeout_seconds
                    )
                    state = f"ok: {', '.join(model.id for model in found) or 'no models'}"
                except Exception as error:  # noqa: BLE001  Printed below.
                    state = f"cannot list its models: {_told(error)}"
            is_well = is_well and state.startswith("ok")
            click.echo(f"{provider.name} from {provider.origin}: {state}")
    return is_well


def _told(error: BaseException | None) -> str:
    return f"{type(error).__name__}: {error}"


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


def _discover() -> Registry:
    try:
        return Registry.discover()
    except RegistrationError as error:
        raise click.ClickException(str(error)) from None
