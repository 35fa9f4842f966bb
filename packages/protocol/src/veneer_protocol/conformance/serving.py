"""An adapter behind the real gateway on a real socket, asked by the official client."""

import json
import queue
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from http.client import HTTPConnection
from typing import cast

from openai import OpenAI
from openai.types import Model
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from veneer_gateway.testing import RunningGateway, running_gateway
from veneer_protocol.adapter import ProviderAdapter
from veneer_protocol.conformance.asking import QUESTION, USER
from veneer_protocol.context import Headers, RequestContext
from veneer_protocol.requests.request import ChatCompletionRequest


class Call:
    """One method of the adapter at work."""

    def __init__(self, context: RequestContext) -> None:
        self.context = context
        self.ended = threading.Event()


class Watched(ProviderAdapter):
    """Another adapter, with a note of each call."""

    def __init__(self, adapter: ProviderAdapter) -> None:
        self.name = adapter.name
        self.finishes_in_background = adapter.finishes_in_background
        self.calls: queue.Queue[Call] = queue.Queue()
        self._adapter = adapter

    @property
    def model_prefix(self) -> str:
        return self._adapter.model_prefix

    def features_of(self, model: str) -> Collection[str]:
        return self._adapter.features_of(model)

    async def startup(self) -> None:
        await self._adapter.startup()

    async def shutdown(self) -> None:
        await self._adapter.shutdown()

    async def list_models(self, context: RequestContext) -> Sequence[Model]:
        with self._call(context):
            return await self._adapter.list_models(context)

    async def create_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> ChatCompletion:
        with self._call(context):
            return await self._adapter.create_chat_completion(request, context)

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        given = self._adapter.stream_chat_completion(request, context)
        with self._call(context):
            # That it is a generator was seen to when the class was defined.
            async with aclosing(cast("AsyncGenerator[ChatCompletionChunk, None]", given)) as chunks:
                async for chunk in chunks:
                    yield chunk

    @contextmanager
    def _call(self, context: RequestContext) -> Iterator[None]:
        call = Call(context)
        self.calls.put(call)
        try:
            yield
        finally:
            call.ended.set()


class Served:
    """The gateway with one adapter, and ways to ask it."""

    def __init__(
        self,
        gateway: RunningGateway,
        watched: Watched,
        headers: Mapping[str, str],
        model: str | None,
        timeout_seconds: float,
    ) -> None:
        self.client = OpenAI(
            base_url=f"{gateway.url}/v1",
            api_key="set by the headers",
            default_headers={name.title(): value for name, value in headers.items()},
            max_retries=0,
            timeout=timeout_seconds,
        )
        self.headers = headers
        self._gateway = gateway
        self._watched = watched
        self._model = model
        self._timeout_seconds = timeout_seconds

    @property
    def model(self) -> str:
        """The model that is asked: the one that was set, or the first that is listed."""
        if self._model is None:
            self._model = self.client.models.list().data[0].id
        return self._model

    @property
    def unknown_model(self) -> str:
        """One that nobody serves."""
        return f"{self._watched.model_prefix}/no-such-model"

    @property
    def finishes_in_background(self) -> bool:
        """Whether the adapter goes on when the client has left."""
        return self._watched.finishes_in_background

    def complete(self, model: str | None = None, content: str = QUESTION) -> ChatCompletion:
        """Ask for a whole answer."""
        return self.client.chat.completions.create(
            model=model or self.model, messages=[{"role": "user", "content": content}]
        )

    def stream(
        self, model: str | None = None, content: str = QUESTION
    ) -> list[ChatCompletionChunk]:
        """Ask for a stream and read it to its end."""
        with self.client.chat.completions.create(
            model=model or self.model, messages=[{"role": "user", "content": content}], stream=True
        ) as chunks:
            return list(chunks)

    def last_headers(self) -> Headers:
        """Give the headers of the last request, as the adapter has left them."""
        calls = [self._watched.calls.get_nowait() for _ in range(self._watched.calls.qsize())]
        return calls[-1].context.headers

    def leave(self, *, stream: bool, after_first_chunk: bool = False) -> threading.Event:
        """Ask, and leave without waiting for the answer; what is given is set when that is over."""
        model = self.model
        while not self._watched.calls.empty():
            self._watched.calls.get_nowait()
        connection = HTTPConnection(
            self._gateway.host, self._gateway.port, timeout=self._timeout_seconds
        )
        try:
            connection.request(
                "POST",
                "/v1/chat/completions",
                json.dumps({"model": model, "messages": [USER], "stream": stream}),
                {"content-type": "application/json", **self.headers},
            )
            call = self._watched.calls.get(timeout=self._timeout_seconds)
            if after_first_chunk:
                with connection.getresponse() as response:
                    response.readline()
        finally:
            connection.close()
        return call.ended


@contextmanager
def serving(
    adapter: ProviderAdapter, headers: Mapping[str, str], model: str | None, timeout_seconds: float
) -> Iterator[Served]:
    """Serve `adapter` by the gateway until the block ends."""
    watched = Watched(adapter)
    with running_gateway(watched) as gateway:
        served = Served(gateway, watched, headers, model, timeout_seconds)
        with served.client:
            yield served
