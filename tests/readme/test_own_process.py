"""The gateway inside a program of the reader's own."""

import sys
from pathlib import Path
from typing import Any

import httpx2

from tests.checkout import server
from tests.readme.readme import blocks
from veneer_protocol import ChatCompletionRequest, Message, RequestContext


def test_the_script_of_the_gateways_readme_serves(tmp_path: Path) -> None:
    (script,) = (
        code for language, code in blocks("services/gateway/README.md") if language == "python"
    )
    (tmp_path / "own.py").write_text(script)

    with server(f"exec {sys.executable} own.py", tmp_path, port=3999):
        models = httpx2.get("http://127.0.0.1:3999/v1/models").json()

    assert [model["id"] for model in models["data"]] == [
        "dummy/echo-1",
        "dummy/story-1",
        "parrot/one",
    ]


async def test_the_adapter_of_the_protocols_readme_answers() -> None:
    (script,) = (
        code for language, code in blocks("packages/protocol/README.md") if language == "python"
    )
    names: dict[str, Any] = {}
    exec(script, names)

    messages = (Message(role="user", content="hello"),)
    request = ChatCompletionRequest(model="parrot/one", messages=messages)
    answer = await names["Parrot"]().create_chat_completion(request, RequestContext())

    assert answer.choices[0].message.content == "hello"
