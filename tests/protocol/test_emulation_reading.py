"""How calls are written in a text, and read out of one that comes in pieces."""

import json
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veneer_protocol.emulation.blocks import Call, parse_object, render_call, render_result
from veneer_protocol.emulation.reading import LONGEST_CALL, MOST_BLANKS, CallReader

NAMES = ("look", "get_weather")
GOOD = '<tool_call>\n{"name": "look", "arguments": {"at": "it"}}\n</tool_call>'
LOOK = Call("look", '{"at": "it"}')

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    # What a program could take for the end of a block, or of an object.
    | st.text(max_size=8) | st.sampled_from(["</tool_call>", "<tool_call>", '"}', "\\", "{", "}}"]),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=5), values),
    max_leaves=6,
)  # fmt: skip
CALLS = st.builds(
    Call,
    st.sampled_from(NAMES),
    st.dictionaries(st.text(max_size=5), VALUES, max_size=3).map(
        lambda arguments: json.dumps(arguments, ensure_ascii=False)
    ),
)
# Parts of blocks in any order: most of what they make is half-formed.
RUBBLE = st.lists(
    st.sampled_from(
        ["<tool_call>", "</tool_call>", "<tool_result>", "<tool_r", "<tool", "<", ">", "\n",
         " " * 70, "text", "{", "}", '"',
         '{"name": "look", "arguments": ', '{"name": "nobody"}', '{"name": "look"}', GOOD, "\\"]
    ),
    max_size=12,
).map("".join)  # fmt: skip


def read(*pieces: str) -> list[str | Call]:
    """Read `pieces`, and join the texts that come one after the other."""
    reader = CallReader(NAMES)
    given = [one for piece in pieces for one in reader.read(piece)]
    return joined([*given, *reader.finish()])


def joined(given: Sequence[str | Call]) -> list[str | Call]:
    out: list[str | Call] = []
    for one in given:
        if isinstance(one, str) and out and isinstance(out[-1], str):
            out[-1] += one
        else:
            out.append(one)
    return out


def cut(text: str, places: Sequence[int]) -> list[str]:
    bounds = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    return [text[start:end] for start, end in pairwise(bounds)]


@given(RUBBLE | st.text(), st.lists(st.integers(0, 10_000), max_size=30))
def test_it_does_not_matter_where_a_text_is_cut(text: str, places: list[int]) -> None:
    assert read(*cut(text, places)) == read(text) == read(*text)


@given(st.text(st.characters()).filter(lambda text: "<tool_call>" not in text))
def test_a_text_without_a_block_passes_as_it_is(text: str) -> None:
    assert "".join(map(str, read(*text))) == text


@given(RUBBLE)
def test_what_is_no_call_is_text_as_it_was_said(text: str) -> None:
    nobody = CallReader(())

    assert "".join(map(str, [*nobody.read(text), *nobody.finish()])) == text


@given(st.lists(CALLS, min_size=1, max_size=4), st.sampled_from(["", "I look it up.", "{}\n"]))
def test_calls_come_back_as_they_were_written(calls: list[Call], before: str) -> None:
    text = "\n".join([before, *map(render_call, calls)])

    given = read(*text)

    said = [before.rstrip()] if before.strip() else []
    assert [one for one in given if isinstance(one, str)] == said
    assert [(one.name, json.loads(one.arguments)) for one in given if isinstance(one, Call)] == [
        (call.name, json.loads(call.arguments)) for call in calls
    ]


@given(st.text(max_size=40))
def test_text_goes_on_at_once_but_for_what_may_begin_a_block(text: str) -> None:
    reader = CallReader(NAMES)

    given = "".join(str(one) for one in reader.read(f"{text}<tool_cal"))

    assert text.rstrip() in {given, given.rstrip()}
    assert len(text) - len(given) <= MOST_BLANKS


@pytest.mark.parametrize(
    "text",
    [
        '<tool_call>{"name": "look", "arguments": {"at": "it"}}',
        '<tool_call>{"name": "look", "arguments": {"at": "it"}}</tool_',
        '<tool_call>{"name": "look", "arguments": "{\\"at\\": \\"it\\"}"}</tool_call>',
        '<tool_call>{"id": 7, "arguments": {"at": "it"}, "name": "look"}\n\n</tool_call>\n',
        '<tool_call>{"name": "look", "parameters": {"at": "it"}}</tool_call>',
        '<tool_call>{"name": "look", "parameters": "{\\"at\\": \\"it\\"}", "id": 7}</tool_call>',
    ],
)
def test_what_can_be_mended_without_a_guess_is_a_call(text: str) -> None:
    assert read(text) == [LOOK]


