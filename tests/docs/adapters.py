"""The adapters that the how-to pages show, the upstreams that these ask, and ways to ask them."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from openai import OpenAI

from tests.docs.pages import blocks, files
from tests.docs.upstreams import Answer, Upstream, serving
from veneer_gateway.testing import running_gateway
from veneer_protocol import ProviderAdapter

STREAMING = ("how-to/streaming-upstream.md", "adapter.py")
PLAIN = ("how-to/plain-upstream.md", "adapter.py")
FORWARDING = ("how-to/credentials.md", "forwarding.py")
TENANTS = ("how-to/credentials.md", "tenants.py")
ERRORS = ("how-to/errors.md", "adapter.py")
OPENAI = ("how-to/openai-upstream.md", "adapter.py")
FEATURES = ("how-to/declare-features.md", "adapter.py")
TOOLS = ("how-to/tool-calls.md", "adapter.py")
EMULATION = ("how-to/emulate-tools.md", "adapter.py")
TRIED = {FEATURES, STREAMING, PLAIN, FORWARDING, TENANTS, ERRORS, OPENAI, TOOLS, EMULATION}

NOWHERE = "http://127.0.0.1:9"
BUSAN = '{"city": "Busan"}'


def shown(place: tuple[str, str]) -> dict[str, Any]:
    """Run the file that a page shows, and give its names."""
    page, name = place
    names: dict[str, Any] = {"__name__": "shown"}
    exec(compile(files(page)[name], f"{page}: {name}", "exec"), names)
    return names


def adapter(place: tuple[str, str], *arguments: object) -> ProviderAdapter:
    made = shown(place)["AcmeAdapter"](*arguments)
    assert isinstance(made, ProviderAdapter)
    return made


def ask(client: OpenAI, text: str = "one two three", **options: Any) -> Any:
    return client.chat.completions.create(
        model="acme/chat-1", messages=[{"role": "user", "content": text}], **options
    )


@contextmanager
def asking(adapter: ProviderAdapter, **headers: str) -> Iterator[OpenAI]:
    with (
        running_gateway(adapter) as gateway,
        OpenAI(
            base_url=f"{gateway.url}/v1",
            api_key="of-the-caller",
            max_retries=0,
            default_headers={name.replace("_", "-"): value for name, value in headers.items()},
        ) as client,
    ):
        yield client


def words(prompt: str | None, limit: int | None) -> list[str]:
    return re.findall(r"\s*\S+|\s+", prompt or "")[:limit]


def stream(body: bytes) -> Iterator[bytes]:
    asked = json.loads(body)
    said = words(asked["prompt"], asked["limit"])
    for word in said:
        yield json.dumps({"token": word}).encode() + b"\n"
    end = "limit" if len(said) == asked["limit"] else "stop"
    yield json.dumps({"end": end, "asked": 3, "said": len(said)}).encode() + b"\n"


def whole(body: bytes) -> Iterator[bytes]:
    asked = json.loads(body)
    said = words(asked["prompt"], asked["limit"])
    cut = len(said) == asked["limit"]
    answer = {"text": "".join(said), "cut": cut, "asked": 3, "said": len(said)}
    yield json.dumps(answer).encode()


def echo(body: bytes) -> Iterator[bytes]:
    yield from (word.encode() for word in words(body.decode(), None))


def calling(body: bytes) -> Iterator[bytes]:
    asked = json.loads(body)
    told = [turn["content"] for turn in asked["turns"] if turn["role"] == "tool"]
    events: list[dict[str, str]]
    if told or not asked["functions"] or asked["choice"] == "none":
        said = words(" ".join(told) or str(asked["turns"][-1]["content"]), None)
        events = [*({"token": word} for word in said), {"end": "text"}]
    else:
        name = asked["functions"][0]["name"]
        events = [
            {"call": name, "id": "7"},
            {"argument": '{"city": '},
            {"argument": '"Seoul"}'},
            *([{"call": name, "id": "8"}, {"argument": BUSAN}] if asked["at_once"] else []),
            {"end": "calls"},
        ]
    yield from (json.dumps(event).encode() + b"\n" for event in events)


def obeying(body: bytes) -> Iterator[bytes]:
    """Do what the system message says, as a model does that knows text alone."""
    told, *_, last = (turn["content"] for turn in json.loads(body)["turns"])
    shown = [block.text for block in blocks(EMULATION[0]) if block.language == "text"]
    if "<tool_result>" in last:
        said = "As the page has it." if last == shown[1].strip() else "It came in another form."
    elif "<tool_call>" in told:
        said = f"I ask.\n{shown[0]}"
    elif "colours" in told:
        said = 'They are:\n{"colours": ["red"]}'
    elif "JSON object" in told:
        said = "{}"
    else:
        said = last
    yield from (word.encode() for word in words(said, None))


ANSWERS: dict[tuple[str, str], Answer] = {
    STREAMING: stream,
    PLAIN: whole,
    FORWARDING: echo,
    ERRORS: echo,
    TOOLS: calling,
    EMULATION: obeying,
}


@contextmanager
def upstream(answer: Answer, **what: Any) -> Iterator[Upstream]:
    with serving(Upstream(answer, **what)) as running:
        yield running
