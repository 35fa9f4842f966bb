"""What a model is asked in place of a response format, and what becomes of its answers."""

from typing import Any

import pytest

from tests.adapters import SayingAdapter
from tests.protocol.emulation import (
    ALL,
    CALLED_LOOK,
    IN_JSON,
    LOOK,
    TOOLS,
    both,
    by_schema,
    calls,
    streamed,
    text,
)
from veneer_protocol import usage
from veneer_protocol.emulation import EmulatingAdapter, EmulationError


@pytest.mark.parametrize("wanted", [IN_JSON, by_schema()])
async def test_json_is_taken_out_of_what_is_around_it(wanted: dict[str, Any]) -> None:
    inner = SayingAdapter('Sure:\n```json\n{"sky": "blue"}\n```\nBye!')

    completion = await both(EmulatingAdapter(inner, ALL), response_format=wanted)

    assert text(completion) == '{"sky": "blue"}'
    told = inner.requests[0].messages[0].text
    assert ('"required": ["sky"]' in told) is (wanted is not IN_JSON)
    assert inner.requests[0].response_format is None


async def test_json_that_breaks_the_schema_is_asked_for_once_more() -> None:
    inner = SayingAdapter('{"sky": 7}', '{"sky": "blue"}')
    adapter = EmulatingAdapter(inner, ALL, repairs=True)

    completion = await both(adapter, response_format=by_schema())

    assert text(completion) == '{"sky": "blue"}'
    assert completion.usage == usage(6, 8)
    assert "$.sky: 7 is not of type 'string'" in inner.requests[1].messages[-1].text


async def test_json_that_breaks_the_schema_is_an_error_that_does_not_quote_it() -> None:
    adapter = EmulatingAdapter(SayingAdapter('{"sky": 7}'), ALL)

    with pytest.raises(EmulationError) as failure:
        await streamed(adapter, response_format=by_schema())

    assert failure.value.message.endswith("It does not keep to the schema.")


async def test_a_schema_that_need_not_be_kept_is_told_and_not_checked() -> None:
    inner = SayingAdapter('{"sky": 7}')

    completion = await both(EmulatingAdapter(inner, ALL), response_format=by_schema(strict=False))

    assert text(completion) == '{"sky": 7}'
    assert '"required": ["sky"]' in inner.requests[0].messages[0].text


@pytest.mark.parametrize("choice", ["auto", "required"])
@pytest.mark.parametrize("said", [LOOK, f"I look.\n{LOOK}", f'{LOOK} {{"sky": "blue"}}'])
async def test_text_beside_a_call_is_left_out_where_json_is_due(said: str, choice: str) -> None:
    adapter = EmulatingAdapter(SayingAdapter(said), ALL)

    completion = await both(adapter, response_format=by_schema(), tools=TOOLS, tool_choice=choice)

    assert (text(completion), calls(completion)) == (None, [CALLED_LOOK])


async def test_json_is_due_where_nothing_is_called() -> None:
    adapter = EmulatingAdapter(SayingAdapter('{"sky": "blue"}'), ALL)

    completion = await both(adapter, response_format=by_schema(), tools=TOOLS)

    assert (text(completion), calls(completion)) == ('{"sky": "blue"}', [])
