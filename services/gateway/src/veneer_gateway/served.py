"""One request when it is over: what the log, the metrics and the traces tell of it."""

from dataclasses import dataclass

from veneer_protocol import ChatCompletionRequest

CHAT_PATH = "/v1/chat/completions"
_MODELS = "/v1/models"
_MODEL = "/v1/models/{model}"
_ENDPOINTS = {CHAT_PATH: "chat", _MODELS: "models", _MODEL: "models"}


@dataclass(slots=True)  # To freeze it would take four times as long.
class Served:
    """One request, when it is over."""

    method: str
    path: str
    """Percent-encoded, without the query."""
    route: str | None
    """The pattern that the decoded path matches, if it is one of the API's."""
    request_id: str
    provider: str | None
    """Who was asked, if anybody was."""
    chat: ChatCompletionRequest | None
    """What was asked, if it was a chat completion that could be read."""
    mode: str
    """`plain` or `stream`."""
    status: int | None
    """None where the client had left before there was one."""
    ended: str
    """`complete`, `error frame`, or `cut` where the client had left."""
    error: str | None
    """The code of the error that it ended in, if it did."""
    seconds: float
    adapter_seconds: float
    overhead_seconds: float
    """Neither the adapter's, nor spent on the client's body or on sending."""
    send_seconds: float
    first_chunk_seconds: float | None
    chunks: int

    @property
    def endpoint(self) -> str:
        """The part of the API, by a name that no caller can make up."""
        return "other" if self.route is None else _ENDPOINTS[self.route]


def route_of(path: str) -> str | None:
    """Give the pattern that `path` matches, if it is one of the API's."""
    if path in _ENDPOINTS:
        return path
    return _MODEL if path.startswith(f"{_MODELS}/") else None
