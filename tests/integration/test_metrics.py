"""The server's counts agree with its clients', its loop metrics show what was done to it, and only operators may read
them.
"""

from __future__ import annotations

import asyncio
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from os import kill
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from monitor.histogram import LATENCY_S, Histogram, merged
from tests.integration.conftest import LONG_REDIS_TIMEOUT, Start, StoreEnv, embedded
from tests.support.accounts import create_account
from tests.support.client import ChatConnection, CommandRefused, call, chat, register
from tests.support.raw_websocket_client import RawWebSocket
from tests.support.redis_server import RedisServer
from tests.support.server import ServerProcess, serving
from tests.support.waiting import until

pytestmark = embedded
PAGES = ("performance", "database", "websocket", "cache")
STRANGER = {"X-Forwarded-For": "203.0.113.9"}

Scrape = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scrape(url: str) -> Scrape:
    """The samples of /metrics by name and labels."""
    reply = call(url, "GET", "/metrics")
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(reply.body.decode())
        for sample in family.samples
    }


def value(scraped: Scrape, metric: str, **labels: str) -> float:
    return scraped.get((metric, tuple(sorted(labels.items()))), 0.0)


def page(url: str, name: str, **query: str) -> dict:
    reply = call(url, "GET", f"/metrics/{name}", **query)
    assert reply.status == 200, reply.body
    return reply.json


def received_count(one: ChatConnection) -> int:
    return len(one.named("receiveMessage"))


@pytest.mark.gen_test
async def test_counters_agree_exactly_with_what_clients_counted(server: ServerProcess) -> None:
    people = [register(server.url) for _ in range(4)]
    room = people[0].make_room()["id"]
    before = scrape(server.url)
    accepted: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    joined_late = asyncio.Event()

    async def write(one: ChatConnection, count: int, name: str) -> None:
        for number in range(count):
            await one.command("sendMessage", roomId=room, content=f"text {number}", clientId=f"{name}-{number}")
            accepted["ws"] += 1
            if number == count // 2:
                joined_late.set()

    async with (
        chat(server.ws_url, people[0]) as a,
        chat(server.ws_url, people[1]) as b,
        chat(server.ws_url, people[2]) as late,
    ):
        for one in (a, b):
            await one.command("joinRoom", roomId=room)

        async def join_late() -> int:
            await joined_late.wait()
            return len((await late.command("joinRoom", roomId=room, since=0))["missed"])

        async def post() -> None:
            people[3].join(room)
            for number in range(12):
                await asyncio.to_thread(people[3].post, room, f"by REST {number}", clientId=f"rest-{number}")
                accepted["rest"] += 1

        *_, missed = await asyncio.gather(write(a, 40, "a"), write(b, 40, "b"), post(), join_late())
        sent = accepted.total()
        await asyncio.gather(a.until(lambda: received_count(a) == sent), b.until(lambda: received_count(b) == sent))
        await late.until(lambda: received_count(late) == sent - missed)

        for number in range(3):  # a resend: nothing is stored or delivered
            assert (await a.command("sendMessage", roomId=room, content="again", clientId=f"a-{number}"))["duplicate"]
        assert (
            people[3]
            .call("POST", "/messages", {"roomId": room, "content": "again", "clientId": "rest-1"})
            .json["duplicate"]
        )
        for data in ({"roomId": "nowhere", "content": "x"}, {"roomId": room}, {"roomId": room, "content": ""}):
            with pytest.raises(CommandRefused) as failure:
                await a.command("sendMessage", **data)
            refused[failure.value.code] += 1
        with pytest.raises(CommandRefused, match="unknown_command"):
            await a.command("<script>alert(1)</script>")
        deliveries = sum(received_count(one) for one in (a, b, late))
        during = scrape(server.url)

    def grown(scraped: Scrape, metric: str, **labels: str) -> float:
        return value(scraped, metric, **labels) - value(before, metric, **labels)

    assert (accepted["ws"], accepted["rest"]) == (80, 12)
    for transport, duplicates in (("ws", 3), ("rest", 1)):
        assert grown(during, "chat_messages_received_total", transport=transport) == accepted[transport]
        assert grown(during, "chat_messages_duplicate_total", transport=transport) == duplicates
    assert grown(during, "chat_messages_delivered_total") == deliveries == 3 * sent - missed
    assert grown(during, "chat_connections") == 3
    assert grown(during, "chat_command_seconds_count", command="sendMessage") == accepted["ws"] + 3
    assert grown(during, "chat_handshake_seconds_count") == 3
    for code, count in refused.items():
        assert grown(during, "chat_commands_refused_total", command="sendMessage", code=code) == count
    assert grown(during, "chat_commands_refused_total", command="unknown", code="unknown_command") == 1
    assert "<script" not in call(server.url, "GET", "/metrics").body.decode()
    # Counts each message to the live connections, none of those buffered for the connection that was joining.
    timed = grown(during, "chat_message_delivery_seconds_count")
    assert 2 * sent <= timed <= deliveries
    posts = {"route": "/messages", "method": "POST"}
    assert grown(during, "chat_http_requests_total", status="201", **posts) == accepted["rest"]
    assert grown(during, "chat_http_requests_total", status="200", **posts) == 1
    assert grown(during, "chat_http_requests_total", route="/rooms/{id}/join", method="POST", status="200") == 1

    def closed() -> Scrape | None:
        scraped = scrape(server.url)
        return scraped if value(scraped, "chat_connections") == value(before, "chat_connections") else None

    after = await until(closed)
    assert grown(after, "chat_connections_opened_total") == 3
    assert grown(after, "chat_connections_closed_total", code="1000") == 3


