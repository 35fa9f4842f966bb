"""Traces as the environment has them: whether, whereto, and what if not."""

import json
import subprocess
import sys
import time

import httpx2
import pytest

from tests.collectors import Collector, collecting
from tests.contract.test_chat import HELLO
from tests.gateway.test_server import VENEER, environment, serving
from veneer_gateway.settings import wants_traces

WITHOUT = """
import sys
sys.modules["opentelemetry"] = None  # As if it were not installed.
from veneer_gateway.cli import main
main()
"""
IDLE = """
import sys
from veneer_gateway.cli import main
main(standalone_mode=False)
assert not [name for name in sys.modules if name.startswith("opentelemetry")]
"""


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, False),
        ({"OTEL_SERVICE_NAME": "llm"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, False),
        ({"OTEL_SDK_DISABLED": "True", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, False),
    ],
)
def test_traces_are_wanted_where_it_is_said_whereto(
    environment: dict[str, str], wanted: bool
) -> None:
    assert wants_traces(environment) is wanted


def post(url: str, model: str = "dummy/echo-1") -> httpx2.Response:
    body = {"model": model, "messages": HELLO}
    return httpx2.post(f"{url}/v1/chat/completions", json=body)


def exported(collector: Collector) -> dict[str, object]:
    """Give the resource, the name and a few attributes of the only span."""
    (spans,) = collector.spans
    ((span,),) = [scope.spans for scope in spans.scope_spans]
    resource = {one.key: one.value.string_value for one in spans.resource.attributes}
    attributes = {one.key: one.value for one in span.attributes}
    return {
        "service": resource["service.name"],
        "name": span.name,
        "model": attributes["gen_ai.response.model"].string_value,
        "status": attributes["http.response.status_code"].int_value,
        "words": attributes["gen_ai.usage.input_tokens"].int_value,
    }


@pytest.mark.parametrize(
    ("variables", "service"),
    [
        ({}, "veneer-gateway"),
        ({"OTEL_SERVICE_NAME": "llm"}, "llm"),
        ({"VENEER_WORKERS": "2"}, "veneer-gateway"),
    ],
    ids=["", "named", "workers"],
)
def test_what_has_ended_is_exported_by_otlp_at_the_latest_when_the_process_stops(
    variables: dict[str, str], service: str
) -> None:

    with collecting() as collector:
        variables = {**variables, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
        with serving(**variables) as (process, url):
            post(url)
            process.terminate()
            _, log = process.communicate(timeout=20)

    assert process.returncode == 0
    assert exported(collector) == {
        "service": service,
        "name": "chat dummy/echo-1",
        "model": "dummy/echo-1",
        "status": 200,
        "words": 2,
    }
    assert json.loads(log.splitlines()[-1])["event"] == "stopped"


def test_a_collector_that_hangs_holds_up_neither_requests_nor_the_stop() -> None:
    with collecting(answers=False) as collector:
        variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "OTEL_BSP_SCHEDULE_DELAY": "1"}
        with serving(**variables) as (process, url):
            post(url)
            assert collector.has_come.wait(20)
            assert post(url).status_code == 200
            began = time.monotonic()
            process.terminate()
            process.communicate(timeout=20)

    assert process.returncode == 0
    assert time.monotonic() - began < 8  # A second for the traces; the exporter's own is ten.


@pytest.mark.parametrize(
    ("program", "variables", "reason"),
    [
        (WITHOUT, {}, "install veneer-gateway[opentelemetry]"),
        (None, {"OTEL_TRACES_EXPORTER": "otlp,jaeger"}, "no exporter 'jaeger' is installed"),
        (None, {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "'otlp_proto_grpc' is installed"),
        (None, {"OTEL_BSP_MAX_QUEUE_SIZE": "-1"}, "raises ValueError"),
        (None, {"OTEL_PROPAGATORS": "smoke"}, "smoke"),
    ],
)
def test_what_cannot_be_is_told_and_requests_are_served(
    program: str | None, variables: dict[str, str], reason: str
) -> None:
    command = [] if program is None else [sys.executable, "-c", program, "serve"]
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", **variables}

    lines = first_lines(command or VENEER, variables)

    (line,) = [line for line in lines if "no traces" in line["event"]]
    assert lines[-1]["event"] == "serving"
    assert line["level"] == "warning"
    assert reason in line["event"]


def first_lines(command: list[str], variables: dict[str, str]) -> list[dict[str, str]]:
    """Start a gateway, and give its log up to where it serves."""
    lines: list[dict[str, str]] = []
    with subprocess.Popen(
        command, env=environment(**variables), stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        while not lines or lines[-1]["event"] != "serving":
            lines.append(json.loads(process.stderr.readline()))
        assert post(lines[-1]["url"]).status_code == 200
        process.terminate()
        process.communicate(timeout=20)
    return lines


def test_a_malformed_variable_with_a_key_in_it_is_not_quoted() -> None:
    variables = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
        "OTEL_EXPORTER_OTLP_HEADERS": "hunter2",
    }

    assert "hunter2" not in str(first_lines(VENEER, variables))


def test_where_nobody_asks_for_traces_opentelemetry_is_not_loaded() -> None:
    command = [sys.executable, "-c", IDLE, "models"]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
