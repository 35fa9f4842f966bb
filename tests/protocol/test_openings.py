"""The list of what features open is complete, and says what the openai package says."""

from collections.abc import Iterator
from itertools import chain
from typing import Any, Literal, Required, TypeAlias, get_args, get_origin, get_type_hints

import pytest
from openai.types import chat
from openai.types.chat.completion_create_params import (
    CompletionCreateParamsNonStreaming,
    CompletionCreateParamsStreaming,
)
from pydantic import BaseModel

from veneer_protocol import ChatCompletionRequest, Feature, Message
from veneer_protocol.requests.messages import ROLE_FIELDS, ROLE_PARTS
from veneer_protocol.requests.openings import CORE_ROLES, EXCLUDED, OPENINGS, opened
from veneer_protocol.requests.parts import Part
from veneer_protocol.requests.request import CoreRequest
from veneer_protocol.requests.shapes import As, OneOf
from veneer_protocol.requests.subset import MESSAGE, REQUEST, STREAM_OPTIONS, TEXT_PART, Names

MESSAGES = get_args(chat.ChatCompletionMessageParam)


def names_of(*types: object) -> set[str]:
    """The fields of the SDK's typed dictionaries."""
    return set(chain.from_iterable(get_type_hints(kind) for kind in types))


def literals(kind: object, name: str) -> set[str]:
    """What the SDK allows as `name`: the role of a message, the type of a part."""
    return set(get_args(get_type_hints(kind)[name]))


def objects(annotation: object) -> Iterator[object]:
    """The typed dictionaries and models that an annotation is made of, not those within."""
    if is_object(annotation):
        yield annotation
    elif get_origin(annotation) is not Literal:
        for each in get_args(annotation):
            yield from objects(each)


def is_object(annotation: object) -> bool:
    return hasattr(annotation, "__required_keys__") or (
        isinstance(annotation, type) and issubclass(annotation, BaseModel)
    )


def known(names: Names) -> set[str]:
    return {*names.taken, *names.excluded}


def test_every_feature_has_its_opening_and_opens_something() -> None:
    assert list(OPENINGS) == list(Feature)
    for opening in OPENINGS.values():
        assert any(value for name, value in vars(opening).items() if name != "words")


def test_every_field_that_the_sdk_sends_is_known() -> None:
    sdk = names_of(CompletionCreateParamsNonStreaming, CompletionCreateParamsStreaming)

    assert set(CoreRequest.model_fields) | opened("fields") == sdk
    assert known(REQUEST) == sdk


def test_every_stream_option_that_the_sdk_sends_is_known() -> None:
    sdk = names_of(chat.ChatCompletionStreamOptionsParam)

    assert known(STREAM_OPTIONS) == sdk
    assert {name for place, name in EXCLUDED if place == "stream_options"} < sdk


@pytest.mark.parametrize("kind", MESSAGES)
def test_every_message_field_that_the_sdk_sends_is_known_for_its_role(kind: object) -> None:
    (role,) = literals(kind, "role")
    ours = {"name"} if role == "tool" else set()  # The API takes it, too.

    assert ROLE_FIELDS[role] == names_of(kind) | ours


def test_every_message_field_of_an_answer_is_known() -> None:
    assert set(chat.ChatCompletionMessage.model_fields) <= known(MESSAGE) | MESSAGE.echoed
    assert known(MESSAGE) == set(chain.from_iterable(ROLE_FIELDS.values()))


def test_every_field_of_a_text_part_is_known() -> None:
    assert known(TEXT_PART) == names_of(chat.ChatCompletionContentPartTextParam)


def test_every_role_of_the_sdk_is_known() -> None:
    roles = set(chain.from_iterable(literals(kind, "role") for kind in MESSAGES))

    assert {*CORE_ROLES, *opened("roles")} == roles
    assert set(ROLE_FIELDS) == set(ROLE_PARTS) == roles


@pytest.mark.parametrize("kind", MESSAGES)
def test_every_part_that_the_sdk_sends_is_known_for_its_role(kind: object) -> None:
    (role,) = literals(kind, "role")
    parts = [*objects(get_type_hints(kind)["content"])]

    types = set(chain.from_iterable(literals(part, "type") for part in parts))

    assert set(ROLE_PARTS[role]) == types
    assert types <= {"text"} | opened("parts")