@pytest.mark.gen_test
async def test_close_codes_that_clients_make_up_are_counted_as_others(server: ServerProcess) -> None:
    before = page(server.url, "websocket")["connections"]
    ada = register(server.url)
    for code in (4999, 3777, 1001):
        async with chat(server.ws_url, ada) as one:
            await one.one("welcome")
            await one.socket.close(code)
    async with chat(server.ws_url, "no token of ours") as one:
        assert await one.closed() == 4401
    after = await until(
        lambda: (shown := page(server.url, "websocket")["connections"])["closed"] == before["closed"] + 4 and shown
    )
    grown = {code: count - before["closedByCode"].get(code, 0) for code, count in after["closedByCode"].items()}
    assert {code: count for code, count in grown.items() if count} == {"other": 2, "1001": 1, "4401": 1}
    assert after["opened"] - before["opened"] == 4


@pytest.mark.gen_test
async def test_the_busiest_rooms_bytes_and_frames_are_told(server: ServerProcess) -> None:
    people = [register(server.url) for _ in range(3)]
    rooms = [people[0].make_room()["id"] for _ in range(2)]
    before = page(server.url, "websocket")
    async with (
        chat(server.ws_url, people[0]) as a,
        chat(server.ws_url, people[1]) as b,
        chat(server.ws_url, people[2]) as c,
    ):
        for one in (a, b, c):
            await one.command("joinRoom", roomId=rooms[1])
        await a.command("joinRoom", roomId=rooms[0])
        text = "x" * 2000
        await a.command("sendMessage", roomId=rooms[1], content=text)
        for one in (a, b, c):
            await one.one("receiveMessage")
        shown = page(server.url, "websocket")
    top = {row["roomId"]: row["connections"] for row in shown["rooms"]["top"]}
    assert (top[rooms[1]], top[rooms[0]]) == (3, 1)
    assert shown["rooms"]["top"][0]["roomId"] == rooms[1]
    assert shown["connections"]["peak"] >= shown["connections"]["now"] == before["connections"]["now"] + 3
    assert 2000 < shown["bytes"]["in"] - before["bytes"]["in"] < 6000
    assert 4 * 2000 < shown["bytes"]["out"] - before["bytes"]["out"] < 20_000
    assert shown["sendToAckMs"]["p50"] > 0
    assert shown["sendToDeliveryMs"]["p99"] > 0


