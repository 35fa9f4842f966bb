"""A span says what an answer has, and does not fail for what it lacks."""

from openai.types import CompletionUsage
from openai.types.chat import ChatCompletion
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

from veneer_gateway.served import Served
from veneer_gateway.tracing import RequestSpan
from veneer_protocol import Headers

SERVED = Served(
    method="POST",
    path="/v1/chat/completions",
    route="/v1/chat/completions",
    request_id="req_1",
    provider=None,
    chat=None,
    mode="plain",
    status=200,
    ended="complete",
    error=None,
    seconds=0,
    adapter_seconds=0,
    overhead_seconds=0,
    send_seconds=0,
    first_chunk_seconds=None,
    chunks=0,
)


def test_what_an_upstream_did_not_count_is_left_out() -> None:
    answer = ChatCompletion.construct(None, id="c", choices=[])
    answer.usage = CompletionUsage.construct(None, prompt_tokens=3)
    span = TracerProvider().get_tracer("test").start_span("request")
    request_span = RequestSpan(span, Headers())

    request_span.note_answer(answer)
    request_span.end(SERVED, None)

    assert isinstance(span, ReadableSpan)
    told = dict(span.attributes or {})
    assert told["gen_ai.usage.input_tokens"] == 3
    assert "gen_ai.usage.output_tokens" not in told
    assert "gen_ai.response.model" not in told
