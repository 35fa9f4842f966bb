"""Environment to upstreams."""

import pytest
from pydantic import SecretStr, ValidationError

from veneer_protocol import Feature
from veneer_providers_openai import OpenAIAdapter, SettingsError, Upstream

URL = "http://localhost:8000/v1"


def read(**variables: str) -> list[Upstream]:
    given = {f"VENEER_OPENAI_{name}": value for name, value in variables.items()}
    upstreams = []
    for upstream in Upstream.each_from_environment(given).values():
        if isinstance(upstream, SettingsError):
            raise upstream
        upstreams.append(upstream)
    return upstreams


def refusal(**variables: str) -> str:
    with pytest.raises(SettingsError) as refused:
        read(**variables)
    return str(refused.value)


def test_a_base_url_is_enough_to_declare_an_upstream() -> None:
    assert read(VLLM_BASE_URL=URL) == [Upstream(name="vllm", base_url=URL)]


def test_an_empty_environment_declares_none() -> None:
    others = {"PATH": "/bin", "VENEER_DRAIN_SECONDS": "8"}

    assert [*Upstream.each_from_environment(others)] == []


def test_every_setting_has_its_variable() -> None:
    (upstream,) = read(
        A_BASE_URL=URL,
        A_API_KEY="sk-1",
        A_MODELS="one, two/three,",
        A_FEATURES="tools, json_schema,",
        A_TIMEOUT_SECONDS="30",
        A_CONNECT_TIMEOUT_SECONDS="0.5",
        A_MAX_CONNECTIONS="7",
        A_MODELS_CACHE_SECONDS="0",
        A_MODELS_TIMEOUT_SECONDS="2",
    )

    assert upstream == Upstream(
        name="a",
        base_url=URL,
        api_key=SecretStr("sk-1"),
        models=("one", "two/three"),
        features=frozenset({Feature.TOOLS, Feature.JSON_SCHEMA}),
        timeout_seconds=30,
        connect_timeout_seconds=0.5,
        max_connections=7,
        models_cache_seconds=0,
        models_timeout_seconds=2,
    )


def test_each_name_is_an_upstream_of_its_own() -> None:
    upstreams = read(MY_BOX_2_BASE_URL=URL, A_BASE_URL="https://a.test", A_API_KEY="sk-1")

    assert [(each.name, each.api_key is None) for each in upstreams] == [
        ("a", False),
        ("my-box-2", True),
    ]


def test_a_variable_belongs_to_the_longest_name_that_it_fits() -> None:
    short, long = read(A_BASE_URL=URL, A_MODELS_BASE_URL=URL, A_MODELS_TIMEOUT_SECONDS="1")

    assert (short.name, short.models_timeout_seconds, short.timeout_seconds) == ("a", 4, 600)
    assert (long.name, long.models_timeout_seconds, long.timeout_seconds) == ("a-models", 4, 1)


@pytest.mark.parametrize(
    ("value", "features"),
    [
        ("", set(Feature)),
        ("all", set(Feature)),
        (" none ", set()),
        ("seed", {"seed"}),
        ("seed,tools , seed", {"seed", "tools"}),
    ],
)
def test_features_are_all_or_none_or_those_that_are_named(value: str, features: set[str]) -> None:
    (upstream,) = read(A_BASE_URL=URL, A_FEATURES=value)

    assert upstream.features == features
    assert OpenAIAdapter(upstream).features_of("any") == features


@pytest.mark.parametrize(
    ("value", "advice"),
    [
        ("tool", "'tool' is no feature, but 'tools' is."),
        ("seed,json-schema", "'json-schema' is no feature, but 'json_schema' is."),
        ("SEED", "'SEED' is no feature, write all, none, or of tools, custom_tools, "),
        ("none,seed", "'none' is no feature, write all, none, or of tools, custom_tools, "),
        (",", "',' is no feature, write all, none, or of tools, custom_tools, "),
    ],
)
def test_what_is_no_feature_is_told_with_what_would_do(value: str, advice: str) -> None:
    message = refusal(A_BASE_URL=URL, A_FEATURES=value)

    assert message.startswith(f"VENEER_OPENAI_A_FEATURES={value!r} is no good: {advice}")


