"""What an upstream answers where a feature is used, in every field that OpenAI's answers have."""

from typing import Any

from veneer_protocol import Feature

USAGE: dict[str, Any] = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
TOKEN: dict[str, Any] = {
    "token": "hé",
    "logprob": -0.25,
    "bytes": [104, 195, 169],
    "top_logprobs": [{"token": "ho", "logprob": -1.5, "bytes": None}],
}
REFUSED: dict[str, Any] = {"token": "No.", "logprob": -9999.0, "bytes": None, "top_logprobs": []}
LOGPROBS: dict[str, Any] = {"content": [TOKEN], "refusal": None}
CALL: dict[str, Any] = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "look_up", "arguments": '{"x": "é\\n"}'},
}
OTHER_CALL: dict[str, Any] = {
    "id": "call_2",
    "type": "function",
    "function": {"name": "look_up", "arguments": ""},
}
CUSTOM_CALL: dict[str, Any] = {
    "id": "call_1",
    "type": "custom",
    "custom": {"name": "run-code", "input": "print(1)"},
}
CITATION: dict[str, Any] = {
    "type": "url_citation",
    "url_citation": {"start_index": 0, "end_index": 2, "title": "t", "url": "https://a.test/?b"},
}
AUDIO: dict[str, Any] = {"id": "audio_1", "data": "AAAA", "transcript": "hé", "expires_at": 9}
MODERATED: dict[str, Any] = {
    "type": "moderation_results",
    "model": "m",
    "results": [
        {
            "type": "moderation_result",
            "model": "m",
            "flagged": True,
            "categories": {"violence": True},
            "category_scores": {"violence": 0.75},
            "category_applied_input_types": {"violence": ["text"]},
        }
    ],
}
MODERATION: dict[str, Any] = {"input": MODERATED, "output": MODERATED}


class Answer:
    """One answer, whole and in chunks, as JSON."""

    def __init__(
        self, *choices: dict[str, Any], apart: dict[str, Any] | None = None, **fields: Any
    ) -> None:
        """Say `choices`, each a message, its deltas and more; `fields` are those of the answer.

        Fields that are `apart` are in one chunk of a stream only, without choices.
        """
        self._choices = choices or ({},)
        self._apart = apart or {}
        self._fields = {"id": "chatcmpl-1", "created": 7, "usage": USAGE, **fields}

    def whole(self, model: str) -> dict[str, Any]:
        choices = [
            {
                "index": index,
                "message": {
                    "role": "assistant",
                    "content": "hé",
                    "refusal": None,
                    **choice.get("message", {}),
                },
                "logprobs": choice.get("logprobs"),
                "finish_reason": choice.get("reason", "stop"),
            }
            for index, choice in enumerate(self._choices)
        ]
        return self._with(object="chat.completion", model=model, choices=choices, **self._apart)

    def chunks(self, model: str) -> list[dict[str, Any]]:
        """Give them as they come where the usage is asked for: it is last, and null before."""
        first: dict[str, Any] = {"role": "assistant", "content": "", "refusal": None}
        said = [
            _choice(index, delta, logprobs=choice.get("logprobs") if delta is not first else None)
            for index, choice in enumerate(self._choices)
            for delta in (first, *choice.get("deltas", [{"content": "hé"}]))
        ]
        ends = [
            _choice(index, {}, finish_reason=choice.get("reason", "stop"))
            for index, choice in enumerate(self._choices)
        ]
        kind = {"object": "chat.completion.chunk", "model": model}
        apart = [self._with(**kind, choices=[], usage=None, **self._apart)] if self._apart else []
        return [
            *(self._with(**kind, choices=[one], usage=None) for one in (*said, *ends)),
            *apart,
            self._with(**kind, choices=[]),
        ]

    def _with(self, **fields: Any) -> dict[str, Any]:
        return {**self._fields, **fields}


def _choice(index: int, delta: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"index": index, "delta": delta, "logprobs": None, "finish_reason": None, **fields}


def _calls(*deltas: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"tool_calls": calls} for calls in deltas]


def _counted(**details: Any) -> dict[str, Any]:
    return {"usage": {**USAGE, **details}}


TEXT = Answer(system_fingerprint="fp_1", service_tier="default")

