"""A request for what is emulated, as one for text alone."""

from collections.abc import Collection, Iterator, Sequence
from itertools import count, groupby

from veneer_protocol.emulation.blocks import Call, render_call, render_result
from veneer_protocol.features import Feature
from veneer_protocol.requests.messages import Message
from veneer_protocol.requests.parts import TextPart
from veneer_protocol.requests.request import ChatCompletionRequest

_NO_CALL = (-1, "")
_OF_TOOLS = ("tools", "tool_choice", "parallel_tool_calls")


def needs_rewriting(request: ChatCompletionRequest, features: Collection[str]) -> bool:
    """Tell whether `request` has anything in it that one of `features` opens."""
    has_calls = request.tools is not None or any(
        message.role == "tool" or message.tool_calls is not None for message in request.messages
    )
    return (Feature.TOOLS in features and has_calls) or _has_format(request, features)


def rewrite(
    request: ChatCompletionRequest, features: Collection[str], instruction: str
) -> ChatCompletionRequest:
    """Give `request` without what `features` open, and with `instruction` at its beginning."""
    left_out = {"response_format"} if _has_format(request, features) else set()
    messages = list(request.messages)
    if Feature.TOOLS in features:
        left_out.update(name for name in _OF_TOOLS if getattr(request, name) is not None)
        messages = [*_in_text(messages)]
    if instruction:
        messages = _instructed(messages, instruction)
    update = {**dict.fromkeys(left_out), "messages": tuple(messages)}
    return request.model_copy(update=update)


def go_on(request: ChatCompletionRequest, said: str, asked: str) -> ChatCompletionRequest:
    """Give `request` after `said` was answered, and more was `asked`."""
    answered = [Message(role="assistant", content=said)] if said.strip() else []
    more = (*answered, Message(role="user", content=asked))
    return request.model_copy(update={"messages": (*request.messages, *more)})


def _has_format(request: ChatCompletionRequest, features: Collection[str]) -> bool:
    wanted = request.response_format
    return wanted is not None and wanted["type"] in {"text", *features}


def _instructed(messages: list[Message], instruction: str) -> list[Message]:
    # Many templates of prompts have room for one system message, at the beginning.
    first, rest = messages[0], messages[1:]
    if first.role not in {"system", "developer"}:
        return [Message(role="system", content=instruction), *messages]
    content: object = f"{first.text}\n\n{instruction}"
    if isinstance(first.content, tuple):
        content = (*first.content, TextPart(type="text", text=instruction))
    return [first.model_copy(update={"content": content}), *rest]


def _in_text(messages: Sequence[Message]) -> Iterator[Message]:
    # Of each call its place among all, and its name.
    made: dict[str | None, tuple[int, str]] = {}
    places = count()
    for is_result, turns in groupby(messages, key=lambda message: message.role == "tool"):
        if is_result:
            # What several calls gave is one turn: many models want turns to alternate. Only the
            # order tells which result is of which call, where two have the same name.
            known = ((made.get(one.tool_call_id, _NO_CALL), one.text) for one in turns)
            ordered = sorted(known, key=lambda each: each[0][0])
            told = [render_result(name, text) for (_, name), text in ordered]
            yield Message(role="user", content="\n".join(told))
            continue
        for message in turns:
            calls = [_called(call) for call in message.tool_calls or ()]
            if not calls:
                yield message
                continue
            for given, call in zip(message.tool_calls or (), calls, strict=True):
                made[given["id"]] = (next(places), call.name)
            said = [*filter(None, [message.text]), *map(render_call, calls)]
            update = {"content": "\n".join(said), "tool_calls": None}
            yield message.model_copy(update=update)


def _called(call: object) -> Call:
    function = call["function"]  # type: ignore[index]  # Others are open with another feature.
    return Call(function["name"], function["arguments"])