@pytest.mark.parametrize(
    "more", ["", ', "arguments": ""', ', "arguments": null, "id": 7', ', "parameters": {}']
)
def test_a_call_of_nothing_has_an_empty_object(more: str) -> None:
    assert read(f'<tool_call>{{"name": "look"{more}}}</tool_call>') == [Call("look", "{}")]


def test_what_looks_like_the_result_of_a_call_ends_the_text() -> None:
    assert read(f"{GOOD}\nIt is: \n<tool_result>Sun.</tool_result>{GOOD}") == [LOOK, "\nIt is:"]
    assert read(text := f"<tool_result>Sun.\n{GOOD[:-30]}") == [text]


def test_calls_without_an_end_follow_each_other() -> None:
    begun = GOOD.removesuffix("</tool_call>")

    assert read(begun + begun) == [LOOK, LOOK]


@pytest.mark.parametrize(
    "text",
    [
        "<tool_call>",
        "Write <tool_call> and so on.",
        '<tool_call>{"name": "look", "arguments": {"at": ',
        '<tool_call>{"name": "look", "arguments": {"at": it}}</tool_call>',
        '<tool_call>{"name": "look", "arguments": [1]}</tool_call>',
        '<tool_call>{"name": "look", "arguments": "it"}</tool_call>',
        '<tool_call>{"name": "look", "arguments": {"at": 1e999}}</tool_call>',
        '<tool_call>{"name": "look", "arguments": {"at": "\\ud800"}}</tool_call>',
        '<tool_call>{"name": "look", "arguments": {"at": "\ud800"}}</tool_call>',
        '<tool_call>{"name": "look", "args": {"at": "it"}}</tool_call>',
        '<tool_call>{"name": "look", "parameters": ["it"]}</tool_call>',
        '<tool_call>{"name": "drop_table", "arguments": {}}</tool_call>',
        '<tool_call>{"name": ["look"], "arguments": {}}</tool_call>',
        '<tool_call>[{"name": "look"}]</tool_call>',
        "<tool_call>" + '{"a":' * 500 + "1" + "}" * 500 + "</tool_call>",
    ],
)
def test_what_is_half_formed_is_text(text: str) -> None:
    assert read(text) == [text]


def test_so_many_blanks_before_a_block_are_no_part_of_what_is_said() -> None:
    blanks = " " * MOST_BLANKS

    assert read(f"It:{blanks}{GOOD}") == ["It:", LOOK]
    assert read(f"It:   {blanks}{GOOD}") == ["It:   ", LOOK]


def test_so_many_blanks_may_be_before_the_object_of_a_block() -> None:
    blanks = " " * MOST_BLANKS
    called = '{"name": "look", "arguments": {"at": "it"}}</tool_call>'

    assert read(f"<tool_call>{blanks}{called}") == [LOOK]
    assert read(text := f"<tool_call> {blanks}{called}") == [text]


def test_a_good_call_after_a_bad_one_is_a_call() -> None:
    bad = '<tool_call>{"name": "nobody"}</tool_call>'

    assert read(f"{bad}\n{GOOD}") == [bad, LOOK]


def test_a_call_beyond_all_bounds_is_text() -> None:
    begun = '<tool_call>{"name": "look", "arguments": {"at": "'
    text = begun + "x" * LONGEST_CALL + '"}}'
    reader = CallReader(NAMES)

    given = [
        str(one) for at in range(0, len(text), 997) for one in reader.read(text[at : at + 997])
    ]

    assert len(text) - len("".join(given)) <= MOST_BLANKS
    assert read(text) == [text]


@given(st.text(), st.text())
def test_a_result_cannot_leave_its_block(name: str, content: str) -> None:
    text = render_result(name, content)

    inside = text.removeprefix("<tool_result>\n").removesuffix("\n</tool_result>")
    assert "\n" not in inside
    assert "</tool_result>" not in inside
    assert parse_object(inside) == {"name": name, "content": content}


def test_arguments_of_a_history_that_are_no_json_are_written_as_they_are() -> None:
    assert json.loads(render_call(Call("look", "at it"))[12:-13])["arguments"] == "at it"


@pytest.mark.parametrize("arguments", ["", "null", "{}"])
def test_no_arguments_of_a_history_are_an_empty_object(arguments: str) -> None:
    assert json.loads(render_call(Call("look", arguments))[12:-13])["arguments"] == {}
