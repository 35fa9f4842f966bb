"""What the image holds: as locked, by hash, and told in a list that others can read."""

import json

import httpx2
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.utils import canonicalize_name

from tests.deploy.engine import container, docker
from tests.supply.locks import pins

SBOM = "/opt/veneer/sbom.cdx.json"
INSTALLED = """
import importlib.metadata, json
print(json.dumps([[d.metadata["Name"], d.version] for d in importlib.metadata.distributions()]))
"""
OURS = {"veneer-gateway", "veneer-protocol", "veneer-providers-dummy"}


@pytest.fixture(scope="module")
def sbom(image: str) -> str:
    return docker("run", "--rm", image, "cat", SBOM)


@pytest.fixture(scope="module")
def installed(image: str) -> dict[str, str]:
    found = json.loads(docker("run", "--rm", image, "python", "-c", INSTALLED))
    return {canonicalize_name(name): version for name, version in found}


def test_the_image_holds_what_is_locked_and_our_packages(installed: dict[str, str]) -> None:
    assert {name: v for name, v in installed.items() if name not in OURS} == pins("image")
    assert set(installed) >= OURS


def test_its_list_of_components_is_valid_cyclonedx(sbom: str) -> None:
    version = SchemaVersion.from_version(json.loads(sbom)["specVersion"])

    assert JsonStrictValidator(version).validate_str(sbom) is None


def test_its_list_of_components_is_exactly_what_is_installed(
    sbom: str, installed: dict[str, str]
) -> None:
    components = json.loads(sbom)["components"]

    assert {canonicalize_name(c["name"]): c["version"] for c in components} == installed
    assert len(components) == len(installed)


def test_what_makes_the_list_is_not_in_the_image(installed: dict[str, str]) -> None:
    assert set(installed) & (set(pins("build")) - set(pins("image"))) == set()


def test_a_container_can_gain_no_rights_and_change_nothing() -> None:
    # As in docker-compose.yml and deploy/rolling.
    restricted = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges:true")
    with container(*restricted) as (ident, url):
        status = docker("exec", ident, "cat", "/proc/1/status")
        answer = httpx2.get(f"{url}/v1/models")

    held = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert answer.status_code == 200
    assert held["NoNewPrivs"] == "1"
    assert {held[kind] for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
