"""The reference is complete, and says what the code says."""

import ast
import importlib
import inspect
import json
import re
from collections.abc import Iterator
from dataclasses import asdict
from itertools import chain

import pytest
from prometheus_client.metrics import MetricWrapperBase

import veneer_gateway.app
import veneer_protocol.emulation
from tests.checkout import ROOT
from tests.docs.pages import DOCS, blocks
from veneer_gateway import Settings
from veneer_gateway.metrics import Metrics
from veneer_gateway.settings import variable
from veneer_protocol import ApiError, InvalidRequestError, ModelNotFoundError
from veneer_protocol.requests.openings import OPENINGS, Opening

OURS = ("veneer_protocol", "veneer_gateway")
PUBLIC = (
    *OURS,
    "veneer_gateway.testing",
    "veneer_protocol.conformance",
    "veneer_protocol.emulation",
)
SOURCES = ("packages/protocol/src", "services/gateway/src")

Row = tuple[int, str, str | None, str]


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_has_its_place_in_the_reference(module: str) -> None:
    pages = "".join(page.read_text() for page in (DOCS / "reference").glob("*.md"))

    shown = set(re.findall(rf"^::: {re.escape(module)}\.(\w+)$", pages, re.MULTILINE))

    assert set(importlib.import_module(module).__all__) <= shown


def test_the_table_of_features_says_what_each_opens() -> None:
    text = (DOCS / "reference/features.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (.+?) \| (.+) \|$", text, re.MULTILINE)
    told = [(feature, words, set(re.findall(r"`(\w+)`", opens))) for feature, words, opens in rows]

    assert told == [
        (str(feature), opening.words, names(opening)) for feature, opening in OPENINGS.items()
    ]


def names(opening: Opening) -> set[str]:
    """Give all that a feature opens, and the field of which it opens some formats only."""
    places = {place: names for place, names in asdict(opening).items() if place != "words"}
    return {*chain.from_iterable(places.values())} | (
        {"response_format"} if opening.formats else set()
    )


def test_every_limit_has_its_place_among_the_limits() -> None:
    named = re.findall(r"^\| `(VENEER_\w+)` \|", (DOCS / "reference/limits.md").read_text(), re.M)
    apart = {"VENEER_CORS_ORIGINS", "VENEER_SERVER", "VENEER_WORKERS"}
    others = {"HOST", "PORT", "LOG_LEVEL", *apart}

    assert sorted(named) == sorted({variable(name) for name in Settings.model_fields} - others)


def test_every_metric_is_told_with_its_labels() -> None:
    text = (DOCS / "reference/metrics.md").read_text()
    rows = re.findall(r"^\| `(veneer_\w+)` \| (\w+) \| (.+?) \|", text, re.M)
    told = {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}

    kept = [one for one in vars(Metrics()).values() if isinstance(one, MetricWrapperBase)]

    assert told == {one._name: (one._type, set(one._labelnames)) for one in kept}


def test_the_body_that_is_shown_is_the_body_of_errors() -> None:
    (body,) = blocks("reference/errors.md")

    assert json.loads(body.text) == json.loads(ModelNotFoundError("acme/chat-9").to_json())


def test_the_table_of_errors_is_complete_and_right() -> None:
    text = (DOCS / "reference/errors.md").read_text()
    rows = re.findall(r"^\| (\d{3}) \| `(\w+)` \| `(\w+)` \| `(\w+)` \| .+ \|$", text, re.MULTILINE)

    shown = [(int(s), t, None if code == "null" else code, name) for s, t, code, name in rows]

    assert sorted(shown, key=str) == sorted({*of_classes(), *of_calls()}, key=str)


def classes(base: type[ApiError] = ApiError) -> Iterator[type[ApiError]]:
    """Give our errors; a test may have defined others."""
    # With them, all of ours that has errors is imported.
    assert veneer_gateway.app
    assert veneer_protocol.emulation
    for kind in base.__subclasses__():
        if kind.__module__.startswith(OURS):
            yield kind
            yield from classes(kind)


def of_classes() -> Iterator[Row]:
    for kind in classes():
        yield kind.status, kind.type, kind.code, kind.__name__


def of_calls() -> Iterator[Row]:
    """Give what is raised with another code than the class's own."""
    kinds = {kind.__name__: kind for kind in classes()}
    for source in SOURCES:
        for path in (ROOT / source).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                for name, code in codes(node):
                    yield kinds[name].status, kinds[name].type, code, name


def codes(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Find `SomeError(…, code="…")`, and `code, sentence = "…", …`."""
    match node:
        case ast.Call(func=ast.Name(id=name), keywords=keywords):
            for keyword in keywords:
                if keyword.arg == "code" and isinstance(keyword.value, ast.Constant):
                    yield name, str(keyword.value.value)
        case ast.Assign(
            targets=[ast.Tuple(elts=[ast.Name(id="code"), _])],
            value=ast.Tuple(elts=[ast.Constant(value=code), _]),
        ):
            yield InvalidRequestError.__name__, str(code)


def test_every_setting_of_the_kit_is_on_its_page() -> None:
    kit = importlib.import_module("veneer_protocol.conformance").AdapterConformance
    page = (DOCS / "how-to/test-an-adapter.md").read_text()

    settings = inspect.get_annotations(kit.__mro__[-2])

    assert settings
    assert [name for name in settings if f"`{name}" not in page] == []


def test_the_table_of_a_spans_attributes_is_complete() -> None:
    page = (DOCS / "reference/traces.md").read_text()
    source = (ROOT / "services/gateway/src/veneer_gateway/tracing.py").read_text()

    named = set(re.findall(r'"((?:error|gen_ai|http|url|veneer)\.[a-z_.]+)"', source))

    assert len(named) > 20
    assert set(re.findall(r"^\| `([a-z_.]+)` \|", page, re.MULTILINE)) == named
