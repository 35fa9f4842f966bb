"""The entry point: what the environment declares, as adapters."""

import os
from collections.abc import Sequence

from openai.types import Model
from openai.types.chat import ChatCompletion

from veneer_protocol import ChatCompletionRequest, ProviderAdapter, RequestContext
from veneer_providers_openai.adapter import OpenAIAdapter
from veneer_providers_openai.settings import SettingsError, Upstream


def adapters_from_environment() -> list[ProviderAdapter]:
    """Give an adapter for each upstream that the environment declares; none is no error.

    That of an upstream with a malformed variable does not start, and the others serve.

    Raises:
        SettingsError: a variable belongs to no upstream.
    """
    return [
        _MalformedUpstream(name, upstream)
        if isinstance(upstream, SettingsError)
        else OpenAIAdapter(upstream)
        for name, upstream in Upstream.each_from_environment(os.environ).items()
    ]


class _MalformedUpstream(ProviderAdapter):
    """Holds the prefix of an upstream that cannot be asked, and tells why."""

    def __init__(self, name: str, error: SettingsError) -> None:
        self.name = name
        self._problem = str(error)

    async def startup(self) -> None:
        """Refuse to start.

        Raises:
            SettingsError: always.
        """
        raise SettingsError(self._problem)

    async def list_models(self, context: RequestContext) -> Sequence[Model]:
        """Refuse, as `startup` does."""
        raise SettingsError(self._problem)

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        """Refuse, as `startup` does."""
        raise SettingsError(self._problem)
