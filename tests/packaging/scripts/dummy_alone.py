"""Find the dummy by its entry point and print what it answers."""

import asyncio
from importlib.metadata import entry_points

from veneer_protocol import ChatCompletionRequest, Message, ProviderAdapter, RequestContext

(entry_point,) = entry_points(group="veneer.providers")
adapter: ProviderAdapter = entry_point.load()()
request = ChatCompletionRequest(
    model="dummy/echo-1", messages=(Message(role="user", content="hi"),)
)
answer = asyncio.run(adapter.create_chat_completion(request, RequestContext()))
print(answer.choices[0].message.content)
