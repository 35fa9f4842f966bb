"""What a caller sends that must not be told on, each place with a secret of its own."""

import json
from dataclasses import dataclass

_NAMES = (
    *("accept", "accept-language", "api-key", "authorization", "baggage", "cookie", "forwarded"),
    *("from", "idempotency-key", "openai-organization", "proxy-authorization", "referer"),
    *("tracestate", "user-agent", "x-api-key", "x-dummy-tag", "x-forwarded-for", "x-tenant-id"),
)


def secret(place: str) -> str:
    return f"zq-{place}-4f81c0d92be7"


HEADERS = {
    name: {
        "authorization": "Bearer {}",
        "baggage": "tenant={}",
        "cookie": "session={}",
        "proxy-authorization": "Basic {}",
        "tracestate": "acme={}",
    }.get(name, "{}").format(secret(name))
    for name in _NAMES
}
QUERY = f"key={secret('query')}&{secret('query-name')}=1"

OF_HEADERS = [*map(secret, _NAMES)]
OF_QUERY = [secret("query"), secret("query-name")]
OF_BODY = [
    secret(place)
    for place in ("field", "metadata", "model", "name", "old", "stop", "system", "user", "value")
]
STOP = secret("stop")
PROMPT = [secret(place) for place in ("name", "old", "system", "user")]


@dataclass(frozen=True)
class Ask:
    """One request, written byte for byte."""

    name: str
    method: str = "POST"
    path: str = "/v1/chat/completions"
    body: bytes = b""
    extra: tuple[tuple[str, str], ...] = ()
    leaves: bool = False
    """Whether the client leaves as soon as it has waited a little for an answer."""
    prefix: bytes = b""
    """What is sent in place of an HTTP/1.1 request line and a Host."""

    def to_bytes(self) -> bytes:
        given = {
            **HEADERS,
            "content-type": "application/json",
            "content-length": str(len(self.body)),
            "connection": "close",
            **dict(self.extra),
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        target = f"{self.path}{'&' if '?' in self.path else '?'}{QUERY}"
        line = self.prefix or f"{self.method} {target} HTTP/1.1\r\nhost: gateway\r\n".encode()
        return line + lines.encode() + b"\r\n" + self.body


def chat(model: str, /, **fields: object) -> bytes:
    """Write a body with a secret wherever the API lets a caller write what it likes."""
    messages = [
        {"role": "system", "content": f"The password is {secret('system')}, keep it."},
        {"role": "assistant", "content": [{"type": "text", "text": secret("old")}]},
        {"role": "user", "name": secret("name"), "content": f"I am {secret('user')}.\nAnd you?"},
    ]
    body = {"model": model, "messages": messages, "user": secret("user")}
    return json.dumps({**body, **fields}).encode()
