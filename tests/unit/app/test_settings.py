"""Settings: each variable and its flag, the contract's defaults, and one line for what does not parse."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from app.commands.flags import parse
from app.settings import TABLE, SettingsError, changed, load, redacted
from limits.limit_policy import Policy

# The contract's table, word for word: variable → default as it reads there.
CONTRACT = {
    "HOST": "127.0.0.1", "PORT": "8000", "DATA_DIR": "./data", "MONGO_DB_NAME": "chat-rooms",
    "MONGO_MAX_POOL_SIZE": "10",
    "MONGO_MIN_POOL_SIZE": "5", "MONGO_MAX_IDLE_TIME": "30000", "MONGO_SOCKET_TIMEOUT": "45000",
    "MONGO_WAIT_QUEUE_TIMEOUT": "5000",
    "MONGO_SERVER_SELECTION_TIMEOUT": "5000", "MONGO_WRITE_CONCERN": "majority", "STORE_TIMEOUT": "5000",
    "REDIS_PORT": "6379",
    "REDIS_DB": "0", "REDIS_TIMEOUT": "250", "CACHE_ENABLED": "true", "CACHE_TTL_MESSAGES": "1800",
    "CACHE_TTL_USERS": "300",
    "CACHE_TTL_STATS": "600", "RATE_LIMIT_ENABLED": "true", "RATE_LIMIT_ALGORITHM": "token_bucket",
    "RATE_LIMIT_ADAPTIVE": "true",
    "RATE_LIMIT_FAIL_CLOSED": "false", "RATE_LIMIT_MESSAGES": "100/60", "RATE_LIMIT_API": "1000/3600",
    "RATE_LIMIT_AUTH": "10/300",
    "RATE_LIMIT_JOINS": "60/60", "RATE_LIMIT_RESUMES": "600/60", "RATE_LIMIT_FILES": "3000/600",
    "RATE_LIMIT_ROOMS": "20/3600", "RATE_LIMIT_REACTIONS": "100/60", "RATE_LIMIT_TYPING": "60/60",
    "RATE_LIMIT_SEARCH": "60/60", "RATE_LIMIT_UPLOADS": "30/3600", "RATE_LIMIT_UPLOAD_BYTES": "104857600/3600",
    "RATE_LIMIT_CONNECTS": "600/60", "RATE_LIMIT_ANONYMOUS": "300/60", "RATE_LIMIT_FRAMES": "6000/60",
    "WS_MAX_CONNECTIONS": "10000",
    "WS_MAX_CONNECTIONS_PER_USER": "5", "WS_PING_INTERVAL": "25", "WS_PING_TIMEOUT": "20", "WS_CLEANUP_INTERVAL": "300",
    "WS_MAX_MESSAGE_BYTES": "65536", "WS_OUTBOX_MAX_BYTES": "1048576", "WS_OUTBOX_TOTAL_BYTES": "268435456",
    "WS_COMPRESSION": "false", "WS_COALESCE": "true", "STORE_GROUP_COMMIT": "true",
    "ENABLE_PERFORMANCE_MONITORING": "true",
    "MONITOR_INTERVAL": "5", "MONITOR_RETENTION_DAYS": "0", "ALERT_CPU_THRESHOLD": "80", "ALERT_MEMORY_THRESHOLD": "85",
    "ALERT_CONNECTIONS_THRESHOLD": "5000", "ALERT_SLOW_QUERY_MS": "1000", "ALERT_CACHE_MISS_THRESHOLD": "20",
    "ALERT_POOL_THRESHOLD": "90", "METRICS_ALLOW": "127.0.0.0/8,::1", "JWT_EXPIRES_IN": "900",
    "JWT_REFRESH_EXPIRES_IN": "604800",
    "JWT_SESSION_MAX": "7776000", "REGISTRATION": "open",
    "MAX_FILE_SIZE": "5242880", "FILE_QUOTA_PER_USER": "1073741824",
    "ALLOWED_FILE_TYPES": "image/jpeg,image/png,image/gif,image/webp,"
    "application/pdf,text/plain",
    "TRUSTED_PROXIES": "127.0.0.1,::1", "LOG_FORMAT": "text", "LOG_LEVEL": "info",
}  # fmt: skip
UNSET = {
    "MONGO_URI", "REDIS_HOST", "REDIS_PASSWORD", "REDIS_URL", "RATE_LIMIT_WHITELIST_FILE", "ALERT_WEBHOOK_URL",
    "JWT_SECRET",
    "JWT_SECRET_PREVIOUS", "OTEL_EXPORTER_OTLP_ENDPOINT", "RATE_LIMIT_WHITELIST", "ADMIN_USERS", "CORS_ORIGINS",
    "METRICS_HOSTS",
}  # fmt: skip


NO_FLAG = {"JWT_SECRET", "JWT_SECRET_PREVIOUS", "REDIS_PASSWORD"}
BY_FILE = {*NO_FLAG, "MONGO_URI", "REDIS_URL", "ALERT_WEBHOOK_URL"}


def test_the_table_is_the_contracts() -> None:
    assert {row.name: row.default for row in TABLE if row.default} == CONTRACT
    assert {row.name for row in TABLE if not row.default} == UNSET


def test_a_flag_wins_over_its_variable_and_an_empty_text_is_unset() -> None:
    flags = parse(["--port", "8001", "--log-format=json"]).settings
    settings = load(flags, {"PORT": "9000", "LOG_LEVEL": "", "RATE_LIMIT_AUTH": "off"})
    assert settings.server.port == 8001
    assert settings.log.format == "json"
    assert settings.log.level == "info"
    assert settings.limits.policies["auth"] is None
    assert settings.limits.policies["messages"] == Policy(100, 60)
    assert settings.server.data_dir == Path("data")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"), ("PORT", "65536"), ("PORT", "http"), ("PORT", "80.5"), ("HOST", " "), ("DATA_DIR", "a\nb"),
        ("CACHE_ENABLED", "maybe"), ("CACHE_TTL_USERS", "-1"), ("RATE_LIMIT_MESSAGES", "100"),
        ("RATE_LIMIT_MESSAGES", "0/60"),
        ("RATE_LIMIT_MESSAGES", "100/0"), ("RATE_LIMIT_MESSAGES", "-1/60"), ("RATE_LIMIT_MESSAGES", "100/60/2"),
        ("RATE_LIMIT_ALGORITHM", "leaky"), ("WS_PING_INTERVAL", "nan"), ("WS_PING_INTERVAL", "inf"),
        ("WS_PING_TIMEOUT", "0"),
        ("METRICS_ALLOW", "localhost"), ("TRUSTED_PROXIES", "10.0.0.0/33"), ("CORS_ORIGINS", "chat.example.com"),
        ("MONGO_URI", "http://x"), ("REDIS_URL", "localhost:6379"), ("MONGO_WRITE_CONCERN", "some"),
        ("LOG_LEVEL", "loud"),
        ("ALLOWED_FILE_TYPES", "png"), ("ALLOWED_FILE_TYPES", "/"), ("ALLOWED_FILE_TYPES", "image/"),
        ("ALLOWED_FILE_TYPES", "/png"),
        ("ALLOWED_FILE_TYPES", "image/png, a b/c"), ("ALLOWED_FILE_TYPES", "image/png;q=1"),
        ("ALLOWED_FILE_TYPES", "image/pñg"),
        ("ALLOWED_FILE_TYPES", "image/png,image/svg+xml"), ("ALLOWED_FILE_TYPES", "video/mp4"),
        ("ALLOWED_FILE_TYPES", "a/b/c"), ("ALERT_CPU_THRESHOLD", "high"), ("ALERT_MEMORY_THRESHOLD", "101"),
        ("MONGO_MIN_POOL_SIZE", "11"), ("WS_OUTBOX_TOTAL_BYTES", "1023"),
        ("HOST", "127.0.0.256"), ("HOST", "[::1]"), ("HOST", "127.0.0.1:80"), ("HOST", "*"),
        ("HOST", "chat..example"), ("HOST", "a" * 64),
        ("HOST", "::1::"), ("HOST", "http://h"), ("REDIS_HOST", "redis://h"), ("REDIS_HOST", "a b"),
        ("REDIS_HOST", "h:6379"),
        ("REDIS_URL", "redis://h:notaport/0"), ("REDIS_URL", "redis://h:70000/0"), ("REDIS_URL", "redis://h:0/0"),
        ("REDIS_URL", "redis://h/first"), ("REDIS_URL", "redis://h/0/1"), ("REDIS_URL", "redis://h/-1"), ("REDIS_URL", "redis:///0"),
        ("REDIS_URL", "redis://h/²"), ("REDIS_URL", "redis://h/0#1"), ("REDIS_URL", "redis://[::1/0"), ("REDIS_URL", "redis://1.2.3.256/0"),
        ("ALERT_WEBHOOK_URL", "http://h:notaport/"), ("ALERT_WEBHOOK_URL", "http://h:99999/"), ("ALERT_WEBHOOK_URL", "http:///x"),
        ("ALERT_WEBHOOK_URL", "http://ho st/"), ("ALERT_WEBHOOK_URL", "https://h:0/"), ("ALERT_WEBHOOK_URL", "http://[::1/"),
        ("REDIS_URL", "redis://h/0?colour=red"), ("REDIS_URL", "redis://h?db=first"), ("REDIS_URL", "redis://h/0?db=1"),
        ("REDIS_URL", "redis://h?socket_timeout=5"), ("REDIS_URL", "redis://h?ssl_ca_certs=/x"), ("REDIS_URL", "rediss://h?ssl_cert_reqs=no"),
        ("REDIS_URL", "redis://h?decode_responses=1"), ("REDIS_URL", "redis://h?db=1&db=2"), ("REDIS_URL", "redis://h?socket_keepalive=si"),
        ("MONGO_URI", "mongodb://a..b/"), ("MONGO_URI", "mongodb://a,b:x/"), ("MONGO_URI", "mongodb://a,b:70000"),
        ("MONGO_URI", "mongodb://a,/"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://h:99999"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a_b.-c/"),
        ("MONGO_URI", "mongodb://"), ("MONGO_URI", "mongodb://a b/"), ("MONGO_DB_NAME", "a.b"),
        ("MONGO_DB_NAME", "é" * 32),
        ("METRICS_ALLOW", "10.0.0.0/33"), ("METRICS_ALLOW", "10.0.0"),
        ("ADMIN_USERS", "ada lovelace"), ("ADMIN_USERS", "x"), ("ADMIN_USERS", "10.0.0.0/8"),
        ("PORT", "²"), ("PORT", "8_000"), ("PORT", "٣٠٠٠"),
        ("PORT", "+80"), ("PORT", " 80"), ("PORT", "-1"), ("WS_PING_INTERVAL", "1_0"), ("WS_PING_INTERVAL", "1e1"),
        ("WS_PING_INTERVAL", "infinity"), ("WS_PING_INTERVAL", "٣"), ("MONGO_WRITE_CONCERN", "²"),
        ("RATE_LIMIT_MESSAGES", "١٠/60"), ("RATE_LIMIT_MESSAGES", "1_0/60"),
        ("METRICS_HOSTS", "*.example"), ("METRICS_HOSTS", "a/b"), ("METRICS_HOSTS", "höst"), ("METRICS_HOSTS", "https://a"),
        *(("CORS_ORIGINS", origin) for origin in (
            "https://a/path", "https://a?q", "https://a#f", "https://u@a", "https://a:99999", "https://a:x", "https://a:",
            "https://a:0", "https://ä.example", "https://*.example", "https://", "https://:80", "null", "//a",
            "ftp://a", "https://a b",
            "https://a,https://b/c", "https://999.1.1.1", "https://[::1", "https://-a", "https://a..b", "https://a//",
        )),
    ],
)  # fmt: skip
def test_a_bad_value_is_refused_in_one_line_that_names_it_and_what_it_takes(name: str, value: str) -> None:
    for arguments, environment in (([], {name: value}), ([f"--{name.lower().replace('_', '-')}={value}"], {})):
        with pytest.raises(SettingsError) as refused:
            load(parse(arguments).settings, environment)
        line = str(refused.value)
        assert line.startswith(f"{name}: ")
        assert "it takes" in line
        assert "\n" not in line


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOST", "::"), ("HOST", "::1"), ("HOST", "localhost"), ("HOST", "chat.example.com."),
        ("HOST", "bücher.example"),
        ("REDIS_HOST", "redis_1"), ("REDIS_URL", "rediss://h?ssl_cert_reqs=none&"
         "client_name=x&ssl_ca_certs=/a"), ("REDIS_URL", "redis://[::1]:6379/15"),
        ("ALERT_WEBHOOK_URL", "http://[::1]:9/"), ("ALERT_WEBHOOK_URL", "https://h:8443/a/b@c?d=e"),
        ("RATE_LIMIT_WHITELIST", "robot,10.0.0.0/8"), ("RATE_LIMIT_WHITELIST", ""), ("ADMIN_USERS", "ada, bob.b-b_b"),
        ("ALERT_WEBHOOK_URL", "http://h:1/a@b"), ("MONGO_DB_NAME", "chat-rooms_2"),
    ],
)  # fmt: skip
def test_a_value_that_can_be_one_is_taken_as_flag_and_as_variable(name: str, value: str) -> None:
    flag = f"--{name.lower().replace('_', '-')}={value}"
    assert redacted(load(parse([flag]).settings, {})) == redacted(load({}, {name: value}))


@pytest.mark.parametrize("name", sorted(BY_FILE))
def test_a_secret_may_come_in_a_file(tmp_path: Path, name: str) -> None:
    value = {"MONGO_URI": "mongodb://u:p@h/", "REDIS_URL": "redis://:p@h/0", "ALERT_WEBHOOK_URL": "https://h/t"}.get(
        name, " s" * 20
    )
    (tmp_path / "secret").write_text(value + "\n")
    jwt = {"JWT_SECRET": "s" * 32} if name == "MONGO_URI" else {}
    settings = load({}, {f"{name}_FILE": str(tmp_path / "secret"), **jwt})
    assert settings == replace(load({}, {name: value, **jwt}), secret_files=settings.secret_files)
    assert settings.secret_files == {f"{name}_FILE": tmp_path / "secret"}
    assert value not in repr(settings)
    with pytest.raises(SettingsError, match=rf"^{name}_FILE: is not valid beside {name}"):
        load({}, {f"{name}_FILE": str(tmp_path / "secret"), name: value, **jwt})
    load({}, {f"{name}_FILE": str(tmp_path / "secret"), name: "", **jwt})


def test_of_a_secret_file_only_the_last_newline_is_not_the_secret(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    long = " x" * 20 + " "
    for end, kept in (("", ""), ("\n", ""), ("\r\n", ""), ("\n\n", "\n")):
        file.write_bytes((long + end).encode())
        assert load({}, {"JWT_SECRET_FILE": str(file)}).auth.jwt_secret == long + kept


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "empty"), (b"\n", "empty"), (b"x" * 65_537, "too long"), (b"\xff" * 40, "not UTF-8"),
        (b"hunter2", "what is in"),
        (None, "No such file"),
    ],
)  # fmt: skip
def test_a_secret_file_that_cannot_be_one_is_one_line_without_what_is_in_it(
    tmp_path: Path, content: bytes | None, why: str
) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    with pytest.raises(SettingsError, match=r"^JWT_SECRET_FILE: ") as refused:
        load({}, {"JWT_SECRET_FILE": str(tmp_path / "secret")})
    line = str(refused.value)
    assert why in line
    assert "it takes" in line
    assert "hunter2" not in line
    assert "\n" not in line


def test_a_pipe_or_a_folder_is_no_secret_file_and_holds_up_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(SettingsError, match=r"^JWT_SECRET_FILE: .*not a regular file"):
            load({}, {"JWT_SECRET_FILE": str(path)})


def test_a_misspelt_limit_is_refused_rather_than_ignored() -> None:
    with pytest.raises(SettingsError, match=r"^RATE_LIMIT_MESAGES: no such limit"):
        load({}, {"RATE_LIMIT_MESAGES": "1/1"})


def test_a_secret_never_shows() -> None:
    secret = "s" * 40
    with pytest.raises(SettingsError) as refused:
        load({}, {"JWT_SECRET": "too-short-to-tell"})
    assert "too-short" not in str(refused.value)
    settings = load({}, {"JWT_SECRET": secret, "REDIS_PASSWORD": "hidden-one", "REDIS_HOST": "h"})
    shown = str(redacted(settings)) + str(changed(settings))
    assert secret not in shown
    assert "hidden-one" not in shown
    assert secret not in repr(settings)
    assert "hidden-one" not in repr(settings)


def test_mongo_needs_a_secret_that_all_processes_share() -> None:
    with pytest.raises(SettingsError, match=r"^JWT_SECRET"):
        load({}, {"MONGO_URI": "mongodb://localhost/"})


def test_origins_are_kept_as_browsers_write_them() -> None:
    given = "HTTPS://Chat.Example:443/, http://localhost:3000,*,https://[2001:DB8::1]:8443"
    kept = load({}, {"CORS_ORIGINS": given}).server.cors_origins
    assert kept == ("https://chat.example", "http://localhost:3000", "*", "https://[2001:db8::1]:8443")


def test_hosts_are_kept_without_port_and_case() -> None:
    assert load({}, {"METRICS_HOSTS": "Chat.Example:8000, prometheus."}).monitor.metrics_hosts == (
        "chat.example",
        "prometheus",
    )