def test_every_type_of_tool_and_format_of_the_sdk_is_known() -> None:
    tools = objects(chat.ChatCompletionToolUnionParam)
    formats = objects(get_type_hints(CompletionCreateParamsStreaming)["response_format"])

    assert opened("tools") == set(chain.from_iterable(literals(k, "type") for k in tools))
    assert opened("formats") == set(chain.from_iterable(literals(k, "type") for k in formats))


Paths: TypeAlias = dict[str, set[str]]
"""What stands at each path: names that must be there, literal values, kinds of values."""


def paths_of(annotation: Any, path: str = "") -> Paths:
    """Give all that `annotation` says of what is null, or of the order of things, left out."""
    told: Paths = {}

    def tell(more: Paths) -> None:
        for at, what in more.items():
            told.setdefault(at, set()).update(what)

    annotation = next(
        (mark.kind for mark in getattr(annotation, "__metadata__", ()) if isinstance(mark, As)),
        annotation,
    )
    origin, inner = get_origin(annotation), get_args(annotation)
    if is_object(annotation):
        for name, hint in hints_of(annotation).items():
            tell({f"{path}.{name}": {"required"} if is_required(annotation, name) else set()})
            tell(paths_of(hint, f"{path}.{name}"))
    elif origin is Literal:
        told[path] = {repr(value) for value in inner}
    elif origin is dict:
        told[path] = {"object"}
    elif inner:
        items = origin in (list, tuple) or origin.__name__ in ("Iterable", "SequenceNotStr")
        members = inner[:1] if items or hasattr(annotation, "__metadata__") else inner
        for member in members:
            tell(paths_of(member, f"{path}[]" if items else path))
    elif annotation not in (type(None), ...):
        told[path] = {getattr(annotation, "__name__", str(annotation))}
    # A string may be any of the values that are named beside it.
    return {
        at: {one for one in what if one[0] != "'"} if "str" in what else what
        for at, what in told.items()
    }


def hints_of(kind: Any) -> dict[str, Any]:
    # Models tell what they are made of themselves; a forward reference is resolved by now.
    hints = get_type_hints(kind, include_extras=True)
    return {name: hints[name] for name in getattr(kind, "model_fields", hints)}


def is_required(kind: Any, name: str) -> bool:
    if issubclass(kind, BaseModel):
        return bool(kind.model_fields[name].is_required())
    # Of annotations that are strings, as the SDK's, `__required_keys__` knows nothing.
    return get_origin(hints_of(kind)[name]) is Required or kind.__total__


SDK_FIELDS = get_type_hints(CompletionCreateParamsStreaming, include_extras=True)
OUR_FIELDS = get_type_hints(ChatCompletionRequest, include_extras=True)


@pytest.mark.parametrize("name", sorted(opened("fields")))
def test_what_a_field_may_hold_is_what_the_sdk_says(name: str) -> None:
    ours, sdks = paths_of(OUR_FIELDS[name]), paths_of(SDK_FIELDS[name])

    # The SDK says no more of these tools than that they are objects.
    if name == "tool_choice":
        del sdks[".allowed_tools.tools[]"]
        ours = {at: what for at, what in ours.items() if ".tools[]" not in at}
    assert ours == sdks


@pytest.mark.parametrize("name", sorted(opened("message_fields")))
def test_what_a_field_of_a_message_may_hold_is_what_the_sdk_says(name: str) -> None:
    ours = paths_of(get_type_hints(Message, include_extras=True)[name])
    holders = [kind for kind in MESSAGES if name in get_type_hints(kind)]

    assert holders
    for kind in holders:
        assert ours == paths_of(get_type_hints(kind, include_extras=True)[name])


def test_what_a_part_may_hold_is_what_the_sdk_says() -> None:
    (union,) = (mark for mark in get_args(Part)[1:] if isinstance(mark, OneOf))
    sdk = [*objects(chat.ChatCompletionContentPartParam)]
    sdk += [chat.ChatCompletionContentPartRefusalParam]

    assert len(sdk) == len(union.kinds)
    for kind in sdk:
        (name,) = literals(kind, "type")
        assert paths_of(union.kinds[name]) == paths_of(kind)
