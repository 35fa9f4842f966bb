"""What an adapter answers as a whole to the body of a response, held to the rules."""

from collections.abc import Callable

from openai.types.chat import ChatCompletion

from veneer_protocol.adapter import ProviderAdapter
from veneer_protocol.answers.encoding import encode_completion, encode_text
from veneer_protocol.answers.guard import check_completion
from veneer_protocol.answers.replies import Reply
from veneer_protocol.context import RequestContext
from veneer_protocol.requests.request import ChatCompletionRequest
from veneer_protocol.templates import SAMPLE, SAMPLE_TEXT, facts, template
from veneer_protocol.text import only_joins, whole_text


async def complete(
    adapter: ProviderAdapter,
    request: ChatCompletionRequest,
    context: RequestContext,
    *,
    note: Callable[[ChatCompletion], object] | None = None,
) -> bytes:
    """Ask `adapter` for an answer as a whole; give it encoded.

    Of what a `TextAdapter` says no completion is made, unless one is wanted by `note`, which is
    called with it.

    Raises:
        ApiError: what the adapter raised, or how its answer breaks the rules.
    """
    # Who generates one text cannot give several: the guard says so.
    if note is None and request.n in (None, 1) and only_joins(adapter):
        text = encode_text(await whole_text(adapter, request, context))
        before, after = _TEMPLATE
        known = facts(Reply(model=request.model))
        return b"".join((before % known, text, after % known))
    completion = check_completion(
        await adapter.create_chat_completion(request, context),
        choices=request.n or 1,
        features=adapter.features_of(request.model_name),
    )
    if note is not None:
        note(completion)
    return encode_completion(completion)


_TEMPLATE = template(encode_completion(check_completion(SAMPLE.completion(SAMPLE_TEXT))))
