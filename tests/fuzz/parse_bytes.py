"""The target of atheris: any bytes are a request, or are refused as the API refuses them."""

import json
import random
import sys

import atheris
from atheris.import_hook import instrument_imports

with instrument_imports(include=["veneer_protocol"]):
    from tests.protocol.strategies import NAMES, places, replaced
    from veneer_protocol import Feature, InvalidRequestError, parse_request

MOST_BYTES_OF_AN_ERROR = 2000
VALUES: list[object] = [
    None,
    True,
    -1,
    0,
    1.5,
    2,
    10**20,
    "",
    "text",
    "tool",
    "file",
    [],
    {},
    [""] * 5,
    [{}],
]


def parse(body: bytes) -> None:
    """Parse `body` for a model that declares nothing, and for one that declares everything.

    Whatever leaves that is no InvalidRequestError is a finding.
    """
    parse_for(body, ())
    parse_for(body, tuple(Feature))


def parse_for(body: bytes, features: tuple[Feature, ...]) -> None:
    try:
        request = parse_request(body, lambda _: features)
    except InvalidRequestError as error:
        check_error(error)
    else:
        json.loads(body)  # What is taken is JSON for others, too.
        again = request.model_dump_json(exclude_unset=True).encode()
        assert parse_request(again, lambda _: features) == request


def check_error(error: InvalidRequestError) -> None:
    """Hold a refusal to the one error body, and to a bound."""
    told = error.to_json()
    assert len(told) < MOST_BYTES_OF_AN_ERROR
    assert error.status == 400
    assert error.code is not None
    assert json.loads(told)["error"]["message"] == error.message


def mutate(body: bytes, most_bytes: int, seed: int) -> bytes:
    """Change some bytes; or, for few changes of bytes leave JSON, one value of the document."""
    chance = random.Random(seed)
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return atheris.Mutate(body, most_bytes)
    if chance.random() < 0.5:
        return atheris.Mutate(body, most_bytes)
    path, value = chance.choice(list(places(document)))
    if isinstance(value, dict) and chance.random() < 0.5:
        path = (*path, chance.choice(NAMES))
    return json.dumps(replaced(document, path, chance.choice(VALUES))).encode()[:most_bytes]


if __name__ == "__main__":
    atheris.Setup(sys.argv, parse, custom_mutator=mutate)
    atheris.Fuzz()