def test_a_model_that_is_named_twice_is_served_once() -> None:
    (upstream,) = read(A_BASE_URL=URL, A_MODELS="b,a,b")

    assert upstream.models == ("b", "a")


def test_an_empty_variable_counts_as_not_set() -> None:
    assert read(A_BASE_URL="", A_API_KEY="") == []


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"A_API_KEY": "sk-secret"}, "VENEER_OPENAI_A_API_KEY"),
        ({"A_BASE_URL": URL, "A_APIKEY": "sk-secret"}, "VENEER_OPENAI_A_APIKEY"),
        ({"A_BASE_URL": URL, "B_TIMEOUT_SECONDS": "1"}, "VENEER_OPENAI_B_TIMEOUT_SECONDS"),
        ({"BASE_URL": URL}, "VENEER_OPENAI_BASE_URL"),
        ({"a_BASE_URL": URL}, "VENEER_OPENAI_a_BASE_URL"),
        ({"A-B_BASE_URL": URL}, "VENEER_OPENAI_A-B_BASE_URL"),
        ({"A__B_BASE_URL": URL}, "VENEER_OPENAI_A__B_BASE_URL"),
    ],
)
def test_a_variable_of_no_upstream_is_named_with_what_would_do(
    variables: dict[str, str], named: str
) -> None:
    message = refusal(**variables)

    assert message.startswith(f"{named} belongs to no upstream.")
    assert "VENEER_OPENAI_<NAME>_BASE_URL" in message
    assert "secret" not in message


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("MODELS", ","),
        ("TIMEOUT_SECONDS", "0"),
        ("TIMEOUT_SECONDS", "ten"),
        ("CONNECT_TIMEOUT_SECONDS", "nan"),
        ("MAX_CONNECTIONS", "0"),
        ("MAX_CONNECTIONS", "1.5"),
        ("MODELS_CACHE_SECONDS", "-1"),
        ("MODELS_TIMEOUT_SECONDS", "inf"),
    ],
)
def test_a_malformed_variable_is_named_with_its_value(variable: str, value: str) -> None:
    message = refusal(**{"A_BASE_URL": URL, f"A_{variable}": value})

    assert message.startswith(f"VENEER_OPENAI_A_{variable}={value!r} is no good: ")


@pytest.mark.parametrize(
    "url",
    [
        "localhost:8000/v1",
        "ftp://localhost/v1",
        "http://",
        "http:///v1",
        "http://user:secret@localhost/v1",
        "http://localhost/v1?key=secret",
        "http://localhost/v1#secret",
        "http://[::1/secret",
        "http://localhost:secret",
        "http://localhost:99999/v1",
        "http://localhost:0/v1",
        "http://localhost/v 1",
        "http://localhost/v1/chat/completions",
        "http://localhost/v1/completions/",
    ],
)
def test_a_base_url_is_refused_unseen_if_it_is_none_or_holds_more(url: str) -> None:
    message = refusal(A_BASE_URL=url)

    assert message == (
        "VENEER_OPENAI_A_BASE_URL is no good: write it as http://host:8000/v1, and a key into "
        "API_KEY."
    )


@pytest.mark.parametrize("key", ["sk secret", "sk-secret\n", "sk-secret\u00fc"])
def test_a_key_that_no_header_can_hold_is_refused_unseen(key: str) -> None:
    message = refusal(A_BASE_URL=URL, A_API_KEY=key)

    assert "VENEER_OPENAI_A_API_KEY is no good: " in message
    assert "secret" not in message


def test_a_key_is_not_shown_by_repr() -> None:
    (upstream,) = read(A_BASE_URL=URL, A_API_KEY="sk-secret")

    assert "secret" not in repr(upstream)


def test_blanks_around_a_base_url_are_no_part_of_it() -> None:
    assert read(A_BASE_URL=f" {URL}\t") == [Upstream(name="a", base_url=URL)]


def test_an_upstream_made_by_hand_shows_no_password_when_it_is_refused() -> None:
    with pytest.raises(ValidationError) as refused:
        Upstream(name="a", base_url="http://user:secret@localhost/v1")

    assert "secret" not in str(refused.value)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Upstream(name="a", base_url=URL).max_connections = 1
