"""The `veneer` command: environment to settings to server."""

import asyncio
import os
import sys
from importlib.metadata import version

import click

from veneer_gateway.logs import configure_logging
from veneer_gateway.registry import RegistrationError, Registry
from veneer_gateway.routes.models import list_all_models
from veneer_gateway.server import serve as serve_until_signal
from veneer_gateway.settings import Settings, SettingsError
from veneer_protocol import RequestContext


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
        await registry.startup()
        try:
            found = await list_all_models(
                registry, RequestContext(), settings.models_timeout_seconds
            )
        finally:
            await registry.shutdown()
        return [model.id for model in found]

    for model_id in asyncio.run(collect()):
        click.echo(model_id)


@main.command()
def doctor() -> None:
    """Tell which providers are installed, which of them start, and how the gateway is set.

    Exits with 1 if one of them does not, or if there is none.
    """
    settings = _prepare()
    registry = _discover()

    async def try_start() -> None:
        await registry.startup()
        await registry.shutdown()

    asyncio.run(try_start())
    for name, value in settings.model_dump().items():
        click.echo(f"{name} = {value}")
    for provider in registry.providers:
        state = f"failed: {provider.failure}" if provider.failure else "ok"
        prefix = f"{provider.prefix}/…" if provider.prefix else "no prefix"
        click.echo(f"{provider.name} ({prefix}) from {provider.origin}: {state}")
    if not registry.providers:
        click.echo("No provider is installed. Install one beside the gateway.")
    if not registry.serving or any(provider.failure for provider in registry.providers):
        sys.exit(1)


def _prepare() -> Settings:
    try:
        settings = Settings.from_environment(os.environ)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    configure_logging(settings.log_level)
    return settings


def _discover() -> Registry:
    try:
        return Registry.discover()
    except RegistrationError as error:
        raise click.ClickException(str(error)) from None
