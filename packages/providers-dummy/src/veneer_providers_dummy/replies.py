"""What the dummy says: pure and deterministic."""

import itertools
import re
from dataclasses import dataclass

from veneer_protocol import ChatCompletionRequest, FinishReason, RequestContext

# A word with the space before it: the words joined are the text again.
_WORD = re.compile(r"\s*\S+(?:\s+\Z)?|\s+")


@dataclass(frozen=True)
class Speech:
    """The words of one answer, and why it ended."""

    words: tuple[str, ...]
    finish_reason: FinishReason

    @property
    def text(self) -> str:
        """The answer as one text."""
        return "".join(self.words)


def echo(user_text: str, context: RequestContext) -> str:
    """Repeat the user's text word for word and tell which headers arrived."""
    tag, authorization = _observed(context)
    return (
        f"The dummy provider heard: {user_text} "
        f"x-dummy-tag={tag}. authorization_forwarded={authorization}."
    )


def story(user_text: str, context: RequestContext) -> str:
    """Tell the same three things in a few sentences."""
    tag, authorization = _observed(context)
    return (
        "Once upon a time a small request set out for a model that nobody had seen. "
        f"In its bag it carried these words: {user_text} "
        f"At the gate it showed its tag, x-dummy-tag={tag}. "
        f"The guard wrote down authorization_forwarded={authorization}. "
        "Then the dummy provider answered, one word after the other, and they all streamed "
        "happily ever after."
    )


def speech(text: str, request: ChatCompletionRequest) -> Speech:
    """Cut `text` at the first stop sequence, then at the token limit, counted in words."""
    cuts = [cut for stop in request.stop_sequences if (cut := text.find(stop)) >= 0]
    words = tuple(_WORD.findall(text[: min(cuts, default=len(text))]))
    limit = request.token_limit
    if limit is None or limit >= len(words):
        return Speech(words, "stop")
    return Speech(words[:limit], "length")


def of_length(text: str, words: int) -> str:
    """Repeat the words of `text`, or leave some out, until there are so many."""
    return " ".join(itertools.islice(itertools.cycle(text.split()), words))


def _observed(context: RequestContext) -> tuple[str, str]:
    tag = context.headers.get("x-dummy-tag") or "none"
    return tag, "true" if "authorization" in context.headers else "false"
