"""Environment to settings."""

import pytest
from pydantic import ValidationError

from veneer_gateway import Settings, SettingsError
from veneer_gateway.settings import misspelt


def test_an_empty_environment_gives_the_defaults_of_the_founding_document() -> None:
    settings = Settings.from_environment({})

    assert (settings.host, settings.port, settings.log_level) == ("0.0.0.0", 3000, "info")


def test_every_setting_has_its_variable() -> None:
    settings = Settings.from_environment(
        {
            "HOST": "::1",
            "PORT": "8080",
            "LOG_LEVEL": "DEBUG",
            "VENEER_CORS_ORIGINS": "https://app.example, http://localhost:5173,tauri://localhost,",
            "VENEER_MAX_BODY_BYTES": "10",
            "VENEER_MAX_HEADER_BYTES": "2048",
            "VENEER_MAX_ANSWER_BYTES": "11",
            "VENEER_STARTUP_TIMEOUT_SECONDS": "7",
            "VENEER_MODELS_TIMEOUT_SECONDS": "0.5",
            "VENEER_SHUTDOWN_DELAY_SECONDS": "3",
            "VENEER_DRAIN_SECONDS": "0",
        }
    )

    assert settings == Settings(
        host="::1",
        port=8080,
        log_level="debug",
        cors_origins=("https://app.example", "http://localhost:5173", "tauri://localhost"),
        max_body_bytes=10,
        max_header_bytes=2048,
        max_answer_bytes=11,
        startup_timeout_seconds=7,
        models_timeout_seconds=0.5,
        shutdown_delay_seconds=3,
        drain_seconds=0,
    )


@pytest.mark.parametrize(
    ("given", "level"),
    [("warn", "warning"), ("fatal", "critical"), ("trace", "debug"), ("silent", "off")],
)
def test_levels_have_the_names_of_the_node_ancestor_too(given: str, level: str) -> None:
    assert Settings.from_environment({"LOG_LEVEL": given}).log_level == level


def test_an_empty_variable_counts_as_not_set() -> None:
    assert Settings.from_environment({"PORT": ""}).port == 3000


def test_what_belongs_to_others_is_left_alone() -> None:
    environment = {"VENEER_ACME_URL": "x", "VENEER_ACME_TIMEOUT_SECONDS": "3", "PORTS": "1"}

    assert Settings.from_environment(environment) == Settings()
    assert misspelt(environment | {"VENEER_WORKERS": "1"}) == {}


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("VENEER_WORKER", "VENEER_WORKERS"),
        ("VENEER_CORS_ORIGIN", "VENEER_CORS_ORIGINS"),
        ("VENEER_DRAIN_SECOND", "VENEER_DRAIN_SECONDS"),
        ("VENEER_PORT", "PORT"),
        ("VENEER_LOG_LEVEL", "LOG_LEVEL"),
    ],
)
def test_what_is_misspelt_is_told(name: str, meant: str) -> None:
    assert misspelt({name: "1"}) == {name: meant}


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PORT", "http"),
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("LOG_LEVEL", "loud"),
        ("VENEER_CORS_ORIGINS", "https://app.example/"),
        ("VENEER_CORS_ORIGINS", "https://App.example"),
        ("VENEER_CORS_ORIGINS", "https://app.example:443"),
        ("VENEER_CORS_ORIGINS", "https://*.example"),
        ("VENEER_CORS_ORIGINS", "app.example"),
        ("VENEER_CORS_ORIGINS", "null"),
        ("VENEER_CORS_ORIGINS", "*,https://app.example"),
        ("VENEER_MAX_BODY_BYTES", "0"),
        ("VENEER_MAX_BODY_BYTES", "16MB"),
        ("VENEER_SHUTDOWN_DELAY_SECONDS", "-1"),
        ("VENEER_MAX_HEADER_BYTES", "1023"),
        ("VENEER_MAX_ANSWER_BYTES", "0"),
        ("VENEER_DRAIN_SECONDS", "-1"),
        ("VENEER_DRAIN_SECONDS", "nan"),
        ("VENEER_MODELS_TIMEOUT_SECONDS", "inf"),
    ],
)
def test_a_malformed_variable_is_named_with_its_value(variable: str, value: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        Settings.from_environment({variable: value})

    assert f"{variable}={value!r}" in str(refusal.value)


def test_an_origin_that_no_browser_has_is_told_with_one_that_it_has() -> None:
    with pytest.raises(
        SettingsError, match=r"'https://b\.example/' is no origin; .* such as 'https"
    ):
        Settings.from_environment({"VENEER_CORS_ORIGINS": "https://a.example,https://b.example/"})


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError):
        Settings().port = 1
