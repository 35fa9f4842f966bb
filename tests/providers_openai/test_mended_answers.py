"""What an upstream leaves out that clients rely on, is added; what it has is left as it is."""

from typing import Any

import pytest

from tests.providers_openai.upstreams import chunk, completion
from veneer_protocol import Feature, StreamGuard, check_completion, encode_completion
from veneer_providers_openai.answers import AnswerReader


def without(value: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: one for name, one in value.items() if name not in names}


def read(*values: dict[str, Any]) -> list[dict[str, Any]]:
    reader = AnswerReader("up/one", None)
    chunks = [reader.chunk(value) for value in values]
    return [one.model_dump(exclude_unset=True) for one in chunks if one is not None]


@pytest.mark.parametrize("value", [{}, {"id": None, "object": "", "created": None}])
def test_a_whole_answer_has_what_the_api_requires(value: dict[str, Any]) -> None:
    bare = without(completion(), "id", "object", "created") | value
    bare["choices"] = [without(choice, "index") for choice in bare["choices"]]

    answer = check_completion(AnswerReader("up/one", None).completion(bare))

    assert answer.id.startswith("chatcmpl-")
    assert answer.object == "chat.completion"
    assert answer.created > 0
    assert [choice.index for choice in answer.choices] == [0]
    assert b'"content":"hello"' in encode_completion(answer)


def test_the_chunks_of_a_stream_share_what_was_left_out() -> None:
    bare = [without(one, "id", "object", "created") for one in (chunk("hel"), chunk("lo"))]

    first, second = read(*bare)

    for name in ("id", "object", "created"):
        assert first[name] == second[name]
    assert first["object"] == "chat.completion.chunk"
    assert first["created"] > 0


def test_what_an_upstream_says_itself_is_left_as_it_is() -> None:
    (said,) = read(chunk("hello", created=7, id="mine"))

    assert (said["id"], said["created"]) == ("mine", 7)


@pytest.mark.parametrize(
    ("ids", "kept"),
    [(("a", "b", "c"), "a"), (("a", "b", "a"), "a"), (("", "a", "a"), ""), ((None, "a", "b"), "")],
    ids=["one per chunk", "one per choice", "late, after an empty one", "late, after none"],
)
def test_a_stream_has_one_id_however_many_the_upstream_gives(
    ids: tuple[str | None, ...], kept: str
) -> None:
    values = [chunk("h", id=ids[0]), chunk("i", id=ids[1]), chunk(reason="stop", id=ids[2])]
    answers, guard = AnswerReader("up/one", None), StreamGuard()
    checked = [guard.check(answers.chunk(value)) for value in values]

    (said,) = {each.id for each in checked if each is not None}

    assert said == kept if kept else said.startswith("chatcmpl-")


def call(**fields: object) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", "arguments": "{}"}, **fields}


def test_calls_of_tools_without_an_index_are_numbered_by_their_ids() -> None:
    more = {"function": {"arguments": " "}}
    deltas = [[call(id="a")], [more], [call(id="b"), call(id="c")], [{"id": "c", **more}]]
    answers, guard = AnswerReader("up/one", None), StreamGuard(features={Feature.TOOLS})
    numbers = []

    for calls in deltas:
        value = chunk()
        value["choices"][0]["delta"] = {"tool_calls": calls}
        given = guard.check(answers.chunk(value))
        assert given is not None
        numbers.append([each.index for each in given.choices[0].delta.tool_calls or ()])

    assert numbers == [[0], [0], [1, 2], [2]]


def test_each_choice_numbers_its_calls_for_itself() -> None:
    value = chunk()
    value["choices"] = [
        {"index": index, "delta": {"tool_calls": [call(id="a")]}, "finish_reason": None}
        for index in (0, 1)
    ]

    (said,) = read(value)

    assert [each["delta"]["tool_calls"][0]["index"] for each in said["choices"]] == [0, 0]


def test_an_index_that_an_upstream_gives_is_left_as_it_is() -> None:
    value = chunk()
    value["choices"][0]["delta"] = {"tool_calls": [call(id="a", index=7)]}

    (said,) = read(value)

    assert said["choices"][0]["delta"]["tool_calls"][0]["index"] == 7


def test_calls_of_tools_that_are_none_are_left_out() -> None:
    answer, value = completion(), chunk("hello")
    answer["choices"][0]["message"]["tool_calls"] = []
    value["choices"][0]["delta"]["tool_calls"] = []

    whole = AnswerReader("up/one", None).completion(answer).model_dump(exclude_unset=True)
    (said,) = read(value)

    assert whole["choices"][0]["message"] == {"role": "assistant", "content": "hello"}
    assert said["choices"][0]["delta"] == {"content": "hello"}
