"""What a caller sent, taken out of what others say of the request."""

import json
import re
from collections.abc import Iterator

from veneer_protocol import ChatCompletionRequest, Headers

HIDDEN = "[hidden]"

# They say which request it is; the log and the trace show them.
_IDENTITY = frozenset({b"traceparent", b"tracestate", b"x-request-id"})
# So much is searched, and half of it is shown: half a secret at the end would not be known.
_LONGEST_TEXT = 16_000
_LONGEST_BODY = 128 * 1024
_SHORTEST_RUN = 12
_FEW_RUNS = 100
_READ_OF_A_REQUEST = {"model", "messages", "user", "stop"}
_READ_OF_A_MESSAGE = {"role", "content", "name"}
# Fields whose values are objects with names of the caller's choice.
_NAMED_BY_CALLERS = frozenset({"metadata", "parameters", "schema"})
_WORD = re.compile(r"\w+")


class Redaction:
    """Knows what came with one request, and hides it in a text.

    For the words of an adapter, which may quote what it was given: an exception's message, a line
    of its log. It takes time, and is for failures.
    """

    def __init__(self, headers: Headers, chat: ChatCompletionRequest | None = None) -> None:
        """Take its headers and, once that has been read, what is asked."""
        self._headers = headers
        self._chat = chat

    def of_headers(self, text: str) -> str:
        """Give `text` without the words of header values that have 8 characters or more."""
        secret = Headers(pair for pair in self._headers.raw if pair[0] not in _IDENTITY)
        return secret.hide_in(text[:_LONGEST_TEXT])[: _LONGEST_TEXT // 2]

    def __call__(self, text: str) -> str:
        """Give `text` without these and without what it has in common with the body.

        That is every run of 12 characters or more, from the beginning of a word.
        """
        text = self.of_headers(text)
        if self._chat is None:
            return text
        body = "\n".join(_strings(self._chat))
        if len(body) > _LONGEST_BODY:
            return HIDDEN
        # As it is, and as it stands in JSON or in a repr.
        return _without_runs(text, body + json.dumps(body))


def _strings(chat: ChatCompletionRequest) -> Iterator[str]:
    yield chat.model
    yield from filter(None, (chat.user, *chat.stop_sequences))
    for message in chat.messages:
        yield message.text
        yield message.name or ""
        yield from _within(message.model_dump(exclude=_READ_OF_A_MESSAGE, exclude_none=True))
        if not isinstance(message.content, str):
            parts = [part for part in message.content or () if isinstance(part, dict)]
            yield from _within(parts)
    yield from _within(chat.model_dump(exclude=_READ_OF_A_REQUEST, exclude_none=True))


def _within(value: object, names_too: bool = False) -> Iterator[str]:
    """Give the texts within what features open, and the names that are the caller's own."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, item in value.items():
            if names_too:
                yield name
            yield from _within(item, names_too or name in _NAMED_BY_CALLERS)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _within(item, names_too)


def _without_runs(text: str, body: str) -> str:
    common = _common(text, body)
    kept: list[str] = []
    done = 0
    while (word := _WORD.search(text, done)) is not None:
        start = end = word.start()
        while text[end : end + _SHORTEST_RUN] in common:
            end += 1
        if end > start:
            end += _SHORTEST_RUN - 1
            kept += (text[done:start], HIDDEN)
        else:
            end = word.end()
            kept.append(text[done:end])
        done = end
    return "".join([*kept, text[done:]])


def _common(text: str, body: str) -> set[str]:
    """Give every 12 characters of `text` that stand in `body`."""
    runs = {text[at : at + _SHORTEST_RUN] for at in range(len(text) - _SHORTEST_RUN + 1)}
    if len(runs) < _FEW_RUNS:
        return {run for run in runs if run in body}
    # To look for each would take seconds.
    of_body = range(len(body) - _SHORTEST_RUN + 1)
    return runs.intersection(body[at : at + _SHORTEST_RUN] for at in of_body)
