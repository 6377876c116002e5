"""Flags: what argparse takes from a command line, what is left to commands, and what must not stand there."""

from __future__ import annotations

import pytest

from app.commands.flags import Flag, parse
from app.settings import SettingsError, url_kind


@pytest.mark.parametrize("arguments", [["--port"], ["--port", "--log-level=info"], ["--port", "-p"]])
def test_a_flag_without_a_value_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SettingsError, match=r"^--port: expected one argument$"):
        parse(arguments)


@pytest.mark.parametrize("arguments", [["--colour", "red"], ["--por", "80"], ["-p", "1"], ["--colour=red"], ["-p=1"]])
def test_an_unknown_flag_is_named_without_its_value_and_never_taken_for_a_longer_one(arguments: list[str]) -> None:
    line = parse(arguments)
    assert line.unknown_flags == [arguments[0].partition("=")[0]]
    assert line.settings == line.own == {}


def test_flags_stand_anywhere_before_a_double_hyphen_and_the_last_of_two_wins() -> None:
    line = parse(["--port=1", "user", "--data-dir", "a b", "create", "-", "--port", "2", "--", "--port", "-x"])
    assert line.settings == {"PORT": "2", "DATA_DIR": "a b"}
    assert line.words == ["user", "create", "-", "--port", "-x"]
    assert not line.wants_help


@pytest.mark.parametrize("arguments", [["--help"], ["serve", "-h"], ["--nonsense", "--help", "--port=1"]])
def test_help_may_stand_beside_anything(arguments: list[str]) -> None:
    assert parse(arguments).wants_help


def test_a_flag_of_one_command_is_parsed_as_its_kind_says() -> None:
    url = Flag("--url", url_kind("http"), "where a server runs")
    assert parse(["--url", " http://h:1 "], [url]).own == {"--url": "http://h:1"}
    with pytest.raises(SettingsError, match=r"^--url: 'h:1' is not valid; it takes a URL beginning with http://$"):
        parse(["--url", "h:1"], [url])


@pytest.mark.parametrize("name", ["JWT_SECRET", "JWT_SECRET_PREVIOUS", "REDIS_PASSWORD"])
def test_what_the_list_of_processes_must_not_show_has_no_flag(name: str) -> None:
    with pytest.raises(SettingsError, match=rf"^--\S+: there is no such flag.* {name} or {name}_FILE$") as refused:
        parse([f"--{name.lower().replace('_', '-')}", "hunter2" * 8])
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MONGO_URI", "mongodb://ada:hunter2@h/"), ("MONGO_URI", "mongodb://ada:hun/ter2@h/"), ("REDIS_URL", "redis://:hunter2@h/0"),
        ("MONGO_URI", "mongodb://h/?tlsCertificateKeyFilePassword=hunter2"), ("REDIS_URL", "redis://h/0?password=hunter2"),
        ("ALERT_WEBHOOK_URL", "https://ada:hunter2@h/"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://ada:hunter2@h:nonsense"),
    ],
)  # fmt: skip
def test_a_url_with_a_password_is_refused_as_a_flag(name: str, value: str) -> None:
    for arguments in ([f"--{name.lower().replace('_', '-')}", value], [f"--{name.lower().replace('_', '-')}={value}"]):
        with pytest.raises(SettingsError, match=rf"^--\S+: a URL with a password .* {name}") as refused:
            parse(arguments)
        assert "ter2" not in str(refused.value)
