"""A provider for upstreams that already speak the OpenAI API."""

from veneer_providers_openai.adapter import OpenAIAdapter
from veneer_providers_openai.environment import adapters_from_environment
from veneer_providers_openai.settings import SettingsError, Upstream

__all__ = ["OpenAIAdapter", "SettingsError", "Upstream", "adapters_from_environment"]
