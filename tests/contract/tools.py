"""A tool, and what becomes of its results when the official client gives them back."""

from typing import Any

from openai import OpenAI
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

TOOL: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}


def answer_to_results(
    client: OpenAI,
    model: str,
    question: ChatCompletionMessageParam,
    *results: str,
    is_streamed: bool,
) -> str:
    """Have the model call `TOOL`, give `results` back and read the answer to them."""
    asked = client.chat.completions.create(model=model, messages=[question], tools=[TOOL])
    message = asked.choices[0].message
    given: list[ChatCompletionMessageParam] = [
        {"role": "tool", "tool_call_id": call.id, "content": result}
        for call, result in zip(message.tool_calls or (), results, strict=True)
    ]
    # As the client's own documentation has it: the message itself goes into the history.
    history: list[Any] = [question, message, *given]

    if is_streamed:
        chunks = client.chat.completions.create(
            model=model, messages=history, tools=[TOOL], stream=True
        )
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    answer = client.chat.completions.create(model=model, messages=history, tools=[TOOL])
    return answer.choices[0].message.content or ""
