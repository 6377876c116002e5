"""Routes for operators, and who may read them: /health/database, /health/cache, /metrics/cache."""

from __future__ import annotations

import time

from tests.integration.conftest import Start, embedded
from tests.support.accounts import create_account
from tests.support.client import call, register
from tests.support.server import ServerProcess


def test_a_healthy_database_is_told_with_each_check(server: ServerProcess) -> None:
    reply = call(server.url, "GET", "/health/database")
    assert (reply.status, reply.json["status"]) == (200, "healthy")
    checks = reply.json["checks"]
    assert {"reachable", "latencyMs", "poolPercent", "poolWaiting", "queuePercent", "wrongIndexes"} <= set(checks)
    assert all(set(check) == {"status", "value", "threshold"} for check in checks.values())
    assert 0 < reply.json["latencyMs"] == checks["latencyMs"]["value"] < checks["latencyMs"]["threshold"] == 1000
    assert call(server.url, "HEAD", "/health/database").status == 200


@embedded
def test_strangers_are_refused_the_details_and_get_liveness_and_readiness(server: ServerProcess) -> None:
    stranger = {"X-Forwarded-For": "203.0.113.9"}
    refused = call(server.url, "GET", "/health/database", headers=stranger)
    assert (refused.status, refused.code) == (403, "forbidden")
    somebody = register(server.url)
    for token in (somebody.access_token, "nonsense"):
        assert call(server.url, "GET", "/health/database", token=token, headers=stranger).code == "forbidden"
    for path in ("/health", "/health/ready"):
        assert call(server.url, "GET", path, headers=stranger).status == 200


@embedded
def test_an_administrators_token_opens_them_from_anywhere(start: Start) -> None:
    server = start(ADMIN_USERS="boss, other", METRICS_ALLOW="192.0.2.0/24")
    boss, eve = create_account(server, "Boss"), register(server.url)
    assert call(server.url, "GET", "/health/database", token=boss.access_token).status == 200
    assert call(server.url, "GET", "/health/database", token=eve.access_token).code == "forbidden"
    assert call(server.url, "GET", "/health/database").code == "forbidden"
    assert call(server.url, "GET", "/health/database", headers={"X-Forwarded-For": "192.0.2.7"}).status == 200


@embedded
def test_a_forged_address_opens_nothing(start: Start) -> None:
    server = start(METRICS_ALLOW="192.0.2.0/24", TRUSTED_PROXIES="198.51.100.1")
    for forged in ("192.0.2.7", "192.0.2.7, 127.0.0.1", "192.0.2.7, 198.51.100.1"):
        assert call(server.url, "GET", "/health/database", headers={"X-Forwarded-For": forged}).status == 403


@embedded
def test_however_many_ask_it_is_looked_at_once_a_second(server: ServerProcess) -> None:
    began = time.monotonic()
    values = {call(server.url, "GET", "/health/database").json["latencyMs"] for _ in range(100)}
    assert len(values) <= (time.monotonic() - began) + 2


@embedded
def test_the_cache_of_one_process_is_told_of(server: ServerProcess) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    before = call(server.url, "GET", "/metrics/cache").json["kinds"].get("page", {"hits": 0, "misses": 0})
    for _ in range(3):
        ada.call("GET", "/messages", roomId=room)
    shown = call(server.url, "GET", "/metrics/cache").json
    page = shown["kinds"]["page"]
    assert (page["hits"] - before["hits"], page["misses"] - before["misses"]) == (2, 1)
    assert shown["backend"]["backend"] == "memory"
    assert not shown["busLost"]
    reply = call(server.url, "GET", "/health/cache")
    assert (reply.status, reply.json["checks"]["reachable"]["status"]) == (200, "healthy")
    stranger = {"X-Forwarded-For": "203.0.113.9"}
    for path in ("/health/cache", "/metrics/cache"):
        assert call(server.url, "GET", path, headers=stranger).code == "forbidden"
