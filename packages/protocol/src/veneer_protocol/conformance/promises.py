"""What a test of the kit stands for, and on which others it builds."""

from collections.abc import Iterable

import pytest

ADAPTER = "veneer_protocol.ProviderAdapter"
LIST = f"{ADAPTER}.list_models"
FEATURES = f"{ADAPTER}.features_of"
CREATE = f"{ADAPTER}.create_chat_completion"
STREAM = f"{ADAPTER}.stream_chat_completion"

_BASICS = (
    "test_models_are_listed_below_the_prefix",
    "test_what_is_declared_are_features",
    "test_a_plain_request_is_answered",
    "test_a_stream_is_made_of_chunks",
    "test_the_chunks_of_a_stream_share_one_id",
    "test_a_stream_ends_with_its_one_finish_reason",
)
CLOSED = "test_a_stream_closed_between_two_chunks_ends"
ENDINGS = (
    "test_a_cancelled_plain_request_ends",
    "test_a_stream_cancelled_before_its_first_chunk_ends",
    "test_a_stream_cancelled_after_its_first_chunk_ends",
    CLOSED,
)
REFUSALS = (
    "test_an_unknown_model_is_refused",
    "test_an_unknown_model_is_refused_before_the_first_chunk",
)
ANSWERED = "test_a_request_for_a_declared_feature_is_answered"
CALLED = (
    ANSWERED,
    "test_no_other_tool_is_called_than_is_offered",
    "test_a_call_that_is_required_comes",
)
SERVED = "test_the_gateway_passes_the_answer_on"


def promise(where: str, sentence: str, *, after: Iterable[str] = ()) -> pytest.MarkDecorator:
    """Hold an adapter to a `sentence`, in the very words that stand in the docstring of `where`.

    The test says nothing where the basics, or one of those in `after`, have failed.
    """
    return pytest.mark.veneer_promise(where, sentence, (*_BASICS, *after))


def basic(where: str, sentence: str) -> pytest.MarkDecorator:
    """Hold an adapter to a sentence on which the others build."""
    return pytest.mark.veneer_promise(where, sentence, ())