ANSWERS: dict[Feature, list[Answer]] = {
    Feature.TOOLS: [
        Answer(
            {
                "message": {"content": None, "tool_calls": [CALL, OTHER_CALL]},
                "deltas": _calls(
                    [{"index": 0, **CALL, "function": {"name": "look_up", "arguments": ""}}],
                    [{"index": 0, "function": {"arguments": '{"x": '}}],
                    [{"index": 0, "function": {"arguments": '"é\\n"}'}}],
                    [{"index": 1, **OTHER_CALL}],
                ),
                "reason": "tool_calls",
            }
        ),
        Answer({"message": {"tool_calls": [CALL]}, "deltas": _calls([{"index": 0, **CALL}])}),
    ],
    Feature.CUSTOM_TOOLS: [
        Answer(
            {
                "message": {"content": None, "tool_calls": [CUSTOM_CALL]},
                "deltas": _calls(
                    [{"index": 0, **CUSTOM_CALL, "custom": {"name": "run-code", "input": ""}}],
                    [{"index": 0, "custom": {"input": "print(1)"}}],
                ),
                "reason": "tool_calls",
            }
        )
    ],
    Feature.FUNCTIONS: [
        Answer(
            {
                "message": {
                    "content": None,
                    "function_call": {"name": "look_up", "arguments": "{}"},
                },
                "deltas": [
                    {"function_call": {"name": "look_up", "arguments": ""}},
                    {"function_call": {"arguments": "{}"}},
                ],
                "reason": "function_call",
            }
        )
    ],
    Feature.IMAGES: [TEXT],
    Feature.AUDIO_INPUT: [Answer(**_counted(prompt_tokens_details={"audio_tokens": 2}))],
    Feature.AUDIO_OUTPUT: [
        Answer(
            {
                "message": {"content": None, "audio": AUDIO},
                "deltas": [
                    {"audio": {"id": "audio_1", "transcript": "hé"}},
                    {"audio": {"data": "AAAA"}},
                    {"audio": {"expires_at": 9}},
                ],
            },
            **_counted(completion_tokens_details={"audio_tokens": 3, "text_tokens": 1}),
        )
    ],
    Feature.FILES: [TEXT],
    Feature.JSON_OBJECT: [Answer({"message": {"content": "{}"}, "deltas": [{"content": "{}"}]})],
    Feature.JSON_SCHEMA: [
        Answer(
            {"message": {"content": '{"x": null}'}, "deltas": [{"content": '{"x": null}'}]},
        )
    ],
    Feature.REFUSALS: [
        Answer(
            {
                "message": {"content": None, "refusal": "No."},
                "deltas": [{"refusal": "No"}, {"refusal": "."}],
            }
        )
    ],
    Feature.LOGPROBS: [
        Answer({"logprobs": LOGPROBS}),
        Answer(
            {
                "message": {"content": None, "refusal": "No."},
                "deltas": [{"refusal": "No."}],
                "logprobs": {"content": None, "refusal": [REFUSED]},
            }
        ),
    ],
    Feature.CHOICES: [],  # As many as are asked for; see `answers`.
    Feature.PENALTIES: [TEXT],
    Feature.LOGIT_BIAS: [TEXT],
    Feature.SEED: [TEXT],
    Feature.DEVELOPER_ROLE: [TEXT],
    Feature.REASONING_EFFORT: [
        Answer(**_counted(completion_tokens_details={"reasoning_tokens": 3}))
    ],
    Feature.VERBOSITY: [TEXT],
    Feature.PREDICTION: [
        Answer(
            **_counted(
                completion_tokens_details={
                    "accepted_prediction_tokens": 1,
                    "rejected_prediction_tokens": 2,
                }
            )
        )
    ],
    Feature.SERVICE_TIER: [Answer(service_tier="flex"), Answer(service_tier="of a later time")],
    Feature.STORE: [Answer(metadata={"k": "v"})],
    Feature.PROMPT_CACHE: [
        Answer(**_counted(prompt_tokens_details={"cached_tokens": 1, "cache_write_tokens": 2}))
    ],
    Feature.SAFETY_IDENTIFIER: [TEXT],
    Feature.WEB_SEARCH: [
        Answer(
            {
                "message": {"annotations": [CITATION]},
                "deltas": [{"content": "hé"}, {"annotations": [CITATION]}],
            }
        )
    ],
    Feature.MODERATION: [
        Answer(moderation=MODERATION),
        Answer(apart={"moderation": MODERATION}),
    ],
}


def answers(feature: Feature, choices: int) -> list[Answer]:
    """Give what a request for `feature`, and for so many `choices`, may be answered with."""
    return ANSWERS[feature] or [
        Answer(*({"deltas": [{"content": "h"}, {"content": "é"}]} for _ in range(choices)))
    ]
