"""What requests leave behind: nothing that the garbage collector has to look for."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator

import pytest
from openai import OpenAI

from veneer_gateway.exchange import Exchange
from veneer_gateway.testing import running_gateway
from veneer_protocol import ChatCompletionRequest, RequestContext, TextAdapter

REQUESTS = 20
OPEN_CONNECTIONS = 2
"""Each may hold what it served last."""


class BriefAdapter(TextAdapter):
    """Says a word, at once or after it has waited for it."""

    name = "brief"
    models = ("at-once", "later")

    async def generate(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[str]:
        if request.model_name == "later":
            await asyncio.sleep(0.001)
        yield "word"


@pytest.fixture
def _no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def exchanges() -> list[Exchange]:
    return [one for one in gc.get_objects() if isinstance(one, Exchange)]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("model", BriefAdapter.models)
@pytest.mark.usefixtures("_no_collector")
def test_an_exchange_that_is_over_is_freed(model: str, *, stream: bool) -> None:
    others = {id(one): one for one in exchanges()}  # Of tests before, whose gateways still run.
    with (
        running_gateway(BriefAdapter()) as gateway,
        OpenAI(base_url=f"{gateway.url}/v1", api_key="none", max_retries=0) as client,
    ):
        for _ in range(REQUESTS):
            answer = client.chat.completions.create(
                model=f"brief/{model}",
                messages=[{"role": "user", "content": "Hi"}],
                stream=stream,
            )
            assert not stream or list(answer)
        gateway.wait_for_open_requests(0)
        left = [one for one in exchanges() if id(one) not in others]

    assert len(left) <= OPEN_CONNECTIONS
