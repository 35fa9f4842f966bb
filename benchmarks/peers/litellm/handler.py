"""The workload as a custom provider of LiteLLM, by its own guide."""

import time
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

from litellm import CustomLLM, ModelResponse

from benchmarks.workload import pieces, text


class Bench(CustomLLM):  # type: ignore[misc]  # LiteLLM is not installed where this is checked.
    """Says what the workload says."""

    async def acompletion(
        self, model: str, messages: list[dict[str, Any]], *args: Any, **options: Any
    ) -> ModelResponse:
        """Say it as a whole."""
        content = await text(model, ask=messages[-1]["content"])
        return ModelResponse(
            id=f"chatcmpl_{uuid.uuid4().hex}",
            created=int(time.time()),
            model=model,
            object="chat.completion",
            choices=[
                {
                    "index": 0,
                    "finish_reason": "stop",
                    "message": {"role": "assistant", "content": content},
                }
            ],
        )

    async def astreaming(
        self,
        model: str,
        messages: list[dict[str, Any]],
        *args: Any,
        optional_params: dict[str, Any],
        **options: Any,
    ) -> AsyncIterator[dict[str, Any]]:
        """Say it piece by piece."""
        limit, ask = optional_params.get("max_tokens"), messages[-1]["content"]
        async with aclosing(pieces(model, limit=limit, ask=ask)) as said:
            async for piece in said:
                yield self._chunk(piece, finish_reason="")
        yield self._chunk("", finish_reason="stop")

    def _chunk(self, piece: str, *, finish_reason: str) -> dict[str, Any]:
        return {
            "finish_reason": finish_reason,
            "index": 0,
            "is_finished": bool(finish_reason),
            "text": piece,
            "tool_use": None,
            "usage": None,
        }


bench = Bench()
