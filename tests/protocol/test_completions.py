"""What an adapter answers as a whole: by its text alone the same bytes as by a completion."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion

from tests.protocol.test_frames import CONTEXT, NAME, OWN, Said
from veneer_protocol import (
    ChatCompletionRequest,
    InvalidProviderResponseError,
    Message,
    ModelNotFoundError,
    complete,
)

ASKED = ChatCompletionRequest(model=f"said/{NAME}", messages=(Message(role="user", content="hi"),))


class SaidInOne(Said):
    """The same, but not in the shape that is told by its pieces alone."""

    async def create_chat_completion(self, request, context):  # type: ignore[no-untyped-def]
        return await super().create_chat_completion(request, context)


@given(st.lists(st.text() | st.just("@text@")))
async def test_a_text_is_encoded_like_the_completion_it_makes(pieces: list[str]) -> None:
    by_text = await complete(Said(*pieces), ASKED, CONTEXT)
    by_completion = await complete(SaidInOne(*pieces), ASKED, CONTEXT)

    assert re.sub(OWN, b"", by_text) == re.sub(OWN, b"", by_completion)
    answer = ChatCompletion.model_validate_json(by_text)
    assert (answer.model, answer.choices[0].message.content) == (ASKED.model, "".join(pieces))


async def test_each_text_has_an_id_of_its_own() -> None:
    first, second = [await complete(Said("hi"), ASKED, CONTEXT) for _ in range(2)]

    assert re.findall(OWN, first) != re.findall(OWN, second)


async def test_a_note_is_called_with_the_completion_that_is_sent() -> None:
    noted: list[ChatCompletion] = []

    body = await complete(Said("hi"), ASKED, CONTEXT, note=noted.append)

    assert noted == [ChatCompletion.model_validate_json(body)]


@pytest.mark.parametrize("adapter", [Said("a", 1), SaidInOne("a", 1), Said("\udc00")])
async def test_what_is_no_text_is_refused(adapter: Said) -> None:
    with pytest.raises(InvalidProviderResponseError):
        await complete(adapter, ASKED, CONTEXT)


async def test_a_model_that_is_not_there_is_refused() -> None:
    asked = ASKED.model_copy(update={"model": "said/other"})

    with pytest.raises(ModelNotFoundError):
        await complete(Said("hi"), asked, CONTEXT)