@pytest.mark.gen_test
async def test_a_slow_reader_is_seen_and_counted_when_it_is_closed(start: Start) -> None:
    server = start(WS_OUTBOX_MAX_BYTES="1048576", RATE_LIMIT_MESSAGES="off")
    ada, bob = register(server.url), register(server.url)
    room = ada.make_room()["id"]
    slow = await asyncio.to_thread(RawWebSocket, server.port, token=bob.access_token, receive_buffer=4096)
    async with chat(server.ws_url, ada) as a:
        await a.command("joinRoom", roomId=room)
        slow.send_command("joinRoom", roomId=room)
        while slow.read_message()["event"] != "ack":
            pass
        seen: list[tuple[int, int]] = []
        while (shown := page(server.url, "websocket"))["messages"]["dropped"]["slow_reader"] == 0:
            seen.append((shown["slowReaders"]["now"], shown["outbox"]["bytes"]))
            await asyncio.gather(*(a.command("sendMessage", roomId=room, content="😀" * 2000) for _ in range(25)))
        assert any(connections == 1 and waiting > 8000 for connections, waiting in seen)
        slow.reset()
        counted = await until(lambda: (shown := page(server.url, "websocket"))["slowReaders"]["closed"] and shown)
        assert counted["connections"]["closedByCode"]["4413"] == counted["slowReaders"]["closed"] == 1
        assert counted["outbox"] == {"bytes": 0, "connections": 0}


@pytest.mark.serial
@pytest.mark.gen_test
async def test_the_loops_lag_that_is_told_is_that_of_a_real_block(start: Start) -> None:
    server = start(MONITOR_INTERVAL="1")
    await until(lambda: page(server.url, "performance")["lately"])
    before, logged = page(server.url, "performance")["loopLagMs"], len(server.log())
    began = time.monotonic()
    kill(server.pid, signal.SIGSTOP)
    try:
        with pytest.raises(TimeoutError):  # requests meanwhile get no reply
            await asyncio.wait_for(asyncio.to_thread(call, server.url, "GET", "/health"), 1.0)
    finally:
        kill(server.pid, signal.SIGCONT)
    block_ms = 1000 * (time.monotonic() - began)
    lately = await until(
        lambda: (shown := page(server.url, "performance")["lately"])["eventLoopLagMaxMs"] > block_ms * 0.5 and shown
    )
    assert lately["eventLoopLagMaxMs"] == pytest.approx(block_ms, rel=1.0)
    after = page(server.url, "performance")["loopLagMs"]
    grown_ms = after["count"] * after["mean"] - before["count"] * before["mean"]
    assert block_ms * 0.5 < grown_ms
    assert "event loop blocked" not in server.log()[logged:]  # the process was stopped: nothing in it blocked the loop
    health = call(server.url, "GET", "/health/performance").json
    assert health["latencyMs"] == health["checks"]["loopLagMs"]["value"]


def test_metrics_are_as_prometheus_wants_them(server: ServerProcess) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("need promtool on PATH (Debian: apt-get install --no-install-recommends prometheus)")
    register(server.url).make_room()
    text = call(server.url, "GET", "/metrics").body
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, timeout=30, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")
    lines = text.decode().splitlines()
    typed = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    assert typed == {line.split()[2] for line in lines if line.startswith("# HELP") and len(line.split()) > 3}
    assert all(name.startswith("chat_") for name in typed)
    assert len(typed) > 45


@pytest.mark.parametrize("path", ["/metrics", *(f"/metrics/{name}" for name in PAGES), "/health/performance"])
def test_only_operators_are_told(server: ServerProcess, path: str) -> None:
    assert call(server.url, "GET", path).status == 200
    assert call(server.url, "HEAD", path).status == 200
    refused = call(server.url, "GET", path, headers=STRANGER)
    assert (refused.status, refused.code) == (403, "forbidden")
    assert call(server.url, "GET", path, headers=STRANGER, scope="cluster").status == 403
    assert call(server.url, "POST", path, {}).status == 405


def test_an_administrators_token_opens_them_and_a_forged_address_does_not(server: ServerProcess, start: Start) -> None:
    closed = start(ADMIN_USERS="boss", METRICS_ALLOW="192.0.2.0/24", TRUSTED_PROXIES="198.51.100.1")
    boss, eve = create_account(closed, "Boss"), register(closed.url)
    for path in ("/metrics", "/metrics/websocket", "/health/performance"):
        for forged in ("192.0.2.7", "192.0.2.7, 127.0.0.1", "192.0.2.7, 198.51.100.1"):
            assert call(closed.url, "GET", path, headers={"X-Forwarded-For": forged}).status == 403
        for forged in ("127.0.0.1, 203.0.113.9", "::1, 203.0.113.9"):  # as a trusted proxy forwards it
            assert call(server.url, "GET", path, headers={"X-Forwarded-For": forged}).status == 403
        assert call(closed.url, "GET", path, token=eve.access_token).status == 403
        assert call(closed.url, "GET", path, token=boss.access_token).status == 200


