"""The gateway that puts any LLM behind the OpenAI API."""

from veneer_gateway.app import Gateway, create_app
from veneer_gateway.logs import configure_logging
from veneer_gateway.registry import RegistrationError, Registry
from veneer_gateway.server import serve
from veneer_gateway.settings import Settings, SettingsError

__all__ = [
    "Gateway",
    "RegistrationError",
    "Registry",
    "Settings",
    "SettingsError",
    "configure_logging",
    "create_app",
    "serve",
]
