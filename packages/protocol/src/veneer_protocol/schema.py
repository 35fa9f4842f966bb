"""What `parse_request` takes, as a JSON Schema.

pydantic tells of the values and `subset` of the names. The wire needs both, for pydantic sees a
body only when what is null, or merely echoed, has been left out of it.

Reference: https://json-schema.org/draft/2020-12
"""

from typing import Any

from veneer_protocol.request import ChatCompletionRequest
from veneer_protocol.subset import MESSAGE, REQUEST, STREAM_OPTIONS, TEXT_PART, Names

_DESCRIPTION = (
    "An optional name that is null is as if left out. What a schema cannot say: no name is twice "
    "in one object; an integer is written without a point or an exponent; text is Unicode, without "
    "half a surrogate pair; values are nested at most 200 deep; `max_tokens` and "
    "`max_completion_tokens`, where both are given, are equal."
)

_IS_STREAM = {"properties": {"stream": {"const": True}}, "required": ["stream"]}
_HAS_OPTIONS = {
    "properties": {"stream_options": {"type": "object"}},
    "required": ["stream_options"],
}


def request_schema(ref_template: str = "#/$defs/{model}") -> dict[str, Any]:
    """Give the JSON Schema of the body of `POST /v1/chat/completions`.

    The schemas of its parts are under `$defs`; `ref_template` says how they are referred to.

    Reference: https://platform.openai.com/docs/api-reference/chat/create
    """
    schema = ChatCompletionRequest.model_json_schema(ref_template=ref_template)
    schema["description"] = _DESCRIPTION
    # What pydantic sees to in Python: options are for streams.
    schema |= {"if": _HAS_OPTIONS, "then": _IS_STREAM}
    _complete(schema, REQUEST)
    for names in (MESSAGE, TEXT_PART, STREAM_OPTIONS):
        _complete(schema["$defs"][names.model.__name__], names)
    return schema


def _complete(schema: dict[str, Any], names: Names) -> None:
    """Add to the schema of one kind of object what its `names` let pass."""
    properties = schema["properties"]
    for name in names.taken.difference(schema.get("required", ())):
        if isinstance(kind := properties[name].get("type"), str):
            properties[name]["type"] = [kind, "null"]
    for name, part_of in names.excluded.items():
        properties[name] = {"type": "null", "description": f"Not taken here: {part_of}."}
    for name in names.echoed:
        properties[name] = {"description": "Left out: clients echo it."}