def test_an_unknown_scope_is_refused_with_those_there_are(server: ServerProcess) -> None:
    for name in PAGES:
        reply = call(server.url, "GET", f"/metrics/{name}", scope="galaxy")
        assert (reply.status, reply.code) == (422, "validation_failed")
        assert reply.json["error"]["details"] == {"scope": "takes process or cluster"}
    assert call(server.url, "GET", "/metrics/unheard-of").status == 404


def test_alone_the_cluster_is_this_process(server: ServerProcess) -> None:
    for name in PAGES:
        own, whole = page(server.url, name), page(server.url, name, scope="cluster")
        assert [one["processId"] for one in whole["processes"]] == [own["processId"]] == [whole["processId"]]
        assert whole["complete"] is True
        assert set(own) <= set(whole)


def test_the_store_is_told_of_by_operation(server: ServerProcess) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    before = page(server.url, "database")["operations"]["messages.append"]["count"] if _appended(server) else 0
    for number in range(5):
        ada.post(room, f"text {number}")
    shown = page(server.url, "database")
    append = shown["operations"]["messages.append"]
    assert append["count"] - before == 5
    assert append["errors"] == 0
    assert 0 < append["p50Ms"] <= append["p95Ms"] <= append["p99Ms"]
    assert shown["commits"]["operations"] >= 5
    assert set(shown["pool"]) == {"inUse", "waiting", "limit"}


def _appended(server: ServerProcess) -> bool:
    return "messages.append" in page(server.url, "database")["operations"]


def test_slow_operations_are_listed_with_nothing_of_what_they_held(start: Start) -> None:
    server = start(ALERT_SLOW_QUERY_MS="0")
    ada = register(server.url)
    ada.post(ada.make_room()["id"], "a secret text")
    slow = page(server.url, "database")["slow"]
    assert slow["count"] >= 2
    assert {"operation", "ms", "at"} == set(slow["newest"][0])
    assert "messages.append" in {one["operation"] for one in slow["newest"]}
    assert "secret" not in str(slow)


@pytest.mark.gen_test
async def test_without_the_monitor_what_is_known_anyway_is_told(start: Start) -> None:
    server = start(ENABLE_PERFORMANCE_MONITORING="false", MONITOR_INTERVAL="0.1", ALERT_CONNECTIONS_THRESHOLD="1")
    ada = register(server.url)
    room = ada.make_room()["id"]
    async with chat(server.ws_url, ada) as one, chat(server.ws_url, ada) as two_servers:
        await one.command("joinRoom", roomId=room)
        await one.command("sendMessage", roomId=room, content="text")
        await two_servers.one("welcome")
        scraped = scrape(server.url)
        assert value(scraped, "chat_connections") == 2
        assert value(scraped, "chat_start_time_seconds") > 1_700_000_000
        assert not any("seconds_bucket" in name or name == "chat_messages_received_total" for name, _ in scraped)
        shown = page(server.url, "websocket")
        assert (shown["connections"]["now"], shown["rooms"]["top"]) == (2, [{"roomId": room, "connections": 1}])
        performance = page(server.url, "performance")
        assert performance["uptimeS"] > 0
        assert (performance["lately"], performance["cpu"]["percent"]) == (None, None)
        health = call(server.url, "GET", "/health/performance")
        assert (health.status, health.json["status"]) == (200, "degraded")
        assert health.json["checks"]["connections"] == {"status": "degraded", "value": 2, "threshold": 1}
        assert health.json["checks"]["storeQueue"]["status"] == "healthy"


