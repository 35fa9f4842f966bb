"""The workload as an adapter, written as a reader of our README would."""

import os
from collections.abc import AsyncIterator
from contextlib import aclosing

from benchmarks.workload import names, pieces, text
from veneer_protocol import ChatCompletionRequest, RequestContext, TextAdapter


class BenchAdapter(TextAdapter):
    """Says what the workload says."""

    name = "bench"
    models = names(int(os.environ.get("BENCH_MODELS", "0")))

    async def generate(
        self, request: ChatCompletionRequest, context: RequestContext
    ) -> AsyncIterator[str]:
        """Say it as a whole, or piece by piece."""
        ask = request.last_user_text or ""
        if not request.stream:
            yield await text(request.model_name, ask=ask)
            return
        async with aclosing(pieces(request.model_name, limit=request.token_limit, ask=ask)) as said:
            async for piece in said:
                yield piece
