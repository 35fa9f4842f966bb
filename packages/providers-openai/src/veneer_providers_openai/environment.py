"""The entry point: what the environment declares, as adapters."""

import os

from veneer_providers_openai.adapter import OpenAIAdapter
from veneer_providers_openai.settings import Upstream


def adapters_from_environment() -> list[OpenAIAdapter]:
    """Give an adapter for each upstream that the environment declares; none is no error.

    Raises:
        SettingsError: a variable is malformed or belongs to no upstream.
    """
    return [OpenAIAdapter(upstream) for upstream in Upstream.all_from_environment(os.environ)]
