"""What the peers are asked."""

import json
from dataclasses import dataclass

PATH = "/v1/chat/completions"
QUESTION = "What would you answer if it took you no time at all? " * 2
"""A prompt that makes a body of about 200 bytes."""


@dataclass(frozen=True)
class Request:
    """One request, as bytes that were made beforehand."""

    body: bytes = b""
    hint: str = ""
    """What nginx is to answer, as it does not look into bodies."""
    method: str = "POST"
    path: str = PATH

    @property
    def headers(self) -> dict[str, str]:
        """Those that it is sent with, apart from host and length."""
        return {"content-type": "application/json", "x-bench": self.hint}

    @property
    def raw(self) -> bytes:
        """What goes over the wire."""
        headers = {"host": "127.0.0.1", **self.headers, "content-length": str(len(self.body))}
        lines = [f"{self.method} {self.path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode() + self.body


def plain(model: str = "bench/ready", prompt: str = QUESTION, turns: int = 1) -> Request:
    """Ask for a whole answer to `turns` messages, each of them `prompt`."""
    return _chat(model, prompt, turns)


def stream(
    model: str = "bench/ready",
    prompt: str = QUESTION,
    turns: int = 1,
    max_tokens: int | None = None,
) -> Request:
    """Ask for a stream."""
    more: dict[str, object] = {"stream": True}
    if max_tokens is not None:
        more["max_tokens"] = max_tokens
    return _chat(model, prompt, turns, **more)


def models() -> Request:
    """Ask for the list of models."""
    return Request(method="GET", path="/v1/models")


def _chat(model: str, prompt: str, turns: int, **more: object) -> Request:
    roles = ("user", "assistant")
    messages = [{"role": roles[number % 2], "content": prompt} for number in reversed(range(turns))]
    body = json.dumps({"model": model, "messages": messages, **more}).encode()
    hint = "hop" if model.startswith("up/") else "stream" if "stream" in more else "plain"
    return Request(body, hint)
