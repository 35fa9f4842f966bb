"""Adapters that do everything wrong, all at once, beside one that does everything right."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence

import httpx2
import pytest
from openai.types import Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tests.adapters import PlainAdapter
from tests.faults.process import HELLO
from veneer_gateway import Settings
from veneer_gateway.testing import RunningGateway, running_gateway
from veneer_protocol import ChatCompletionRequest, RateLimitError, Reply, RequestContext

AT_ONCE = 5
SECRET = "hunter2"
ERRORS: dict[str, type[BaseException]] = {
    "known": RateLimitError,
    "unknown": RuntimeError,
    "memory": MemoryError,
    "recursion": RecursionError,
    "timeout": TimeoutError,
    "stop": StopAsyncIteration,
    "cancels-itself": asyncio.CancelledError,
    "exits": SystemExit,
    "interrupts": KeyboardInterrupt,
    "reset": ConnectionResetError,
    "wraps": BaseExceptionGroup,
}
RUBBISH: dict[str, object] = {
    "none": None,
    "text": "rubbish",
    "exception": ValueError("yielded"),
    "type": ChatCompletionChunk,
    "empty": ChatCompletionChunk.construct(),
    "model": Model(id="faulty/one", object="model", created=0, owned_by="faulty"),
}
MOMENTS = ("before", "between", "after")


def error(name: str) -> BaseException:
    kind = ERRORS[name]
    if issubclass(kind, BaseExceptionGroup):
        return kind(SECRET, [KeyboardInterrupt(SECRET), ValueError(SECRET)])
    return kind("Slow down." if name == "known" else SECRET)


class FaultyAdapter(PlainAdapter):
    """Does wrong what the name of the model says: `<moment>-<error>` and more."""

    def __init__(self) -> None:
        super().__init__("faulty")
        self.at_work = 0

    async def list_models(self, context: RequestContext) -> Sequence[Model]:
        raise RuntimeError(SECRET)

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        what, _, fault = request.model_name.partition("-")
        await self._hang(what)
        if what == "rubbish":
            return RUBBISH[fault]  # type: ignore[return-value]
        raise error(fault)

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        what, _, fault = request.model_name.partition("-")
        reply = Reply(model=request.model)
        self.at_work += 1
        try:
            if what == "before":
                raise error(fault)
            yield reply.chunk("one ")
            await self._hang(what)
            if what == "between":
                raise error(fault)
            if what == "rubbish":
                yield RUBBISH[fault]  # type: ignore[misc]
            yield reply.last_chunk()
            raise error(fault)
        finally:
            self.at_work -= 1
            if what == "closing":
                raise RuntimeError(SECRET)

    async def _hang(self, what: str) -> None:
        if what in {"hangs", "closing"}:
            await asyncio.Event().wait()
        elif what == "deaf":  # To the first request that it end.
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                await asyncio.sleep(0.1)


FAULTS = (
    [f"{moment}-{error}" for moment in MOMENTS for error in ERRORS]
    + [f"rubbish-{rubbish}" for rubbish in RUBBISH]
    + ["hangs-known", "closing-known", "deaf-known"]
)


async def asked(
    gateway: RunningGateway, http: httpx2.AsyncClient, model: str, *, stream: bool
) -> str:
    """Ask, and tell how it ended; whatever that is, it is honest and tells no secret."""
    body = {"model": model, "messages": HELLO, "stream": stream}
    response = await http.post(f"{gateway.url}/v1/chat/completions", json=body)
    assert SECRET not in response.text
    if response.status_code != 200:
        return f"{response.status_code} {response.json()['error']['code']}"
    if not stream:
        return "complete"
    has_error = '"error"' in response.text
    assert has_error != response.text.endswith("data: [DONE]\n\n")
    assert response.text.endswith("}}\n\n") or not has_error
    return "error frame" if has_error else "complete"


@pytest.mark.parametrize("stream", [False, True])
async def test_whatever_an_adapter_does_harms_its_own_requests_only(stream: bool) -> None:
    faulty = FaultyAdapter()
    settings = Settings(
        host="127.0.0.1", port=0, drain_seconds=1, idle_timeout_seconds=4, total_timeout_seconds=8
    )
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=0)

    with running_gateway(faulty, PlainAdapter(), settings=settings) as gateway:
        async with httpx2.AsyncClient(timeout=20, limits=limits) as http:

            async def good_ones() -> Counter[str]:
                outcomes: Counter[str] = Counter()
                began = time.monotonic()
                while outcomes.total() < 50 or time.monotonic() - began < 1:
                    outcomes[await asked(gateway, http, "plain/one", stream=stream)] += 1
                return outcomes

            good = asyncio.create_task(good_ones())
            bad = await asyncio.gather(
                *(
                    asked(gateway, http, f"faulty/{fault}", stream=stream)
                    for fault in FAULTS
                    for _ in range(AT_ONCE)
                )
            )
            assert set(await good) == {"complete"}
        await asyncio.to_thread(gateway.wait_for_open_requests, 0)

    told = Counter(bad)
    assert told.total() == len(FAULTS) * AT_ONCE
    assert told["complete"] == 0
    assert faulty.at_work == 0
    if not stream:
        assert set(told) == {
            "429 rate_limit_exceeded",
            "500 internal_error",
            "502 invalid_provider_response",
            "504 total_timeout",
        }


async def test_a_list_that_fails_takes_nobody_elses_down() -> None:
    with running_gateway(FaultyAdapter(), PlainAdapter()) as gateway:
        async with httpx2.AsyncClient() as http:
            listed = (await http.get(f"{gateway.url}/v1/models")).json()

    assert [model["id"] for model in listed["data"]] == ["plain/one"]
