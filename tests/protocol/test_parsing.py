"""Bytes that are no request, and the exact place at which each is refused."""

import json
import re
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.protocol.strategies import JSON, NAMES, near_misses, places
from veneer_protocol import ChatCompletionRequest, InvalidRequestError, parse_request

HELLO = {"role": "user", "content": "hello"}
TEXT = {"type": "text", "text": "hello"}

NO_OBJECT: tuple[object, ...] = (1, 1.5, True, "x", [])
NO_STRING: tuple[object, ...] = (1, 1.5, True, [], {})
NO_CONTENT: tuple[object, ...] = (1, 1.5, True, {})

INVALID_TYPE = "invalid_type"
INVALID_VALUE = "invalid_value"
MISSING = "missing_required_parameter"


def body(**fields: object) -> bytes:
    return json.dumps({"model": "dummy/echo-1", "messages": [HELLO], **fields}).encode()


def body_with(field: bytes) -> bytes:
    return body()[:-1] + b", " + field + b"}"


def messages_of(message: object) -> bytes:
    return body(messages=[HELLO, message])


def parts_of(part: object) -> bytes:
    return body(messages=[{"role": "user", "content": [TEXT, part]}])


def refused(content: bytes) -> InvalidRequestError:
    with pytest.raises(InvalidRequestError) as refusal:
        parse_request(content)
    return refusal.value


def verdict(content: bytes) -> tuple[int, str | None, str | None]:
    error = refused(content)
    return error.status, error.param, error.code


@pytest.mark.parametrize(
    ("message", "where", "code"),
    [
        (None, "", INVALID_TYPE),
        *((value, "", INVALID_TYPE) for value in NO_OBJECT),
        ({}, ".role", MISSING),
        ({"content": "x"}, ".role", MISSING),
        (HELLO | {"role": None}, ".role", MISSING),
        *((HELLO | {"role": value}, ".role", INVALID_TYPE) for value in NO_STRING),
        (HELLO | {"role": "bard"}, ".role", INVALID_VALUE),
        (HELLO | {"role": "User"}, ".role", INVALID_VALUE),
        ({"role": "user"}, ".content", MISSING),
        ({"role": "assistant", "content": None}, ".content", MISSING),
        *((HELLO | {"content": value}, ".content", INVALID_TYPE) for value in NO_CONTENT),
        (HELLO | {"content": ""}, ".content", INVALID_VALUE),
        (HELLO | {"content": []}, ".content", INVALID_VALUE),
        *((HELLO | {"name": value}, ".name", INVALID_TYPE) for value in NO_STRING),
    ],
)
def test_a_message_is_refused_at_its_exact_place(message: object, where: str, code: str) -> None:
    assert verdict(messages_of(message)) == (400, f"messages[1]{where}", code)


@pytest.mark.parametrize(
    ("part", "where", "code"),
    [
        (None, "", INVALID_TYPE),
        *((value, "", INVALID_TYPE) for value in NO_OBJECT),
        ({}, ".type", MISSING),
        (TEXT | {"type": None}, ".type", MISSING),
        *((TEXT | {"type": value}, ".type", INVALID_TYPE) for value in NO_STRING),
        ({"type": "video", "video": {}}, ".type", INVALID_VALUE),
        ({"type": "text"}, ".text", MISSING),
        (TEXT | {"text": None}, ".text", MISSING),
        *((TEXT | {"text": value}, ".text", INVALID_TYPE) for value in NO_STRING),
        (TEXT | {"text": ""}, ".text", INVALID_VALUE),
    ],
)
def test_a_part_is_refused_at_its_exact_place(part: object, where: str, code: str) -> None:
    assert verdict(parts_of(part)) == (400, f"messages[0].content[1]{where}", code)


@pytest.mark.parametrize(
    ("field", "code"),
    [("zz", "unknown_parameter"), ("user", INVALID_TYPE), ("stop", INVALID_TYPE)],
)
@pytest.mark.parametrize(("opened", "closed"), [("[", "]"), ('{"a":', "}")])
def test_nesting_within_reason_is_judged_by_its_place(
    field: str, code: str, opened: str, closed: str
) -> None:
    value = opened * 150 + "1" + closed * 150

    assert refused(body_with(f'"{field}": {value}'.encode())).code == code


