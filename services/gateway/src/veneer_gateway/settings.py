"""Every setting of the gateway and its default."""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationError,
)

from veneer_gateway.origins import check_origins, split_origins
from veneer_gateway.watch import TimeLimits

KIB = 1024
MIB = 1024 * KIB
_LIKENESS = 0.92

LogLevel = Literal["debug", "info", "warning", "error", "critical", "off"]
ServerName = Literal["hypercorn", "uvicorn"]

# The names that pino, and with it the gateway's Node.js ancestor, gives to levels.
_LEVELS_BY_OTHER_NAMES = {
    "trace": "debug",
    "warn": "warning",
    "fatal": "critical",
    "silent": "off",
}


def _level(value: Any) -> Any:
    name = str(value).strip().lower()
    return _LEVELS_BY_OTHER_NAMES.get(name, name)


class SettingsError(Exception):
    """A setting is malformed; the message names it."""


class Settings(BaseModel):
    """How one gateway runs."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    host: Annotated[str, Field(min_length=1)] = "0.0.0.0"  # noqa: S104  A container's port is published on it.
    """`HOST`: the address to bind."""
    port: Annotated[int, Field(ge=0, le=65535)] = 3000
    """`PORT`: the port to bind; 0 takes a free one and logs it."""
    log_level: Annotated[LogLevel, BeforeValidator(_level)] = "info"
    """`LOG_LEVEL`: the least level that is logged."""
    server: ServerName = "hypercorn"
    """`VENEER_SERVER`: what serves HTTP; `uvicorn` is an extra of the package."""
    workers: Annotated[int, Field(ge=1)] = 1
    """`VENEER_WORKERS`: how many processes serve the port; each has the limits below for itself."""
    cors_origins: Annotated[
        tuple[str, ...],
        BeforeValidator(split_origins),
        AfterValidator(check_origins),
        PlainSerializer(",".join, return_type=str),
    ] = ()
    """`VENEER_CORS_ORIGINS`: whose pages may call from a browser, by commas, or `*` for all."""
    max_body_bytes: Annotated[int, Field(ge=1)] = 16 * MIB
    """`VENEER_MAX_BODY_BYTES`: the largest request body; a larger one is a 413."""
    max_header_bytes: Annotated[int, Field(ge=KIB)] = 32 * KIB
    """`VENEER_MAX_HEADER_BYTES`: the largest request line with its headers; a larger is a 431."""
    max_answer_bytes: Annotated[int, Field(ge=1)] = 64 * MIB
    """`VENEER_MAX_ANSWER_BYTES`: the longest answer; a longer one is a 502 or an error frame."""
    max_requests: Annotated[int, Field(ge=1)] = 1000
    """`VENEER_MAX_REQUESTS`: how many requests are served at once; one more is a 503."""
    max_requests_per_provider: Annotated[int, Field(ge=1)] = 1000
    """`VENEER_MAX_REQUESTS_PER_PROVIDER`: how many of them one provider gets; one more is a 429."""
    body_timeout_seconds: Annotated[float, Field(gt=0)] = 60
    """`VENEER_BODY_TIMEOUT_SECONDS`: how long a request body may take to arrive; then a 408."""
    first_token_timeout_seconds: Annotated[float, Field(gt=0)] = 300
    """`VENEER_FIRST_TOKEN_TIMEOUT_SECONDS`: how long a stream may take to begin; then a 504."""
    idle_timeout_seconds: Annotated[float, Field(gt=0)] = 120
    """`VENEER_IDLE_TIMEOUT_SECONDS`: how long a stream may be silent; then an error frame."""
    total_timeout_seconds: Annotated[float, Field(gt=0)] = 1800
    """`VENEER_TOTAL_TIMEOUT_SECONDS`: how long a request may take; then a 504 or an error frame."""
    keepalive_seconds: Annotated[float, Field(gt=0)] = 15
    """`VENEER_KEEPALIVE_SECONDS`: after how much silence a stream gets a comment."""
    startup_timeout_seconds: Annotated[float, Field(gt=0)] = 30
    """`VENEER_STARTUP_TIMEOUT_SECONDS`: how long a provider may take to start, or to stop."""
    models_timeout_seconds: Annotated[float, Field(gt=0)] = 5
    """`VENEER_MODELS_TIMEOUT_SECONDS`: how long a provider may take to list its models."""
    shutdown_delay_seconds: Annotated[float, Field(ge=0)] = 0
    """`VENEER_SHUTDOWN_DELAY_SECONDS`: how long new requests are taken after SIGTERM.

    `/readyz` says 503 meanwhile, so that a proxy sends elsewhere before it would be refused.
    """
    drain_seconds: Annotated[float, Field(ge=0)] = 8
    """`VENEER_DRAIN_SECONDS`: how long open requests may go on after that.

    With the delay, below the ten seconds after which `docker stop` kills.
    """

    @property
    def time_limits(self) -> TimeLimits:
        """Those that hold for one request."""
        return TimeLimits(
            body=self.body_timeout_seconds,
            first_token=self.first_token_timeout_seconds,
            idle=self.idle_timeout_seconds,
            total=self.total_timeout_seconds,
            keepalive=self.keepalive_seconds,
        )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read the settings from environment variables; an empty one counts as not set.

        Raises:
            SettingsError: a value is malformed.
        """
        variables = {field: variable(field) for field in cls.model_fields}
        given = {
            field: environment[name] for field, name in variables.items() if environment.get(name)
        }
        try:
            return cls.model_validate(given)
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            name = variables[str(problem["loc"][0])]
            reason = problem["msg"].removeprefix("Value error, ")
            raise SettingsError(f"{name}={problem['input']!r} is no good: {reason}.") from None


def variable(field: str) -> str:
    """Give the environment variable of a field."""
    name = field.upper()
    return name if name in {"HOST", "PORT", "LOG_LEVEL"} else f"VENEER_{name}"


def misspelt(environment: Mapping[str, str]) -> dict[str, str]:
    """Give variables that are none of the gateway's but look like one, with that one.

    Others that begin with `VENEER_` belong to providers.
    """
    known = {f"VENEER_{field.upper()}": variable(field) for field in Settings.model_fields}
    others = sorted(name for name in environment if name.startswith("VENEER_"))
    near = {name: get_close_matches(name, known, n=1, cutoff=_LIKENESS) for name in others}
    meant = {name: known[match[0]] for name, match in near.items() if match}
    return {name: one for name, one in meant.items() if name != one}


def wants_traces(environment: Mapping[str, str]) -> bool:
    """Tell whether the variables of OpenTelemetry ask for traces.

    Its SDK would send them to a collector on this machine where nothing is said; nobody who says
    nothing wants that.

    Reference: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
    """
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporter = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    endpoints = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    return exporter != "none" and any((exporter, *map(environment.get, endpoints)))
