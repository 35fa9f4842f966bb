"""Every setting of an upstream, its default and its environment variable."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, Self

import httpx2
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
)

from veneer_protocol import Feature

_PREFIX = "VENEER_OPENAI_"
_NAME = re.compile(r"[A-Z0-9]+(_[A-Z0-9]+)*", re.ASCII)
_KEY = re.compile(r"[!-~]+", re.ASCII)
_KNOWN = ", ".join(Feature)

Seconds = Annotated[float, Field(gt=0)]


def _base_url(value: str) -> str:
    value = value.strip()
    try:
        url = httpx2.URL(value)
    except httpx2.InvalidURL:
        url = httpx2.URL()
    is_whole = (
        url.scheme in {"http", "https"} and url.host and (url.port is None or 0 < url.port < 2**16)
    )
    # What a URL may hold besides is credentials, which API_KEY is for, or would be lost on the way.
    has_more = url.userinfo or {*"?# "} & {*value} or url.path.rstrip("/").endswith("/completions")
    if not is_whole or has_more:
        raise ValueError("write it as http://host:8000/v1, and a key into API_KEY")
    return value


def _api_key(value: SecretStr) -> SecretStr:
    if not _KEY.fullmatch(value.get_secret_value()):
        raise ValueError("a key is printable ASCII without spaces or line breaks")
    return value


def _names(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    return [name for part in value.split(",") if (name := part.strip())]


def _once(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _features(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    names = _names(value)
    if names in (["all"], ["none"]):
        return [*Feature] if names == ["all"] else []
    for name in names or [value]:
        if name not in {*Feature}:
            near = get_close_matches(name, map(str, Feature), n=1)
            advice = f"but {near[0]!r} is" if near else f"write all, none, or of {_KNOWN}"
            raise ValueError(f"{name!r} is no feature, {advice}")
    return names


class SettingsError(Exception):
    """A variable is malformed or belongs to no upstream; the message names it."""


class Upstream(BaseModel):
    """A server that speaks the OpenAI API, and how it is asked."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, hide_input_in_errors=True
    )

    name: str
    """The NAME of its variables in lower case, `_` as `-`: name and prefix of its models."""
    base_url: Annotated[str, AfterValidator(_base_url)]
    """`BASE_URL`: where its API begins, as in `http://localhost:8000/v1`."""
    api_key: Annotated[SecretStr, AfterValidator(_api_key)] | None = None
    """`API_KEY`: the key to ask with; without one, the caller's own headers go on to it."""
    models: (
        Annotated[
            tuple[Annotated[str, Field(min_length=1)], ...],
            BeforeValidator(_names),
            AfterValidator(_once),
            Field(min_length=1),
        ]
        | None
    ) = None
    """`MODELS`: the models to serve, comma-separated; without it, those that it lists."""
    features: Annotated[frozenset[Feature], BeforeValidator(_features)] = frozenset(Feature)
    """`FEATURES`: what it is asked for beyond the core subset: `all`, `none`, or features by name.

    Without it all, for the upstream knows best, and says itself what it does not take.
    """
    timeout_seconds: Seconds = 600
    """`TIMEOUT_SECONDS`: how long it may be silent."""
    connect_timeout_seconds: Seconds = 5
    """`CONNECT_TIMEOUT_SECONDS`: how long a connection may take, the wait for a free one too."""
    max_connections: Annotated[int, Field(ge=1)] = 1000
    """`MAX_CONNECTIONS`: how many requests it gets at once."""
    models_cache_seconds: Annotated[float, Field(ge=0)] = 60
    """`MODELS_CACHE_SECONDS`: how long its list of models is remembered."""
    models_timeout_seconds: Seconds = 4
    """`MODELS_TIMEOUT_SECONDS`: how long it may take to list its models.

    Below the five seconds that the gateway gives a provider.
    """

    @classmethod
    def each_from_environment(
        cls, environment: Mapping[str, str]
    ) -> dict[str, Self | SettingsError]:
        """Read every upstream that a `VENEER_OPENAI_<NAME>_BASE_URL` declares, by its name.

        A variable that is empty counts as not set. Where one is malformed, its error stands there.

        Raises:
            SettingsError: a variable belongs to no upstream.
        """
        variables = {
            variable: value
            for variable, value in environment.items()
            if variable.startswith(_PREFIX) and value
        }
        given: dict[str, dict[str, str]] = {name: {} for name in _declared(variables)}
        for variable, value in variables.items():
            name, field = _owner(variable, given)
            given[name][field] = value
        upstreams: dict[str, Self | SettingsError] = {}
        for variable_name, values in sorted(given.items()):
            name = variable_name.lower().replace("_", "-")
            try:
                upstreams[name] = cls._checked(name, variable_name, values)
            except SettingsError as error:
                upstreams[name] = error
        return upstreams

    @classmethod
    def _checked(cls, name: str, variable_name: str, values: Mapping[str, str]) -> Self:
        try:
            return cls.model_validate({"name": name, **values})
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            field = str(problem["loc"][0])
            # A URL that is no good may hold a password.
            is_secret = field in {"api_key", "base_url"}
            shown = "" if is_secret else f"={values[field]!r}"
            reason = problem["msg"].removeprefix("Value error, ")
            variable = _variable(variable_name, field)
            raise SettingsError(f"{variable}{shown} is no good: {reason}.") from None


def _variable(name: str, field: str) -> str:
    return f"{_PREFIX}{name}_{field.upper()}"


def _declared(variables: Mapping[str, str]) -> list[str]:
    """Give the names of the upstreams, longest first."""
    names = [
        variable.removeprefix(_PREFIX).removesuffix("_BASE_URL")
        for variable in variables
        if variable.endswith("_BASE_URL")
    ]
    return sorted(filter(_NAME.fullmatch, names), key=len, reverse=True)


def _owner(variable: str, names: Mapping[str, object]) -> tuple[str, str]:
    """Give the upstream and the field that `variable` is for; the longest name has it."""
    fields = Upstream.model_fields.keys() - {"name"}
    for name in names:
        for field in fields:
            if variable == _variable(name, field):
                return name, field
    known = ", ".join(sorted(field.upper() for field in fields))
    raise SettingsError(
        f"{variable} belongs to no upstream. One is declared by {_variable('<NAME>', 'base_url')}, "
        f"NAME in capitals; what may follow the name is {known}."
    )