INVALID_JSON = {
    "empty": b"",
    "blank": b" \n",
    "two documents": body() + body(),
    "trailing garbage": body() + b" x",
    "trailing comma": body_with(b'"n": 1,'),
    "single quotes": b"{'model': 'dummy/echo-1'}",
    "bare word": body_with(b'"n": one'),
    "python's true": body_with(b'"stream": True'),
    "comment": body_with(b'"n": 1 // one'),
    "control character": body_with(b'"user": "\x00"'),
    "bad escape": body_with(rb'"user": "\x41"'),
    "invalid UTF-8": body_with(b'"user": "\xff"'),
    "overlong UTF-8": body_with(b'"user": "\xc0\xaf"'),
    "surrogate bytes": body_with(b'"user": "\xed\xa0\x80"'),
    "high surrogate": body_with(rb'"user": "\ud800"'),
    "high surrogate and text": body_with(rb'"user": "\ud800 x"'),
    "low surrogate": body_with(rb'"user": "\udc00"'),
    "surrogates in the wrong order": body_with(rb'"user": "\udc00\ud800"'),
    "surrogate in a name": body_with(rb'"\ud800": 1'),
    "byte order mark": b"\xef\xbb\xbf" + body(),
    "UTF-16": body().decode().encode("utf-16"),
    "UTF-16 without a mark": body().decode().encode("utf-16-le"),
    "UTF-32": body().decode().encode("utf-32"),
    "array bomb": body_with(b'"zz": ' + b"[" * 100_000),
    "closed array bomb": body_with(b'"zz": ' + b"[" * 100_000 + b"]" * 100_000),
    "object bomb": body_with(b'"zz": ' + b'{"a":' * 100_000),
    "bomb in a message": messages_of(None).replace(b"null", b"[" * 100_000),
    "integer of many digits": body_with(b'"max_tokens": ' + b"9" * 5_000),
    "negative integer of many digits": body_with(b'"n": -' + b"9" * 5_000),
    "number of many digits": body_with(b'"temperature": ' + b"1" * 100_000),
}


@pytest.mark.parametrize("content", INVALID_JSON.values(), ids=INVALID_JSON.keys())
def test_bytes_that_are_no_json_are_refused(content: bytes) -> None:
    assert verdict(content) == (400, None, "invalid_json")


def test_a_body_is_refused_wherever_it_was_cut() -> None:
    whole = body(messages=[HELLO, {"role": "user", "content": [TEXT]}], stop=["é"], n=1)

    verdicts = {verdict(whole[:length]) for length in range(len(whole))}

    assert verdicts == {(400, None, "invalid_json")}


@pytest.mark.parametrize("content", [b"[]", b"[{}]", b'"x"', b"1", b"1.5", b"true", b"null"])
def test_a_body_that_is_no_object_is_refused(content: bytes) -> None:
    assert verdict(content) == (400, None, INVALID_TYPE)


def test_an_empty_object_misses_the_model() -> None:
    assert verdict(b"{}") == (400, "model", MISSING)


@pytest.mark.parametrize(
    ("content", "param"),
    [
        (body_with(b'"model": "a/b"'), "model"),
        (body_with(rb'"m\u006fdel": "a/b"'), "model"),
        (body_with(b'"zz": 1, "zz": 1'), "zz"),
        (body_with(b'"stream_options": {"x": 1, "x": 1}'), "stream_options.x"),
        (
            messages_of(None).replace(b"null", b'{"role": "user", "role": "user"}'),
            "messages[1].role",
        ),
        (
            parts_of(None).replace(b"null", b'{"text": "a", "text": "b"}'),
            "messages[0].content[1].text",
        ),
    ],
)
def test_a_key_that_comes_twice_is_refused(content: bytes, param: str) -> None:
    assert verdict(content) == (400, param, "duplicate_parameter")


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity", b"1e400", b"-1e400"])
@pytest.mark.parametrize("field", ["temperature", "top_p"])
def test_a_number_that_is_not_finite_is_refused(field: str, number: bytes) -> None:
    assert verdict(body_with(b'"%b": %b' % (field.encode(), number))) == (400, field, INVALID_VALUE)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize(
    ("field", "param"),
    [
        ('"user": %s', "user"),
        ('"zz": [0, {"a": %s}]', "zz[1].a"),
        ('"stream_options": {"include_usage": %s}', "stream_options.include_usage"),
    ],
)
def test_a_number_that_json_does_not_have_is_refused_anywhere(
    field: str, param: str, number: str
) -> None:
    assert verdict(body_with((field % number).encode())) == (400, param, INVALID_VALUE)


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"-Infinity"])
def test_a_body_that_is_no_number_names_no_parameter(number: bytes) -> None:
    assert verdict(number) == (400, None, "invalid_json")


def test_of_two_faults_the_one_at_the_told_position_is_named() -> None:
    error = refused(b'{"temperature": NaN,\n"top_p": NaN}')

    assert "(line 1 " in error.message
    assert error.param == "temperature"


@pytest.mark.parametrize(
    ("field", "item", "param"),
    [
        ("stop", 1, "stop[0]"),
        ("messages", 1, "messages[0]"),
        ("messages", {}, "messages[0].role"),
        ("messages", {"role": "tool"}, "messages[0].role"),
        ("messages", HELLO | {"x": 1}, "messages[0].x"),
    ],
)
def test_a_flood_of_faults_ends_in_one_short_error(field: str, item: object, param: str) -> None:
    error = refused(body(**{field: [item] * 300_000}))

    assert error.param == param
    assert len(error.to_json()) < 400


