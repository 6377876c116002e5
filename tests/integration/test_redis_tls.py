"""Redis over TLS, with a password and a database number: REDIS_URL=rediss://…"""

from __future__ import annotations

from pathlib import Path

import pytest

from app import settings
from app.settings import SettingsError
from tests.integration.conftest import LONG_REDIS_TIMEOUT, until_redis_is_connected
from tests.support.certificate import self_signed
from tests.support.client import call, register
from tests.support.redis_server import RedisServer
from tests.support.server import command, free_port, serving


def test_redis_is_used_over_tls_with_its_password_and_database(tmp_path: Path) -> None:
    key, made = self_signed(tmp_path)
    port = free_port()
    tls = [
        "--tls-port",
        str(port),
        "--tls-cert-file",
        str(made),
        "--tls-key-file",
        str(key),
        "--tls-ca-cert-file",
        str(made),
    ]
    redis = RedisServer(tmp_path / "redis", *tls, "--tls-auth-clients", "no", "--requirepass", "hunter2")
    url = f"rediss://:hunter2@127.0.0.1:{port}/3?ssl_ca_certs={made}"
    try:
        redis.start()
        with serving(tmp_path / "data", {"REDIS_URL": url, **LONG_REDIS_TIMEOUT}) as server:
            until_redis_is_connected(server)
            ada = register(server.url)
            room = ada.make_room()["id"]
            for _ in range(2):
                ada.call("GET", "/messages", roomId=room)
            assert call(server.url, "GET", "/health/cache").json["status"] == "healthy"
            assert call(server.url, "GET", "/metrics/cache").json["kinds"]["page"]["hits"] == 1
            assert "hunter2" not in server.log()
        run = command("check", env={"DATA_DIR": str(tmp_path / "data"), "REDIS_URL": url.replace("hunter2", "wrong")})
        assert "FAIL redis: the password is refused" in run.stdout
        unknown = f"rediss://:hunter2@127.0.0.1:{port}/3"
        run = command("check", env={"DATA_DIR": str(tmp_path / "data"), "REDIS_URL": unknown})
        assert "FAIL redis: " in run.stdout, "a certificate that nobody vouches for is not accepted"
        assert "hunter2" not in run.stdout + run.stderr
    finally:
        redis.stop()


def test_a_redis_url_that_cannot_be_one_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        settings.load({}, {"DATA_DIR": str(tmp_path / "data"), "REDIS_URL": "redis://:hunter2@127.0.0.1:x/0"})
    assert str(refused.value).startswith("REDIS_URL: ")
    assert str(refused.value).isprintable()
    assert "hunter2" not in str(refused.value)
