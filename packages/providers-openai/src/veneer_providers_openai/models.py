"""The models of an upstream, remembered for a while for each who may ask."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeGuard

from cachetools import TTLCache
from openai.types import Model

from veneer_protocol import Headers, InvalidProviderResponseError
from veneer_providers_openai.forwarding import identity

_MOST_CALLERS = 256

Models = tuple[Model, ...]


def read_models(answer: object, prefix: str) -> Models:
    """Read an upstream's list; each model once, without what is not of the API or names none.

    Reference: https://platform.openai.com/docs/api-reference/models/list

    Raises:
        InvalidProviderResponseError: it is no list.
    """
    # Some give the bare list; Ollama without models gives null.
    items = answer.get("data", answer) if isinstance(answer, dict) else answer
    if not isinstance(items, list | None):
        raise InvalidProviderResponseError("The upstream's answer is no list of models.")
    models = {
        item["id"]: model(
            prefix, item["id"], created=item.get("created"), owned_by=item.get("owned_by")
        )
        for item in items or ()
        if isinstance(item, dict) and _is_name(item.get("id"))
    }
    return tuple(models.values())


def model(prefix: str, name: str, created: object = None, owned_by: object = None) -> Model:
    """Give the model that a caller names `<prefix>/<name>`."""
    return Model(
        id=f"{prefix}/{name}",
        object="model",
        created=created if isinstance(created, int) else 0,
        owned_by=owned_by if _is_name(owned_by) else prefix,
    )


def _is_name(value: object) -> TypeGuard[str]:
    # Half a surrogate pair is not printable; it could not be written as JSON.
    return isinstance(value, str) and value != "" and value.isprintable()


class ModelCache:
    """Asks once for all who ask at once, remembers answers, and forgets failures."""

    def __init__(self, fetch: Callable[[Headers], Awaitable[Models]], seconds: float) -> None:
        """Ask by `fetch`, with the headers of a caller; remember for `seconds`."""
        self._fetch = fetch
        self._known: TTLCache[str, Models] = TTLCache(_MOST_CALLERS, ttl=seconds)
        self._pending: dict[str, asyncio.Task[Models]] = {}

    async def get(self, headers: Headers) -> Sequence[Model]:
        """Give the models for who asks with `headers`.

        Raises:
            ApiError: as `fetch` does.
        """
        caller = identity(headers)
        if (known := self._known.get(caller)) is not None:
            return known
        if (pending := self._pending.get(caller)) is None:
            pending = asyncio.create_task(self._ask(caller, headers))
            self._pending[caller] = pending
        # One who leaves does not take the answer from the others.
        return await asyncio.shield(pending)

    async def close(self) -> None:
        """End what is being asked."""
        pending = list(self._pending.values())
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)

    async def _ask(self, caller: str, headers: Headers) -> Models:
        try:
            models = await self._fetch(headers)
            self._known[caller] = models
            return models
        finally:
            del self._pending[caller]
