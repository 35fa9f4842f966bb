"""An adapter with a model for each thing that a client may meet; all but one are of the core."""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from itertools import count
from typing import Any

from openai.types import Model
from openai.types.chat import ChatCompletionChunk

from veneer_protocol import (
    AuthenticationError,
    ChatCompletionRequest,
    Feature,
    ModelNotFoundError,
    ProviderAdapter,
    RateLimitError,
    Reply,
    RequestContext,
    tool_call,
    usage,
)

_REFUSALS = {
    "locked": AuthenticationError("This key opens nothing here."),
    "busy": RateLimitError("Too many requests.", retry_after_seconds=1),
}
_HELPER = frozenset({Feature.TOOLS, Feature.JSON_SCHEMA, Feature.JSON_OBJECT})
_QUOTED = re.compile("'([^']+)'")
_TEXTS = {"name": "Ann"}
_OTHER_TEXT, _NUMBER = "Seoul", 7
_PERSON = '```json\n{"name": "Ann", "age": 7}\n```'


class ClientsAdapter(ProviderAdapter):
    """Repeats what it is told, and what it is told that it said before.

    `helper` calls the first tool that it may, tells what that gave, and keeps to schemas.
    `person` says JSON in Markdown, `endless` goes on until its client leaves, `left` tells whether
    the client with this key has; `locked` and `busy` are a 401 and a 429.
    """

    name = "clients"
    models = ("busy", "endless", "helper", "left", "locked", "person", "words")

    def __init__(self) -> None:
        self._left: set[str] = set()

    def features_of(self, model: str) -> Collection[str]:
        """Give those of `helper`."""
        return _HELPER if model == "helper" else ()

    async def list_models(self, context: RequestContext) -> Sequence[Model]:
        """Give the models."""
        return [
            Model(id=f"{self.name}/{name}", object="model", created=0, owned_by=self.name)
            for name in self.models
        ]

    async def stream_chat_completion(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[ChatCompletionChunk]:
        """Say it word by word."""
        name, key = request.model_name, context.headers.get("authorization", "")
        reply = Reply(model=request.model)
        if (refusal := _REFUSALS.get(name)) is not None:
            raise refusal
        match name:
            case "words":
                text = _repeat(request)
            case "helper" if (call := _call(request)) is not None:
                tool, arguments = call
                yield reply.call_chunk(tool_call(tool))
                for piece in re.split(r"(?<=:)", arguments):
                    yield reply.arguments_chunk(piece)
                yield reply.last_chunk(finish_reason="tool_calls", usage=usage(1, 1))
                return
            case "helper":
                text = _help(request)
            case "person":
                text = _PERSON
            case "left":
                text = "yes" if key in self._left else "no"
            case "endless":
                try:
                    for number in count():
                        yield reply.chunk(f"{number} ")
                        await asyncio.sleep(0.01)
                finally:
                    self._left.add(key)
            case _:
                raise ModelNotFoundError(request.model)
        words = text.split(" ")
        yield reply.chunk(words[0])
        for word in words[1:]:
            yield reply.chunk(f" {word}")
        asked = sum(len(message.text.split()) for message in request.messages)
        yield reply.last_chunk(usage=usage(asked, len(words)))


def _repeat(request: ChatCompletionRequest) -> str:
    said = [message.text for message in request.messages if message.role == "assistant"]
    before = f" Before, I said: {said[-1]}" if said else ""
    return f"You say: {request.last_user_text}.{before}"


def _call(request: ChatCompletionRequest) -> tuple[str, str] | None:
    """Give what is called, and with what; nothing where a tool has just told something."""
    choice = request.tool_choice
    if not request.tools or choice == "none" or request.messages[-1].role == "tool":
        return None
    functions = [tool["function"] for tool in request.tools if tool["type"] == "function"]
    if isinstance(choice, dict) and choice["type"] == "function":
        functions = [each for each in functions if each["name"] == choice["function"]["name"]]
    function = functions[0]
    return function["name"], json.dumps(_filled(request, function.get("parameters", {})))


def _help(request: ChatCompletionRequest) -> str:
    form = request.response_format
    if form is None or form["type"] == "text":
        last = request.messages[-1]
        return f"I hear: {last.text}." if last.role == "tool" else _repeat(request)
    if form["type"] == "json_object":
        names = _QUOTED.findall(request.last_user_text or "")
        return json.dumps(dict.fromkeys(names, _OTHER_TEXT))
    return json.dumps(_filled(request, form["json_schema"].get("schema", {})))


def _filled(request: ChatCompletionRequest, schema: Mapping[str, Any]) -> Any:
    """Give what `schema` allows, with the number or the quoted text that the user has said."""
    said = request.last_user_text or ""
    number = next(map(int, re.findall(r"\d+", said)), _NUMBER)
    text = next(iter(_QUOTED.findall(said)), _OTHER_TEXT)

    def fill(part: Mapping[str, Any], name: str = "") -> Any:
        if "$ref" in part:
            part = schema["$defs"][part["$ref"].rpartition("/")[2]]
        part = part.get("anyOf", [part])[0]
        if "enum" in part:
            return part["enum"][0]
        if "properties" in part:
            return {each: fill(value, each) for each, value in part["properties"].items()}
        if part.get("type") == "array":
            return [fill(part["items"], name)]
        others = {"integer": number, "number": number, "boolean": True}
        return others.get(part.get("type", ""), _TEXTS.get(name, text))

    return fill(schema)
