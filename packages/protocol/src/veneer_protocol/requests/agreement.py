"""What the fields of a request must agree on, where the API itself refuses what does not.

Reference: https://platform.openai.com/docs/api-reference/chat/create
"""

from collections.abc import Collection, Iterator
from typing import cast

from openai.types.chat import ChatCompletionToolUnionParam
from pydantic_core import PydanticCustomError

from veneer_protocol.errors import shown
from veneer_protocol.requests.request import ChatCompletionRequest

_MOST_SHOWN = 4


def agree(request: ChatCompletionRequest) -> ChatCompletionRequest:
    """See that the fields that features open agree with each other.

    Raises:
        PydanticCustomError: they do not, at the field that is told.
    """
    _need_each_other(request)
    _are_given(request)
    _are_answered(request)
    return request


def _disagree(at: str, message: str) -> PydanticCustomError:
    context = {"at": at, "message": message}
    return PydanticCustomError("fields_disagree", "{message}", context)


def _need_each_other(request: ChatCompletionRequest) -> None:
    for name, needed in (
        ("tool_choice", "tools"),
        ("parallel_tool_calls", "tools"),
        ("function_call", "functions"),
    ):
        # To call nothing is right where there is nothing to call.
        is_asked = getattr(request, name) not in (None, "none")
        if is_asked and getattr(request, needed) is None:
            raise _disagree(name, f"'{name}' is only allowed together with '{needed}'.")
    if request.functions is not None and request.tools is not None:
        raise _disagree("functions", "'functions' is the older form of 'tools'; give one of them.")
    if request.top_logprobs is not None and not request.logprobs:
        raise _disagree(
            "top_logprobs", "'top_logprobs' is only allowed together with 'logprobs': true."
        )
    if "audio" in (request.modalities or ()) and request.audio is None:
        raise PydanticCustomError("missing", "missing", {"at": "audio"})


def _are_given(request: ChatCompletionRequest) -> None:
    """See that what is chosen is there to be chosen."""
    given = {(tool["type"], _name(tool)) for tool in request.tools or ()}
    for at, kind, name in _chosen(request):
        if (kind, name) not in given:
            raise _disagree(
                f"tool_choice.{at}", f"No tool of 'tools' has the name in 'tool_choice.{at}'."
            )
    call = request.function_call
    names = {function["name"] for function in request.functions or ()}
    if isinstance(call, dict) and call["name"] not in names:
        raise _disagree(
            "function_call.name", "No function of 'functions' has the name in 'function_call'."
        )


def _name(tool: ChatCompletionToolUnionParam) -> str:
    return tool["function"]["name"] if tool["type"] == "function" else tool["custom"]["name"]


def _chosen(request: ChatCompletionRequest) -> Iterator[tuple[str, str, str]]:
    choice = request.tool_choice
    if choice is None or isinstance(choice, str):
        return
    if choice["type"] == "function":
        yield "function.name", "function", choice["function"]["name"]
    elif choice["type"] == "custom":
        yield "custom.name", "custom", choice["custom"]["name"]
    else:
        for index, allowed in enumerate(choice["allowed_tools"]["tools"]):
            kind = str(allowed["type"])
            named = cast("dict[str, str]", allowed[kind])  # The SDK says no more than object.
            yield f"allowed_tools.tools[{index}].{kind}.name", kind, named["name"]


def _are_answered(request: ChatCompletionRequest) -> None:
    """See that tools answer the calls before them, and that each call is answered, once."""
    called: dict[str, None] = {}
    open_calls: dict[str, None] = {}  # In the order in which they were made.
    caller = 0
    for index, message in enumerate(request.messages):
        if message.role == "tool":
            answered = str(message.tool_call_id)
            if answered not in called:
                raise _disagree(
                    f"messages[{index}].tool_call_id",
                    "A message of the role 'tool' answers a call in 'tool_calls' of the assistant "
                    f"before it. {shown(answered)} is the id of none{_among(called)}.",
                )
            if answered not in open_calls:
                raise _disagree(
                    f"messages[{index}].tool_call_id",
                    f"A call is answered once, and {shown(answered)} was answered before.",
                )
            del open_calls[answered]
            continue
        if open_calls:
            break
        caller = index
        called = {}
        for position, call in enumerate(message.tool_calls or ()):
            if call["id"] in called:
                raise _disagree(
                    f"messages[{index}].tool_calls[{position}].id",
                    f"Each call has an id of its own, and {shown(call['id'])} is that of one "
                    "before it.",
                )
            called[call["id"]] = None
        open_calls = dict(called)
    if open_calls:
        raise _disagree(
            f"messages[{caller}].tool_calls",
            "Each call in 'tool_calls' is answered by a message of the role 'tool', right after "
            f"the assistant's; {shown(next(iter(open_calls)))} is not.",
        )


def _among(called: Collection[str]) -> str:
    """Name the calls that there are, where these are few."""
    return f" of {', '.join(map(shown, called))}" if 0 < len(called) <= _MOST_SHOWN else ""
