"""SIGTERM and SIGKILL under load: nobody takes a broken answer for a good one."""

import asyncio
import signal
import time
from collections import Counter

import openai
import pytest
from openai import AsyncOpenAI, AsyncStream

from tests.contract.test_chat import HELLO
from tests.faults.load import NOT_ACCEPTED, load
from tests.faults.process import GatewayProcess, process

DRAIN = 2
REFUSED = "refused: 503"


async def under_load(gateway: GatewayProcess, number: signal.Signals) -> tuple[int, Counter[str]]:
    """Send the signal in the midst of a load that goes on for longer."""
    loading = asyncio.create_task(load(gateway, 600, leaving=0))
    await asyncio.to_thread(gateway.wait_for_log, "request", 50)
    code = await asyncio.to_thread(gateway.stop, number)
    return code, await loading


async def test_after_sigterm_whoever_was_accepted_gets_a_whole_answer_or_an_honest_error() -> None:
    with process(VENEER_DRAIN_SECONDS=str(DRAIN)) as gateway:
        began = time.monotonic()
        code, outcomes = await under_load(gateway, signal.SIGTERM)
        seconds = time.monotonic() - began

    assert code == 0
    assert seconds < DRAIN + 20
    assert outcomes["complete"] >= 50
    assert nobody_was_forgotten(gateway, outcomes)


async def test_what_takes_longer_than_the_drain_is_told_so_under_load() -> None:
    with process(VENEER_DRAIN_SECONDS="0") as gateway:
        code, outcomes = await under_load(gateway, signal.SIGTERM)

    assert code == 0
    assert outcomes[REFUSED] + outcomes["error frame"] > 0
    assert nobody_was_forgotten(gateway, outcomes)


async def test_after_sigkill_nobody_sees_a_clean_end_and_the_port_is_free_at_once() -> None:
    with process() as gateway:
        code, outcomes = await under_load(gateway, signal.SIGKILL)

        with process(PORT=str(gateway.port)) as successor:
            assert successor.ask("plain/one").status_code == 200

    assert code == -signal.SIGKILL
    assert set(outcomes) <= {"complete", "broken off", NOT_ACCEPTED}
    assert outcomes["broken off"] > 0


def nobody_was_forgotten(gateway: GatewayProcess, outcomes: Counter[str]) -> bool:
    """Tell whether all requests that the gateway had begun to serve have an answer.

    The others came to a port that was closed, or were still on their way.
    """
    told = {"complete", REFUSED, "error frame"}
    ended = Counter(line["ended"] for line in gateway.events("request"))
    answered = sum(outcomes[outcome] for outcome in told)
    return set(outcomes) <= told | {NOT_ACCEPTED} and ended.total() == answered and not ended["cut"]


@pytest.mark.parametrize("stream", [False, True])
async def test_the_official_client_raises_when_the_gateway_is_killed(stream: bool) -> None:
    with process() as gateway:
        async with AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="k", max_retries=0) as client:

            async def ask() -> None:
                answer = await client.chat.completions.create(
                    model="patient/one", messages=HELLO, stream=stream
                )
                if isinstance(answer, AsyncStream):
                    async for _ in answer:
                        pass

            asking = asyncio.create_task(ask())
            await asyncio.to_thread(gateway.wait_for_open_requests, 1)
            gateway.stop(signal.SIGKILL)

            with pytest.raises(openai.APIConnectionError):
                await asking
