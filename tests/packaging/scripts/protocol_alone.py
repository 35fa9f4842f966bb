"""Do with the protocol what a gateway does, and print which servers could be imported."""

import importlib.util

import openai

from veneer_protocol import Reply, StreamGuard, check_completion, encode_event, parse_request


def refuse(*_: object, **__: object) -> None:
    raise AssertionError("a client was made")


openai.OpenAI.__init__ = openai.AsyncOpenAI.__init__ = refuse  # type: ignore[method-assign]

request = parse_request(b'{"model":"a/b","messages":[{"role":"user","content":"hi"}]}')
reply = Reply(model=request.model)
guard = StreamGuard()
for given in (reply.chunk("hello"), reply.last_chunk()):
    chunk = guard.check(given)
    assert chunk is not None
    assert encode_event(chunk).startswith(b"data: ")
assert guard.end() is None
assert check_completion(reply.completion("hello")).choices

servers = ("hypercorn", "quart", "veneer_gateway", "veneer_providers_dummy")
print([name for name in servers if importlib.util.find_spec(name)])