def test_a_flood_of_junk_parts_ends_in_one_short_error() -> None:
    error = refused(body(messages=[HELLO | {"content": [{}] * 300_000}]))

    assert error.param == "messages[0].content[0].type"
    assert len(error.to_json()) < 400


def test_a_flood_of_unknown_keys_ends_in_one_short_error() -> None:
    content = json.dumps({f"k{i}": 0 for i in range(1_000_000)}).encode()

    error = refused(content)

    assert error.param == "k0"
    assert len(error.to_json()) < 400


LONG = "z" * 10_000
TOO_LONG = {
    "name": body(**{LONG: 1}),
    "name that comes twice": body_with(f'"{LONG}": 1, "{LONG}": 2'.encode()),
    "name of what is no number": body_with(f'"{LONG}": NaN'.encode()),
    "name in a message": messages_of(HELLO | {LONG: 1}),
    "role": messages_of({"role": LONG}),
    "type": parts_of({"type": LONG}),
    "integer": body(n=10**4000),
}


@pytest.mark.parametrize("content", TOO_LONG.values(), ids=TOO_LONG.keys())
def test_long_names_and_values_are_cut(content: bytes) -> None:
    error = refused(content)

    assert len(error.message) < 300
    assert len(error.param or "") <= 200


def test_a_long_name_around_a_fault_costs_no_more_than_the_body() -> None:
    children = b",".join(b'"k%d": 0' % i for i in range(500))
    content = b'{"%b": {%b, "z": {"x": 1, "x": 2}}}' % (b"z" * 100_000, children)

    tracemalloc.start()
    refused(content)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak_bytes < 20 * len(content)


CODES = {"invalid_json", "duplicate_parameter", INVALID_TYPE, INVALID_VALUE, MISSING} | {
    "unknown_parameter",
    "unsupported_parameter",
    "unsupported_value",
}
SENTENCE = re.compile(
    r"The request body (is not valid JSON: .+|must be a JSON object, not .+)\.|"
    r"The parameter '.+' is given twice.*\. Give it once\.|"
    r"(Invalid type|Invalid value|Unsupported value) for .+: .+\.|"
    r"Missing required parameter: '.+'\.|"
    r"Unsupported parameter: '.+' \(.+\) is not taken "
    r"(here|by .+, which does not declare the feature '.+')\. Leave it out\.|"
    r"Unknown parameter: .+\. (Did you mean '\w+'\?|Leave it out\.)|"
    r"'stream_options' is only allowed together with 'stream': true\.|"
    r"'max_tokens' and 'max_completion_tokens' differ; give one of them\.",
    re.DOTALL,
)


def named(document: object) -> dict[str, object]:
    """Every value of `document` under the name that an error gives it."""
    values: dict[str, object] = {}
    for path, value in places(document):
        name = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
        values.setdefault(name.removeprefix("."), value)
    return values


def parses_or_is_refused_well(content: bytes, document: object = None) -> bool:
    """Whether `content` is taken, or refused in the API's words, at a place in `document`."""
    try:
        return isinstance(parse_request(content), ChatCompletionRequest)
    except InvalidRequestError as error:
        answer = json.loads(error.to_json())
        return (
            answer.keys() == {"error"}
            and answer["error"].keys() == {"message", "type", "param", "code"}
            and answer["error"]["code"] in CODES
            and SENTENCE.fullmatch(error.message) is not None
            and (document is None or names_its_place(error, document))
        )


def names_its_place(error: InvalidRequestError, document: object) -> bool:
    values = named(document)
    if error.code == MISSING:
        parent = (error.param or "").rpartition(".")[0]
        return isinstance(values[parent], dict) and values.get(error.param or "") is None
    if error.param is None:
        return error.code == "invalid_json" or not isinstance(document, dict)
    return error.param in {name[:200] for name in values}


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_parse_or_are_refused_well(content: bytes) -> None:
    assert parses_or_is_refused_well(content)


@given(JSON)
def test_any_json_parses_or_is_refused_well(document: object) -> None:
    assert parses_or_is_refused_well(json.dumps(document).encode(), document)


@given(st.dictionaries(st.sampled_from(NAMES), JSON, max_size=3))
def test_any_value_in_a_good_body_parses_or_is_refused_well(fields: dict[str, object]) -> None:
    content = body(**fields)

    assert parses_or_is_refused_well(content, json.loads(content))


@given(near_misses())
def test_a_near_miss_parses_or_is_refused_at_its_place(document: object) -> None:
    assert parses_or_is_refused_well(json.dumps(document).encode(), document)
