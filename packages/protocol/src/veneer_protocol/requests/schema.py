"""What `parse_request` takes, as a JSON Schema.

pydantic tells of the values, and sees a body only when what is null, or merely echoed, has been
left out of it. The wire needs these, too.

Reference: https://json-schema.org/draft/2020-12
"""

from collections.abc import Mapping
from typing import Any

from veneer_protocol.requests.openings import EXCLUDED, features_in_words, openers
from veneer_protocol.requests.request import ChatCompletionRequest, CoreRequest
from veneer_protocol.requests.subset import MESSAGE, REQUEST, STREAM_OPTIONS, TEXT_PART
from veneer_protocol.requests.tools import ECHOED_IN_CALL, ECHOED_IN_FUNCTION

_UNTOLD = (
    "An optional name that is null is as if left out. What a schema cannot say: no name is twice "
    "in one object; an integer is written without a point or an exponent, and no number is beyond "
    "what a double holds; text is Unicode, without half a surrogate pair; values are nested at "
    "most 200 deep; `max_tokens` and `max_completion_tokens`, where both are given, are equal"
)
_CORE = f"What every model takes. {_UNTOLD}."
_WHOLE = (
    "What a model takes that declares every feature; `GET /v1/models` tells what each declares. "
    f"{_UNTOLD}; a message has the names and parts of its role, and a content unless the assistant "
    "called a tool instead; an image's URL begins with http, https or data; a file has an id or "
    "data; `logit_bias` is by the numbers of tokens; each call, which has an id of its own, is "
    "answered once by a tool right after it, and a tool answers no other; `functions` and `tools` "
    "do not come together; what is chosen of tools or functions is among them; what is "
    "asked of tools, functions or log probabilities comes with these, and spoken answers with "
    "`audio`."
)

_IS_STREAM = {"properties": {"stream": {"const": True}}, "required": ["stream"]}
_HAS_OPTIONS = {
    "properties": {"stream_options": {"type": "object"}},
    "required": ["stream_options"],
}

# Where the names of a kind of object are opened, by the kind's own name.
_PLACES = {
    "ChatCompletionRequest": "fields",
    "CoreRequest": "fields",
    "Message": "message_fields",
    "CoreMessage": "message_fields",
    "StreamOptions": "stream_options",
    "AudioPart": "part_fields",
    "CoreTextPart": "part_fields",
    "FilePart": "part_fields",
    "ImagePart": "part_fields",
    "TextPart": "part_fields",
}
_ECHOED = {
    "Message": MESSAGE.echoed,
    "CoreMessage": MESSAGE.echoed,
    "TextPart": TEXT_PART.echoed,
    "CoreTextPart": TEXT_PART.echoed,
    "FunctionToolCall": ECHOED_IN_CALL,
    "CustomToolCall": ECHOED_IN_CALL,
    "CalledFunction": ECHOED_IN_FUNCTION,
}
_EXCLUDED = {
    "CoreRequest": REQUEST.excluded,
    "CoreMessage": MESSAGE.excluded,
    "CoreTextPart": TEXT_PART.excluded,
    "StreamOptions": STREAM_OPTIONS.excluded,
}


def request_schema(
    ref_template: str = "#/$defs/{model}", *, core_only: bool = False
) -> dict[str, Any]:
    """Give the JSON Schema of the body of `POST /v1/chat/completions`.

    It has what features open, each with the feature that does; or, with `core_only`, what every
    model takes. The schemas of its parts are under `$defs`; `ref_template` says how they are
    referred to.

    Reference: https://platform.openai.com/docs/api-reference/chat/create
    """
    model = CoreRequest if core_only else ChatCompletionRequest
    schema = model.model_json_schema(ref_template=ref_template)
    schema["description"] = _CORE if core_only else _WHOLE
    # What pydantic sees to in Python: options are for streams.
    schema |= {"if": _HAS_OPTIONS, "then": _IS_STREAM}
    for name, kind in {model.__name__: schema, **schema["$defs"]}.items():
        _complete(kind, name)
    return schema


def _complete(schema: dict[str, Any], name: str) -> None:
    """Add to the schema of one kind of object what passes before pydantic sees it."""
    properties, place = schema["properties"], _PLACES.get(name, "")
    for field, values in properties.items():
        if field not in schema.get("required", ()):
            properties[field] = _nullable(values)
        if openers(place, field):
            properties[field]["description"] = _taken_where(place, field)
        if place == "fields" and openers("values", field) and name != CoreRequest.__name__:
            properties[field]["description"] = f"More than one: {_taken_where('values', field)}"
    for field in _EXCLUDED.get(name, ()):
        told = (
            f"Not taken here: {EXCLUDED[place, field]}."
            if (place, field) in EXCLUDED
            else f"Null alone. {_taken_where(place, field)}"
        )
        properties[field] = {"type": "null", "description": told}
    for field in _ECHOED.get(name, ()):
        properties[field] = {"description": "Left out: clients echo it."}


def _nullable(schema: Mapping[str, Any]) -> dict[str, Any]:
    null = {"type": "null"}
    if null in schema.get("anyOf", ()):
        return dict(schema)
    if schema.keys() <= {"type", "default", "title"} and isinstance(schema.get("type"), str):
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [dict(schema), null]}


def _taken_where(place: str, name: str) -> str:
    return f"Taken by models that declare the feature {features_in_words(place, name, '`')}."
