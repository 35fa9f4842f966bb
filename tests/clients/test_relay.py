"""What a client sends reaches the gateway and is kept."""

from openai import AsyncOpenAI

from tests.clients.relay import relaying
from tests.clients.trial import sent
from veneer_gateway.testing import RunningGateway


async def test_what_a_client_sends_unasked_is_told(gateway: RunningGateway) -> None:
    async with relaying(gateway.host, gateway.port) as relay:
        url = f"http://{relay.host}:{relay.port}/v1"
        async with AsyncOpenAI(base_url=url, api_key="any", max_retries=0) as client:
            for _ in range(2):  # The second time, on a connection that was kept.
                stream = await client.chat.completions.create(
                    model="dummy/echo-1",
                    messages=[
                        {"role": "assistant", "content": "Yes?", "refusal": None},
                        {"role": "user", "content": [{"type": "text", "text": "hello"}]},
                    ],
                    stream=True,
                    stop=["a stop sequence that is longer than is shown", "!"],
                )
                said = [chunk.choices[0].delta.content or "" async for chunk in stream]

    assert "hello" in "".join(said)
    assert len(relay.chats) == 2
    assert sent(relay) == ("messages[].content: […]", "messages[].refusal: null", "stop: […]")
