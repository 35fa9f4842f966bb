"""Imports point one way: gateway → protocol ← providers, and up the ladder inside a package."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = {
    "veneer_protocol": ROOT / "packages/protocol/src",
    "veneer_providers_dummy": ROOT / "packages/providers-dummy/src",
    "veneer_providers_openai": ROOT / "packages/providers-openai/src",
    "veneer_gateway": ROOT / "services/gateway/src",
}
ALLOWED = {
    "veneer_protocol": {
        "jiter",
        "openai",
        "pydantic",
        "pydantic_core",
        "typing_extensions",
        "veneer_protocol",
    },
    "veneer_providers_dummy": {"openai", "veneer_protocol", "veneer_providers_dummy"},
    "veneer_providers_openai": {
        "cachetools",
        "httpx2",
        "openai",
        "pydantic",
        "pydantic_core",
        "veneer_protocol",
        "veneer_providers_openai",
    },
    "veneer_gateway": {
        "click",
        "h11",
        "httptools",
        "hypercorn",
        "jinja2",
        "prometheus_client",
        "openai",
        "opentelemetry",
        "pydantic",
        "quart",
        "structlog",
        "uvicorn",
        "veneer_gateway",
        "veneer_protocol",
        "werkzeug",
    },
}


# What a subpackage needs beside the rest of its package, for an extra.
EXTRAS = {"veneer_protocol.emulation": {"attrs", "jsonschema", "referencing"}}
KIT = {"blockbuster", "openai", "pydantic", "pytest", "veneer_gateway", "veneer_protocol"}


def modules(package: str) -> Iterator[tuple[str, ast.Module]]:
    for path in sorted((SOURCES[package] / package).rglob("*.py")):
        parts = path.relative_to(SOURCES[package]).with_suffix("").parts
        name = ".".join(parts).removesuffix(".__init__")
        yield name, ast.parse(path.read_text())


def is_kit(module: str) -> bool:
    """Tell the conformance kit, an extra that asks the gateway as a client, from the rest."""
    return module.startswith(("veneer_protocol.conformance", "veneer_protocol.pytest_plugin"))


def extra(module: str) -> set[str]:
    """Give what `module` may import for the extra that it is."""
    return EXTRAS.get(".".join(module.split(".")[:2]), set())


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            assert node.module is not None
            yield node.module


@pytest.mark.parametrize("package", SOURCES)
def test_a_package_imports_only_what_it_may(package: str) -> None:
    import sys

    foreign = {
        (module, name)
        for module, tree in modules(package)
        for name in imports(tree)
        if (top := name.partition(".")[0]) not in sys.stdlib_module_names
        and top not in (KIT if is_kit(module) else ALLOWED[package] | extra(module))
    }

    assert foreign == set()


@pytest.mark.parametrize(
    "package", ["veneer_protocol", "veneer_providers_dummy", "veneer_providers_openai"]
)
def test_of_openai_only_the_types_are_used(package: str) -> None:
    used = {
        name
        for module, tree in modules(package)
        for name in imports(tree)
        if name.partition(".")[0] == "openai" and not is_kit(module)
    }

    assert used
    assert all(name.startswith("openai.types") for name in used)


@pytest.mark.parametrize("package", SOURCES)
def test_imports_inside_a_package_never_turn_back(package: str) -> None:
    known = dict(modules(package))
    ladder = TopologicalSorter(
        {
            module: {name for name in imports(tree) if name in known}
            for module, tree in known.items()
        }
    )

    ladder.prepare()  # Raises CycleError, which names the cycle.


@pytest.mark.parametrize("package", SOURCES)
def test_no_import_is_tucked_into_a_function(package: str) -> None:
    tucked = [
        (module, function.name)
        for module, tree in modules(package)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef) and any(imports(function))
    ]

    assert tucked == []


@pytest.mark.parametrize("package", SOURCES)
def test_only_commands_and_entry_points_read_the_environment(package: str) -> None:
    readers = {
        module
        for module, tree in modules(package)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    }

    assert readers <= {"veneer_gateway.cli", "veneer_providers_openai.environment"}
