"""One client, from its installation to what is told of it."""

import json
import time
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from tests.clients.browser import Pages, browse
from tests.clients.environments import Environment, FailureError
from tests.clients.matrix import EXPECTED, Client, Errors
from tests.clients.relay import Relay, relaying

_SCRIPT_SECONDS = 120
_LONGEST_SHOWN = 40
# Not the client, but the script asks the one; of the other, tools and schemas are wanted.
_ASKED_FOR_MORE = {"clients/left", "clients/helper"}
# The adapter asks for a second; timers may be early by a little.
_RETRY_AFTER_SECONDS = 0.95


@dataclass(frozen=True)
class Result:
    """What came of one client."""

    client: Client
    version: str
    sent: tuple[str, ...]
    """What it sends on its own, as a path and a value."""
    seconds: float


async def attempt(client: Client, gateway_port: int, pages: Pages) -> Result:
    """Install `client`, have it do all that it can, and look at what it did.

    Raises:
        FailureError: something is not as it should be; the message says all that is wrong.
    """
    began = time.monotonic()
    environment = Environment(client)
    await environment.install()
    async with relaying("127.0.0.1", gateway_port) as relay:
        output = await _run(environment, relay, pages)
        done = json.loads(output.splitlines()[-1])  # Some clients print lines of their own.
        problems = [*_problems(client, done, relay)]
        if problems:
            raise FailureError("\n".join(problems))
    return Result(client, environment.version, sent(relay), time.monotonic() - began)


async def _run(environment: Environment, relay: Relay, pages: Pages) -> bytes:
    client = environment.client
    url = f"http://{relay.host}:{relay.port}/v1"
    if client.is_page:
        pages.folder = environment.folder
        return await browse(pages, client.script, {"url": url, "key": client.name}, _SCRIPT_SECONDS)
    folder = {"LLM_USER_PATH": str(environment.folder)}
    variables = {"VENEER_URL": url, "VENEER_KEY": client.name, **folder}
    if client.tests is not None:
        async with relaying("127.0.0.1", relay.gateway_port) as other:
            others = {**variables, "VENEER_URL": f"http://{other.host}:{other.port}/v1"}
            await environment.test(client.tests, others, _SCRIPT_SECONDS)
    return await environment.run(variables, _SCRIPT_SECONDS)


def _problems(client: Client, done: dict[str, Any], relay: Relay) -> list[str]:
    told = done["told"]
    problems = [
        f"{name} gives {given!r}" for name, given in told.items() if not _is_right(name, given)
    ]
    if set(told) != set(client.steps):
        problems.append(f"it does {', '.join(told)}, not {', '.join(client.steps)}")
    given = done.get("errors", {})
    errors = Errors(*(str(given.get(model)) for model in ("locked", "nobody", "busy")))
    if errors != client.errors:
        problems.append(f"its errors are {errors}, not {client.errors}")
    times = [when for when, body in relay.chats if body["model"] == "clients/busy"]
    if len(times) != client.tries:
        problems.append(f"it asks {len(times)} times who says 429, not {client.tries} times")
    waits = [after - before for before, after in pairwise(times)]
    if any(wait < _RETRY_AFTER_SECONDS for wait in waits):
        problems.append(f"it waits {waits} s before it asks again, and was told 1 s")
    if (is_seen := done.get("hangs_up")) is not client.hangs_up.is_seen:
        problems.append(f"hangs up: {is_seen}, not {client.hangs_up.is_seen}")
    return problems


def _is_right(name: str, given: object) -> bool:
    if name == "stream":
        return isinstance(given, list) and len(given) > 1 and "".join(given) == EXPECTED[name]
    return given == EXPECTED.get(name)


def sent(relay: Relay) -> tuple[str, ...]:
    """Give what the client sends that nobody has asked it for."""
    found: dict[str, None] = {}
    for _, body in relay.chats:
        if body["model"] in _ASKED_FOR_MORE:
            continue
        for name, value in body.items():
            if name == "messages":
                found |= {path: None for message in value for path in _of_message(message)}
            elif name != "model" and (name, value) != ("stream", True):
                found[f"{name}: {_shown(value)}"] = None
    return tuple(sorted(found))


def _of_message(message: dict[str, Any]) -> list[str]:
    others = [
        f"messages[].{name}: {_shown(value)}"
        for name, value in message.items()
        if name not in {"role", "content"}
    ]
    parts = ["messages[].content: […]"] if isinstance(message.get("content"), list) else []
    return others + parts


def _shown(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[0]}…{text[-1]}"