@pytest.mark.gen_test
async def test_a_sample_is_judged_by_the_thresholds(start: Start) -> None:
    server = start(MONITOR_INTERVAL="0.2", ALERT_CPU_THRESHOLD="0", ALERT_MEMORY_THRESHOLD="0")
    await until(lambda: page(server.url, "performance")["lately"])
    reply = call(server.url, "GET", "/health/performance")
    assert (reply.status, reply.json["status"]) == (200, "degraded")
    checks = reply.json["checks"]
    assert set(checks) == {"connections", "storeQueue", "cpu", "memory", "loopLagMs"}
    assert all(set(check) == {"status", "value", "threshold"} for check in checks.values())
    assert (checks["memory"]["status"], checks["connections"]["status"]) == ("degraded", "healthy")
    assert checks["memory"]["value"] > checks["memory"]["threshold"] == 0


@pytest.fixture
def two_servers(tmp_path: Path, store_env: StoreEnv) -> Iterator[tuple[ServerProcess, ServerProcess, RedisServer]]:
    """Two processes on one store and one Redis."""
    redis = RedisServer(tmp_path / "redis")
    secret = {"JWT_SECRET": "a secret of the tests, thirty-two bytes or more"}
    try:
        env = {**redis.start().env, **secret, "MONITOR_INTERVAL": "0.3", **LONG_REDIS_TIMEOUT}
        with serving(tmp_path / "data", env) as first, serving(tmp_path / "data", env) as second:
            yield first, second, redis
    finally:
        redis.stop()


def histogram_of(scraped: Scrape, metric: str, **labels: str) -> Histogram:
    """A histogram from the samples of /metrics."""
    sums = [value(scraped, f"{metric}_bucket", le=str(bound), **labels) for bound in LATENCY_S]
    sums.append(value(scraped, f"{metric}_bucket", le="+Inf", **labels))
    counts = [int(high - low) for low, high in zip([0.0, *sums], sums, strict=False)]
    return Histogram(LATENCY_S, counts, value(scraped, f"{metric}_sum", **labels))


@pytest.mark.gen_test
async def test_all_processes_are_added_up_by_bucket_and_a_dead_one_is_left_out(
    two_servers: tuple[ServerProcess, ServerProcess, RedisServer],
) -> None:
    first, second, redis = two_servers
    ada, bob = register(first.url), register(second.url)
    room = ada.make_room()["id"]
    bob.join(room)
    async with chat(first.ws_url, ada) as a, chat(second.ws_url, bob) as b:
        for one in (a, b):
            await one.command("joinRoom", roomId=room)
        for number in range(30):
            await a.command("sendMessage", roomId=room, content=f"text {number}")
        for number in range(10):
            await b.command("sendMessage", roomId=room, content=f"text {number}")
        for one in (a, b):
            await one.until(lambda one=one: received_count(one) == 40)

        def whole_at_last() -> dict | None:
            shown = page(first.url, "websocket", scope="cluster")
            counts = (
                shown["messages"]["out"],
                shown["sendToAckMs"]["count"],
                shown["sendToDeliveryMs"]["count"],
                shown["connections"]["now"],
            )
            return shown if counts == (80, 40, 80, 2) else None

        whole = await until(whole_at_last)
        each = [histogram_of(scrape(one.url), "chat_command_seconds", command="sendMessage") for one in (first, second)]
        assert [one.count for one in each] == [30, 10]
        expected = merged(each, LATENCY_S)
        for percent in (50, 95, 99):
            assert whole["sendToAckMs"][f"p{percent}"] == pytest.approx(1000 * expected.percentile(percent), abs=0.001)
        assert whole["messages"]["inBy"] == {"rest": 0, "ws": 40}
        assert whole["rooms"]["top"] == [{"roomId": room, "connections": 2}]
        ids = {page(one.url, "websocket")["processId"] for one in (first, second)}
        assert {one["processId"] for one in whole["processes"]} == ids
        assert [one["connections"] for one in whole["processes"]] == [1, 1]
        for name in PAGES:
            await until(lambda name=name: len(page(second.url, name, scope="cluster")["processes"]) == 2)
        second.kill()
        alone = await until(
            lambda: len((shown := page(first.url, "performance", scope="cluster"))["processes"]) == 1 and shown
        )
        assert alone["processes"][0]["processId"] == page(first.url, "performance")["processId"]
        assert alone["complete"] is True
        redis.stop()
        cut_off = await until(
            lambda: not (shown := page(first.url, "websocket", scope="cluster"))["complete"] and shown
        )
        assert len(cut_off["processes"]) == 1
        assert cut_off["messages"]["in"] == 30
