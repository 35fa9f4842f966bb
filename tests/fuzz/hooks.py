"""What schemathesis cannot read in the document, told by hand; and a check of its own."""

from typing import Any

import schemathesis
from openai._streaming import SSEDecoder
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from pydantic import TypeAdapter

from veneer_protocol.requests.subset import MESSAGE, REQUEST, TEXT_PART

COMPLETION = TypeAdapter(ChatCompletion)
CHUNK = TypeAdapter(ChatCompletionChunk)
HELLO = {"role": "user", "content": "hello"}
ROLES = {"system", "user", "assistant"}
LIMITS = ("max_tokens", "max_completion_tokens")

Case = schemathesis.Case[Any]


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    """Bring a request to where the dummy answers it, or would if it were not wrong."""
    if len(str(case.path_parameters.get("model", "x"))) % 2 == 0:
        case.path_parameters["model"] = "dummy/echo-1"
    if isinstance(case.body, dict) and case.meta is not None:
        is_allowed = case.meta.generation.mode.is_positive
        case.body = answerable(agreeing(modest(case.body)) if is_allowed else case.body)


def answerable(body: dict[str, Any]) -> dict[str, Any]:
    """Have a user speak at last to a model that exists, which makes no body better or worse.

    Else the dummy refuses all bodies alike, and hides whether they were right or wrong.
    """
    messages, model = body.get("messages"), body.get("model")
    if isinstance(messages, list) and messages:
        body = body | {"messages": [*messages, HELLO]}
    if isinstance(model, str) and model:
        body = body | {"model": f"dummy/{'echo' if len(model) % 2 else 'story'}-1"}
    return body


def modest(body: dict[str, Any]) -> dict[str, Any]:
    """Leave out what features open: the dummy declares none, and is right to refuse it."""
    asked = {name: value for name, value in body.items() if name not in REQUEST.excluded}
    asked["messages"] = [
        message | {"content": kept}
        for message in map(of_the_core, body["messages"])
        if message["role"] in ROLES and (kept := said(message.get("content")))
    ]
    asked["messages"] = asked["messages"] or [HELLO]
    return asked


def of_the_core(message: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in message.items() if name not in MESSAGE.excluded}


def said(content: Any) -> Any:
    """Give what is said in text, if anything is."""
    if not isinstance(content, list):
        return content
    texts = [part for part in content if part["type"] == "text" and part["text"]]
    return [
        {name: value for name, value in part.items() if name not in TEXT_PART.excluded}
        for part in texts
    ]


def agreeing(body: dict[str, Any]) -> dict[str, Any]:
    """Keep the rules that no schema can say: integers without a point, token limits that agree."""
    limits = [name for name in LIMITS if body.get(name) is not None]
    least = min((int(body[name]) for name in limits), default=1)
    return body | dict.fromkeys(limits, least) | ({"n": 1} if body.get("n") is not None else {})


@schemathesis.check
def the_sdk_reads_the_answer(
    context: schemathesis.CheckContext, response: schemathesis.Response, case: Case
) -> None:
    """Read a completion by the openai package's own types, and a stream by its own decoder."""
    if case.operation.path != "/v1/chat/completions" or response.status_code != 200:
        return
    if response.headers["content-type"][0] == "application/json":
        COMPLETION.validate_json(response.content)
        return
    # schemathesis reads the first events only.
    for event in SSEDecoder().iter_bytes(iter([response.content])):
        if event.data != "[DONE]":
            CHUNK.validate_json(event.data)
