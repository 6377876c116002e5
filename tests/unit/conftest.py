"""Fixtures of the unit tests of several packages: redis-servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.redis_connection import redis_bounds
from tests.support.redis_proxy import PATIENT_S
from tests.support.redis_server import RedisServer, running_redis


@pytest.fixture(scope="module")
def module_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give clients PATIENT_S to connect, however long the machine stalls."""
    monkeypatch.setattr(redis_bounds, "CONNECT_WITHIN_S", PATIENT_S)


@pytest.fixture
def redis(module_redis: RedisServer, patient: None) -> RedisServer:
    """An empty redis-server that the tests of a module share. A test must not stop or damage it."""
    assert module_redis.ask("FLUSHALL") == b"+OK\r\n"
    return module_redis


@pytest.fixture
def own_redis(tmp_path: Path, patient: None) -> Iterator[RedisServer]:
    """A redis-server for one test, which may stop it."""
    with running_redis(tmp_path / "redis") as server:
        yield server
