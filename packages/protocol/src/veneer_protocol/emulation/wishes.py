"""What a request asks for that is emulated."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from veneer_protocol.emulation.instructions import Function, for_json, for_tools
from veneer_protocol.emulation.structures import Structure
from veneer_protocol.errors import InvalidRequestError
from veneer_protocol.features import Feature
from veneer_protocol.requests.request import ChatCompletionRequest

EMULATED = frozenset({Feature.TOOLS, Feature.JSON_OBJECT, Feature.JSON_SCHEMA})
"""The features that can be emulated."""


@dataclass(frozen=True)
class Wishes:
    """What the model must be told, and its answer held to."""

    functions: tuple[Function, ...] = ()
    """What may be called."""
    must_call: bool = False
    """Whether something has to be."""
    is_single: bool = False
    """Whether one call is all that may come."""
    structure: Structure | None = None
    """What the answer must be where it calls nothing."""
    format_instruction: str = ""
    """What asks for it."""

    @classmethod
    def of(cls, request: ChatCompletionRequest, features: Collection[str]) -> Self:
        """Give what `request` asks for of `features`, all of them emulated.

        Raises:
            InvalidRequestError: it cannot be had, or not beside what else is asked for.
        """
        wishes = cls(**_calling(request, features), **_formatted(request, features))
        if wishes.instruction:
            _check_the_rest(request)
        return wishes

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of what may be called."""
        return frozenset(function["name"] for function in self.functions)

    @cached_property
    def instruction(self) -> str:
        """What the model is told; nothing where there is nothing to tell."""
        told = []
        if self.functions:
            told.append(
                for_tools(self.functions, is_required=self.must_call, is_single=self.is_single)
            )
        if self.structure is not None and not self.must_call:
            where = "Where you call no function:\n" if told else ""
            told.append(f"{where}{self.format_instruction}")
        return "\n\n".join(told)


def is_strict(request: ChatCompletionRequest, features: Collection[str]) -> bool:
    """Tell whether `request` has a schema to which an answer must be held."""
    wanted: Any = request.response_format
    return bool(
        wanted is not None
        and wanted["type"] == Feature.JSON_SCHEMA
        and wanted["type"] in features
        and wanted["json_schema"].get("strict")
    )


def _calling(request: ChatCompletionRequest, features: Collection[str]) -> dict[str, Any]:
    choice: Any = request.tool_choice or "auto"
    if Feature.TOOLS not in features or choice == "none" or request.tools is None:
        return {}
    functions: list[Any] = [
        tool["function"] for tool in request.tools if tool["type"] == "function"
    ]
    must_call = choice == "required"
    if isinstance(choice, Mapping):
        allowed = choice.get("allowed_tools", {"mode": "required", "tools": [choice]})
        must_call = allowed["mode"] == "required"
        names = {one["function"]["name"] for one in allowed["tools"]}
        functions = [function for function in functions if function["name"] in names]
    return {
        "functions": tuple(functions),
        "must_call": must_call,
        "is_single": request.parallel_tool_calls is False,
    }


def _formatted(request: ChatCompletionRequest, features: Collection[str]) -> dict[str, Any]:
    wanted: Any = request.response_format
    if wanted is None or wanted["type"] not in features:
        return {}
    if wanted["type"] == Feature.JSON_OBJECT:
        return {"structure": Structure(), "format_instruction": for_json(None)}
    asked = wanted["json_schema"]
    return {
        "structure": Structure.of(wanted),
        "format_instruction": for_json(asked.get("schema"), asked.get("description")),
    }


def _check_the_rest(request: ChatCompletionRequest) -> None:
    """See that nothing is asked for beside it that an answer which is read again cannot hold."""
    is_spoken = "audio" in (request.modalities or ())
    beside = {"n": (request.n or 1) > 1, "logprobs": request.logprobs, "modalities": is_spoken}
    for name, is_asked_for in beside.items():
        if is_asked_for:
            raise InvalidRequestError(
                f"The model {request.model!r} has tools and structured outputs by emulation, and "
                f"{name!r} cannot be had beside them. Leave one or the other out.",
                param=name,
                code="unsupported_value",
            )
