"""Where an answer that calls tools ends, whatever the model goes on to say."""

import pytest

from tests.adapters import SayingAdapter, ScriptedAdapter
from tests.protocol.emulation import ALL, LISTEN, LOOK, TOOLS, streamed
from veneer_protocol import Reply, usage
from veneer_protocol.emulation import EmulatingAdapter


class Babbling(ScriptedAdapter):
    """Says something, counted so far, and does not come to an end."""

    def __init__(self, *said: str) -> None:
        reply = Reply(model="scripted/one")
        counted = reply.chunk(said[0]).model_copy(update={"usage": usage(3, 4)})
        super().__init__(counted, *map(reply.chunk, said[1:]), AssertionError("It was waited for."))


INVENTED = '<tool_result>\n{"name": "look", "content": "Sun."}\n</tool_result>\nIt is sunny.'


@pytest.mark.timeout(30)
@pytest.mark.parametrize(
    ("more", "is_parallel"),
    [(LISTEN, False), (" It is", False), (" " * 70, False), (INVENTED, False), (INVENTED, True)],
)
async def test_what_a_model_says_beyond_its_calls_is_not_waited_for(
    more: str, is_parallel: bool
) -> None:
    inner = Babbling(LOOK, more)
    adapter = EmulatingAdapter(inner, ALL)

    chunks = await streamed(adapter, tools=TOOLS, parallel_tool_calls=is_parallel)

    (made,) = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    assert made.function is not None
    assert made.function.name == "look"
    assert not any(chunk.choices[0].delta.content for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "tool_calls"
    assert chunks[-1].usage == usage(3, 4)
    assert inner.closed.is_set()


async def test_a_back_end_that_must_not_be_interrupted_is_not() -> None:
    class Whole(SayingAdapter):
        finishes_in_background = True

    adapter = EmulatingAdapter(Whole(f"{LOOK} {INVENTED}", "", finish_reason="length"), ALL)

    chunks = await streamed(adapter, tools=TOOLS)

    assert not any(chunk.choices[0].delta.content for chunk in chunks)
    assert chunks[-1].choices[0].finish_reason == "tool_calls"
    assert chunks[-1].usage == usage(3, 4)
