"""/metrics/history and /metrics/alerts of real processes: each alert is raised by its real cause, and resolved when the
cause ends.

The tests wait for lines in the log, because requests to the server would be a load. The server's clock, which times the
lines, is the same as the tests'.
"""

from __future__ import annotations

import json
import os
import random
import re
import resource
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from app import settings
from app.commands.command_line import Command, main
from tests.integration.conftest import JWT, LONG_REDIS_TIMEOUT, Start, embedded_store, until_redis_is_connected
from tests.support.alerts import AlertLines, repeating_on_threads, write_locked
from tests.support.client import Person, call, person_at, register
from tests.support.frames import BINARY, CONTINUATION, client_frame
from tests.support.in_process_commands import run_in_process
from tests.support.kept_history import keep_history
from tests.support.machine_stalls import counting_stalls
from tests.support.raw_websocket_client import RawWebSocket
from tests.support.redis_server import RedisServer
from tests.support.server import ServerProcess, command, serving
from tests.support.small_disk import small_disk
from tests.support.waiting import ASKED_WITHIN_S, poll

STRANGER = {"X-Forwarded-For": "203.0.113.9"}
ALWAYS = ("cpu", "memory", "connections", "messagesIn", "messagesOut", "loopLagMs")
# The metrics that the alert rules use.
ALERT_METRICS = (
    *(
        "cpu",
        "memoryPercent",
        "connections",
        "slowestQueryMs",
        "slowQueries",
        "cacheReads",
        "cacheMisses",
        "poolPercent",
    ),
    *(
        "databasePoolPercent",
        "databaseWaiting",
        "loopLagMs",
        "storeQueuePercent",
        "busLost",
        "diskFreePercent",
        "diskFreeBytes",
    ),
    *("httpRequests", "httpErrors", "shedLevel"),
)
INTERVAL_S = 0.2
LATE_S = 5.0  # added to three intervals: other processes use the same cores
UNLIMITED = {f"RATE_LIMIT_{name}": "off" for name in ("API", "MESSAGES", "JOINS", "ROOMS", "CONNECTS")}
QUICK = {"MONITOR_INTERVAL": str(INTERVAL_S), **UNLIMITED}

CONNECTIONS, PLACES = 5, 10  # the alert's threshold of connections, and the cap
CPU_PERCENT = 15  # of a core, of which other processes may leave only a quarter
SLOW_MS = 200
GROWTH_BYTES = 60_000_000
HELD_BYTES = 20_000_000  # held by one connection
PART_BYTES = 250_000


store_env = embedded_store  # a test can lock it, and it is on a disk


# ---- history -----------------------------------------------------------------------------------------------------


def test_the_metrics_of_the_contract_are_there_from_the_start(server: ServerProcess) -> None:
    for metric in ALWAYS:
        reply = call(server.url, "GET", "/metrics/history", metric=metric, minutes=5)
        assert reply.status == 200
        assert set(reply.json) == {"metric", "stepS", "points", "min", "mean", "max", "p95", "trend"}
        assert (reply.json["metric"], reply.json["stepS"]) == (metric, 5)
    assert call(server.url, "GET", "/metrics/history", metric="cpu").status == 200
    assert call(server.url, "HEAD", "/metrics/history", metric="cpu").status == 200
    assert set(call(server.url, "GET", "/metrics/alerts").json) == {"active", "history"}


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ({"metric": "nothing"}, {"metric"}),
        ({}, {"metric"}),
        ({"metric": "cpu", "minutes": "0"}, {"minutes"}),
        ({"metric": "cpu", "minutes": "1441"}, {"minutes"}),
        ({"metric": "cpu", "minutes": "-1"}, {"minutes"}),
        ({"metric": "cpu", "minutes": "1.5"}, {"minutes"}),
        ({"metric": "cpu", "minutes": "٣"}, {"minutes"}),
        ({"metric": "cpu", "minutes": "9" * 5000}, {"minutes"}),
        ({"metric": "x", "minutes": "soon"}, {"metric", "minutes"}),
    ],
)
def test_an_unknown_metric_or_range_is_refused_with_those_there_are(
    server: ServerProcess, query: dict[str, str], wrong: set[str]
) -> None:
    reply = call(server.url, "GET", "/metrics/history", **query)
    assert (reply.status, reply.code) == (422, "validation_failed")
    details = reply.json["error"]["details"]
    assert set(details) == wrong
    if "metric" in wrong:
        assert set(ALWAYS) <= set(details["metric"].removeprefix("takes one of ").split(", "))
    if "minutes" in wrong:
        assert details["minutes"] == "takes a whole number from 1 to 1440"


def test_strangers_are_told_nothing(server: ServerProcess) -> None:
    for path in ("/metrics/history?metric=cpu", "/metrics/history", "/metrics/alerts"):
        refused = call(server.url, "GET", path, headers=STRANGER)
        assert (refused.status, refused.code) == (403, "forbidden")


def test_history_outlives_a_restart(start: Start) -> None:
    server = start(**QUICK, MONITOR_RETENTION_DAYS="3")

    def shown(minutes: int) -> dict[str, Any]:
        return call(server.url, "GET", "/metrics/history", metric="connections", minutes=minutes).json

    with RawWebSocket(server.port), RawWebSocket(server.port), RawWebSocket(server.port):
        poll(lambda: shown(60)["max"] == 3)
    assert server.terminate() == 0  # the current minute is written too
    server.start()
    for minutes in (60, 1440, 3 * 1440):
        poll(lambda minutes=minutes: shown(minutes)["max"] == 3)
    assert shown(1440)["stepS"] == 60
    refused = call(server.url, "GET", "/metrics/history", metric="connections", minutes=3 * 1440 + 1)
    assert refused.json["error"]["details"]["minutes"] == f"takes a whole number from 1 to {3 * 1440}"


# ---- alerts of one server ----------------------------------------------------------------------------------------


class WebhookReceiver(Struct, frozen=True):
    """An HTTP server for the alert webhook, and the events that it received."""

    url: str
    events: list[dict[str, Any]]


@pytest.fixture(scope="module")
def receiver() -> Iterator[WebhookReceiver]:
    events: list[dict[str, Any]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            events.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    receiving = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=receiving.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield WebhookReceiver(f"http://127.0.0.1:{receiving.server_port}/s3cret", events)
    receiving.shutdown()
    thread.join()
    receiving.server_close()


class IdleMemory(Struct, frozen=True):
    """The memory of a server without load."""

    rss_bytes: int
    limit_bytes: int


@pytest.fixture(scope="module")
def idle_memory(server: ServerProcess) -> IdleMemory:
    memory = call(server.url, "GET", "/metrics/performance").json["memory"]
    return IdleMemory(memory["rssBytes"], memory["limitBytes"])


@pytest.fixture(scope="module")
def server_with_low_thresholds(
    tmp_path_factory: pytest.TempPathFactory, idle_memory: IdleMemory, receiver: WebhookReceiver
) -> Iterator[ServerProcess]:
    """A server with thresholds that a test can reach."""
    env = {
        **QUICK,
        "ALERT_CPU_THRESHOLD": str(CPU_PERCENT),
        "ALERT_MEMORY_THRESHOLD": str(100 * (idle_memory.rss_bytes + GROWTH_BYTES) / idle_memory.limit_bytes),
        "ALERT_CONNECTIONS_THRESHOLD": str(CONNECTIONS),
        "ALERT_SLOW_QUERY_MS": str(SLOW_MS),
        "ALERT_WEBHOOK_URL": receiver.url,
        # glibc keeps freed memory that it expects to need again, except for blocks larger than this.
        "MALLOC_MMAP_THRESHOLD_": "131072",
        "WS_MAX_CONNECTIONS": str(PLACES),
        "WS_MAX_MESSAGE_BYTES": str(HELD_BYTES),
    }
    with serving(tmp_path_factory.mktemp("watched") / "data", env) as server:
        yield server


def alerts(server: ServerProcess) -> dict[str, Any]:
    return call(server.url, "GET", "/metrics/alerts").json


@pytest.fixture
def server_without_alerts(server_with_low_thresholds: ServerProcess) -> ServerProcess:
    """The server with low thresholds, once no alert of an earlier test is active.

    It is polled once an interval: at a hundred requests a second it would exceed its CPU threshold.
    """
    poll(
        lambda: not alerts(server_with_low_thresholds)["active"],
        describe=lambda: alerts(server_with_low_thresholds),
        pace_s=INTERVAL_S,
    )
    return server_with_low_thresholds


class ObservedAlert:
    """One alert of a server, from its cause until it is resolved."""

    def __init__(self, server: ServerProcess, name: str) -> None:
        self.server = server
        self.name = name
        self.lines = AlertLines(server, name)

    def until_raised(
        self, *, cause_s: float | None = None, late_s: float = LATE_S, within_s: float = ASKED_WITHIN_S
    ) -> dict[str, Any]:
        """Wait until the alert is raised. Returns it as /metrics/alerts shows it.

        Asserts that it was raised within three intervals of `cause_s`, plus the time for which this machine stalled.
        None: of its first bad sample, where only the server knows when the cause began.
        """
        with counting_stalls() as stalled:
            raised_s = self.lines.until_logged("raised", within_s)
        listed = alerts(self.server)  # on a busy machine the alert may be resolved by now
        active = next(alert for alert in (*listed["active"], *listed["history"]) if alert["name"] == self.name)
        assert {"name", "severity", "value", "threshold", "since"} <= set(active)
        active.pop("resolvedAt", None)
        began_s = epoch_s(active["since"]) if cause_s is None else cause_s
        assert raised_s - began_s <= 3 * INTERVAL_S + late_s + stalled.seconds
        return active

    def until_resolved(self, active: dict[str, Any], within_s: float = ASKED_WITHIN_S) -> None:
        """Wait until the alert is resolved in the log. Asserts that it is in the history, and that each line was logged
        once.
        """
        self.lines.until_logged("resolved", within_s)
        listed = alerts(self.server)
        assert self.name not in [alert["name"] for alert in listed["active"]]
        newest = next(alert for alert in listed["history"] if alert["name"] == self.name)
        assert newest == {**active, "value": newest["value"], "resolvedAt": newest["resolvedAt"]}
        assert newest["value"] >= active["threshold"]
        assert newest["since"] < newest["resolvedAt"]
        assert [len(self.lines.lines_with(what)) for what in ("raised", "resolved")] == [1, 1]


def epoch_s(rfc3339: str) -> float:
    return datetime.fromisoformat(rfc3339).timestamp()


def test_what_the_rules_look_at_is_in_the_history(server_without_alerts: ServerProcess) -> None:
    register(server_without_alerts.url)  # causes reads and writes
    poll(lambda: call(server_without_alerts.url, "GET", "/metrics/history", metric="slowestQueryMs").status == 200)
    for metric in ALERT_METRICS:
        shown = call(server_without_alerts.url, "GET", "/metrics/history", metric=metric)
        assert (shown.status, len(shown.json["points"]) > 0) == (200, True), metric
    assert call(server_without_alerts.url, "GET", "/metrics/history", metric="diskFreePercent").json["max"] <= 100


def test_connections_and_a_full_pool_are_told_to_the_log_and_the_webhook(
    server_without_alerts: ServerProcess, receiver: WebhookReceiver
) -> None:
    received = len(receiver.events)
    # A connection without a token is closed after ten seconds.
    tokens = [register(server_without_alerts.url).access_token for _ in range(PLACES // CONNECTIONS)]
    connections, pool = (
        ObservedAlert(server_without_alerts, "connections"),
        ObservedAlert(server_without_alerts, "pool"),
    )
    with ExitStack() as stack:
        for _ in range(CONNECTIONS):
            stack.enter_context(RawWebSocket(server_without_alerts.port, token=tokens[0]))
        many = connections.until_raised(cause_s=time.time())
        assert (many["severity"], many["value"], many["threshold"]) == ("warning", CONNECTIONS, CONNECTIONS)
        assert pool.lines.lines_with("raised") == []
        for _ in range(PLACES - CONNECTIONS):
            stack.enter_context(RawWebSocket(server_without_alerts.port, token=tokens[1]))
        full = pool.until_raised(cause_s=time.time())
        assert (full["severity"], full["value"], full["threshold"]) == ("critical", 100, 90)
    connections.until_resolved(many)
    pool.until_resolved(full)

    def posted(name: str) -> list[dict[str, Any]]:
        return [event for event in receiver.events[received:] if event["alert"]["name"] == name]

    for name, active in (("connections", many), ("pool", full)):
        poll(lambda name=name: len(posted(name)) == 2, describe=lambda: receiver.events)
        raised, resolved = posted(name)
        assert (raised["event"], resolved["event"]) == ("raised", "resolved")
        assert raised["alert"] == {**active, "value": raised["alert"]["value"]}
        assert resolved["alert"] == next(
            alert for alert in alerts(server_without_alerts)["history"] if alert["name"] == name
        )
        assert (
            raised["processId"]
            == resolved["processId"]
            == call(server_without_alerts.url, "GET", "/metrics/performance").json["processId"]
        )
    assert "s3cret" not in server_without_alerts.log()


@pytest.mark.serial
def test_cpu_is_raised_by_a_server_that_burns_it(server_without_alerts: ServerProcess) -> None:
    somebody, cpu = register(server_without_alerts.url), ObservedAlert(server_without_alerts, "cpu")

    def log_in() -> None:
        body = {"username": somebody.username, "password": "not the password"}
        assert call(server_without_alerts.url, "POST", "/auth/login", body).status == 401

    with repeating_on_threads(log_in, threads=4):  # each costs the server some 25 ms of argon2
        active = cpu.until_raised()
    assert (active["severity"], active["threshold"]) == ("warning", CPU_PERCENT)
    cpu.until_resolved(active)


def test_memory_is_raised_by_what_is_held_and_resolved_once_it_is_let_go(
    server_without_alerts: ServerProcess, idle_memory: IdleMemory
) -> None:
    memory, token = (
        ObservedAlert(server_without_alerts, "memory"),
        register(server_without_alerts.url).access_token,
    )  # a connection without a token is closed after ten seconds
    first, more = (client_frame(opcode, bytes(PART_BYTES), final=False) for opcode in (BINARY, CONTINUATION))
    with ExitStack() as stack:
        for _ in range(PLACES - CONNECTIONS - 1):  # fragmented messages without a last fragment
            slow = stack.enter_context(RawWebSocket(server_without_alerts.port, token=token))
            slow.socket.sendall(first)
            for _ in range(HELD_BYTES // PART_BYTES - 1):
                slow.socket.sendall(more)
        active = memory.until_raised(cause_s=time.time())
    assert active["severity"] == "critical"
    assert active["threshold"] == pytest.approx(100 * (idle_memory.rss_bytes + GROWTH_BYTES) / idle_memory.limit_bytes)
    memory.until_resolved(active)


def test_a_slow_query_is_raised_by_a_locked_store(server_without_alerts: ServerProcess) -> None:
    somebody, slow = register(server_without_alerts.url), ObservedAlert(server_without_alerts, "slow_query")

    def one_slow_write() -> bool:
        with write_locked(server_without_alerts.data_dir):
            making = threading.Thread(target=somebody.make_room)
            making.start()
            making.join(2 * SLOW_MS / 1000)  # the time for which it is locked is the cause
        making.join()
        return bool(slow.lines.lines_with("raised"))

    poll(one_slow_write)
    active = slow.until_raised(cause_s=time.time())
    assert active["severity"] == "warning"
    slow.until_resolved(active)
    worst = next(alert for alert in alerts(server_without_alerts)["history"] if alert["name"] == "slow_query")["value"]
    assert worst >= SLOW_MS


def test_cache_misses_are_raised_by_reads_of_what_is_not_there_and_resolved_by_reads_of_what_is(
    server_without_alerts: ServerProcess,
) -> None:
    somebody, misses = register(server_without_alerts.url), ObservedAlert(server_without_alerts, "cache_misses")

    def miss() -> None:
        assert somebody.call("GET", f"/users/{random.getrandbits(60)}").status == 404

    def hit() -> None:
        assert somebody.call("GET", f"/users/{somebody.id}").status == 200

    with repeating_on_threads(miss, threads=4):
        active = misses.until_raised()
    assert (active["severity"], active["threshold"]) == ("warning", 20)
    assert active["value"] >= 20
    with repeating_on_threads(hit, threads=2):
        misses.until_resolved(active)


def test_loop_lag_is_raised_by_a_process_that_is_held_up(server_without_alerts: ServerProcess) -> None:
    # An idle loop is late from the next timer on that it has, of which there is one each quarter of a second.
    lag, stopped_s = ObservedAlert(server_without_alerts, "loop_lag"), 0.6

    def hold_up() -> None:
        os.kill(server_without_alerts.pid, signal.SIGSTOP)
        time.sleep(stopped_s)  # this and the pause after it are the cause
        os.kill(server_without_alerts.pid, signal.SIGCONT)
        time.sleep(0.1)

    cause_s = time.time()
    with repeating_on_threads(hold_up, threads=1):
        active = lag.until_raised(cause_s=cause_s, late_s=LATE_S + 2 * stopped_s)
    assert (active["severity"], active["threshold"]) == ("warning", 250)
    lag.until_resolved(active)


# ---- alerts of a server in trouble -------------------------------------------------------------------------------


@contextmanager
def serving_failing(data_dir: Path, **env: str) -> Iterator[ServerProcess]:
    """A server whose store is to fail: its log may have the error about busy writes, and no other."""
    server = ServerProcess(data_dir, {**QUICK, **env})
    try:
        yield server.start()
    finally:
        server.stop()
    assert "Traceback" not in server.log()
    errors = {line.split(" ", 1)[1] for line in server.log().splitlines() if "Z ERROR " in line}
    assert errors <= {"ERROR store.sqlite.write_transactions: store: writes fail: busy"}


def test_errors_are_raised_by_answers_of_a_store_that_does_not_write(tmp_path: Path) -> None:
    with serving(tmp_path / "data") as calm:
        registered = register(calm.url)
    with serving_failing(tmp_path / "data", STORE_TIMEOUT="500") as server:
        somebody, errors = person_at(registered, server), ObservedAlert(server, "errors")
        answers: Counter[int] = Counter()

        def make_room() -> None:
            answers[somebody.call("POST", "/rooms", {"name": "A room"}).status] += 1

        with write_locked(server.data_dir), repeating_on_threads(make_room, threads=96):
            active = errors.until_raised()
        assert (active["severity"], active["threshold"]) == ("critical", 5)
        assert answers[503] > 0
        assert set(answers) <= {201, 503}
        with repeating_on_threads(lambda: somebody.call("GET", f"/users/{somebody.id}"), threads=1):
            errors.until_resolved(active)


QUEUED_WRITES = 5_100  # of the 10,000 writes that may wait


def post_request(who: Person, room_id: str) -> bytes:
    body = json.dumps({"roomId": room_id, "content": "hello"})
    lines = (
        *("POST /messages HTTP/1.1", "Host: localhost", f"Authorization: Bearer {who.access_token}"),
        *("Content-Type: application/json", f"Content-Length: {len(body)}", "", body),
    )
    return "\r\n".join(lines).encode()


@pytest.mark.slow
@pytest.mark.serial
def test_the_stores_queue_is_raised_by_more_than_it_takes_and_nothing_of_it_is_lost(start: Start) -> None:
    server = start(**QUICK, STORE_TIMEOUT="60000", LOG_LEVEL="warning", RATE_LIMIT_ENABLED="false")
    somebody, queue = register(server.url), ObservedAlert(server, "store_queue")
    room_id = somebody.make_room()["id"]
    request, senders = post_request(somebody, room_id), []
    with ExitStack() as stack:
        with write_locked(server.data_dir):
            for _ in range(QUEUED_WRITES):
                sender = stack.enter_context(socket.socket())
                sender.settimeout(30)
                sender.connect(("127.0.0.1", server.port))
                sender.sendall(request)
                senders.append(sender)
            active = queue.until_raised()  # the server is busy
        assert (active["severity"], active["threshold"]) == ("critical", 50)
        queue.until_resolved(active)
        assert Counter(status_of(one) for one in senders) == {201: QUEUED_WRITES}
    assert somebody.call("GET", f"/rooms/{room_id}/stats").json["messageCount"] == QUEUED_WRITES


def status_of(connection: socket.socket) -> int:
    return int(connection.recv(65_536).split(b" ", 2)[1])


@pytest.fixture(autouse=True, scope="module")
def many_descriptors() -> Iterator[None]:
    """Raise the limit of descriptors: each connection needs one in this process and one in the server."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_the_bus_is_raised_while_redis_is_gone(start: Start, redis: RedisServer) -> None:
    server = start(**QUICK, **redis.env, **LONG_REDIS_TIMEOUT, **JWT)
    until_redis_is_connected(server)
    # on a busy machine an alert may have been raised at the start
    poll(lambda: not alerts(server)["active"], pace_s=INTERVAL_S)
    bus = ObservedAlert(server, "bus")
    cause_s = time.time()
    redis.stop()
    active = bus.until_raised(cause_s=cause_s)
    assert (active["severity"], active["value"], active["threshold"]) == ("critical", 1, 1)
    redis.start()
    bus.until_resolved(active)


def test_the_disk_is_raised_by_one_that_is_nearly_full(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", megabytes=32) as where, serving(where / "data", QUICK) as server:
        disk, ballast = ObservedAlert(server, "disk"), where / "ballast"
        free = os.statvfs(where)
        ballast.write_bytes(b"x" * (free.f_bavail * free.f_frsize - 1_000_000))
        active = disk.until_raised(cause_s=time.time())
        assert (active["severity"], active["threshold"]) == ("critical", 95)
        assert active["value"] > 96
        ballast.unlink()
        disk.until_resolved(active)


# ---- the forecast -------------------------------------------------------------------------------------------------

GROWTH_PER_HOUR = 2.5
GROWN, ROOM = 20, 10  # connections at the restart, and places that are left: four hours


@pytest.mark.gen_test
async def test_connections_that_have_grown_for_hours_are_told_before_the_pool_is_full(tmp_path: Path) -> None:
    await keep_history(tmp_path, "connections", lambda hour: GROWN + GROWTH_PER_HOUR * hour, hours=7)
    places = {"WS_MAX_CONNECTIONS": str(GROWN + ROOM), "WS_MAX_CONNECTIONS_PER_USER": str(GROWN + ROOM)}
    with serving(tmp_path, {**QUICK, **places, "MONITOR_RETENTION_DAYS": "2"}) as server, ExitStack() as stack:
        token, lines = register(server.url).access_token, AlertLines(server, "forecast")

        def forecasts() -> dict[str, Any]:
            return call(server.url, "GET", "/metrics/performance").json["forecast"]

        for _ in range(GROWN):
            stack.enter_context(RawWebSocket(server.port, token=token))
        lines.until_logged("raised")
        assert " subject=connections severity=warning " in lines.lines_with("raised")[0]
        shown = forecasts()["connections"]
        assert (shown["metric"], shown["limit"], shown["state"]) == ("connections", GROWN + ROOM, "limit_in_sight")
        assert shown["value"] == pytest.approx(GROWN, abs=1)
        assert shown["slopePerHour"] == pytest.approx(GROWTH_PER_HOUR, rel=0.1)
        assert shown["hoursEarliest"] <= shown["hours"] <= shown["hoursLatest"]
        assert shown["hours"] == pytest.approx(ROOM / GROWTH_PER_HOUR, abs=0.5)
        (active,) = [alert for alert in alerts(server)["active"] if alert["name"] == "forecast"]
        assert (active["severity"], active["threshold"], active["subject"]) == ("warning", 24, "connections")
        assert active["value"] == pytest.approx(shown["hours"], abs=0.1)
        exposed = call(server.url, "GET", "/metrics").body.decode()
        assert float(re.findall(r"^chat_forecast_connections_seconds (.+)$", exposed, re.MULTILINE)[0]) == (
            pytest.approx(3600 * shown["hours"], abs=600)
        )
        # Nothing is known of memory and queue, which began with the process
        poll(lambda: set(forecasts()) == {"connections", "memory", "disk", "storeQueue"})
        assert {forecasts()[name]["state"] for name in ("memory", "disk", "storeQueue")} == {"too_few_points"}
        assert "chat_forecast_memory_seconds +Inf\n" in exposed


# ---- and none -----------------------------------------------------------------------------------------------------


def test_a_busy_server_that_was_just_started_raises_nothing(start: Start) -> None:
    server = start(**UNLIMITED, MONITOR_INTERVAL="1")
    people = [register(server.url) for _ in range(16)]
    rooms = [person.make_room()["id"] for person in people[:8]]
    server.stop()
    server.start()  # all caches are empty

    answers: Counter[int] = Counter()

    def live(number: int) -> None:
        chance = random.Random(number)
        connection = HTTPConnection("127.0.0.1", server.port, timeout=60)
        for turn in range(250):
            who, room_id = chance.choice(people), chance.choice(rooms)
            method, path, body = (
                ("POST", f"/rooms/{room_id}/join", None),
                ("GET", f"/users/{chance.choice(people).id}", None),
                ("GET", f"/messages?roomId={room_id}", None),
                ("POST", "/messages", {"roomId": room_id, "content": "hello"}),
            )[turn % 4]
            headers = {"Authorization": f"Bearer {who.access_token}", "Content-Type": "application/json"}
            connection.request(method, path, body=body and json.dumps(body), headers=headers)
            reply = connection.getresponse()
            reply.read()
            answers[reply.status] += 1
        connection.close()

    threads = [threading.Thread(target=live, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(answers) <= {200, 201, 403}  # a user who did not join may not post
    assert answers.total() == 2_000
    poll(lambda: call(server.url, "GET", "/metrics/performance").json["uptimeS"] > 4)  # there were samples
    raised = set(re.findall(r"ALERT raised name=(\w+)", server.log()))
    assert raised <= {
        "cpu",
        "loop_lag",
        "slow_query",
    }  # alerts that are real on a machine without a core or disk of its own


# ---- check -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("env", "line"),
    [
        ({"ALERT_WEBHOOK_URL": "https://hooks.example.org/s3cret"}, "ok   alerts: 12, to the log and a webhook"),
        ({"ALERT_CPU_THRESHOLD": "0"}, "FAIL alerts: cpu would be raised for ever: its threshold is 0"),
    ],
)
def test_check_looks_at_the_thresholds_and_says_that_there_is_a_webhook(
    tmp_path: Path, env: dict[str, str], line: str
) -> None:
    run = run_in_process("check", env={"DATA_DIR": str(tmp_path), **env})
    assert any(said.startswith(line) for said in run.stdout.splitlines()), run.stdout
    assert run.returncode == (0 if line.startswith("ok") else 1)
    assert "s3cret" not in run.stdout + run.stderr


UNPARSED = {
    "ALERT_CPU_THRESHOLD": "many",
    "ALERT_MEMORY_THRESHOLD": "101",
    "ALERT_CONNECTIONS_THRESHOLD": "1.5",
    "ALERT_SLOW_QUERY_MS": "1s",
    "ALERT_CACHE_MISS_THRESHOLD": "nan",
    "ALERT_POOL_THRESHOLD": "-1",
    "ALERT_WEBHOOK_URL": "ftp://hooks.example.org/s3cret",
}


@pytest.mark.parametrize("variable", UNPARSED)
def test_what_does_not_parse_is_exit_2_before_anything_is_begun(
    variable: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(variable, UNPARSED[variable])
    begun: list[object] = []
    serve = Command("", lambda loaded: begun.append(loaded) or 0)
    assert main([], {"serve": serve}, program="chat-rooms", default="serve") == 2
    shown = "***" if variable.endswith("_URL") else f"'{UNPARSED[variable]}'"
    (listed,) = capsys.readouterr().err.splitlines()
    assert listed.startswith(f"{variable}: {shown} is not valid")
    assert begun == []


def test_a_threshold_that_does_not_parse_stops_the_start(tmp_path: Path) -> None:
    run = command("serve", env={"DATA_DIR": str(tmp_path / "data"), **UNPARSED})
    assert (run.returncode, run.stderr.count("\n")) == (2, 1)
    assert set(UNPARSED) == {variable.name for variable in settings.TABLE if variable.name.startswith("ALERT_")}
    assert not (tmp_path / "data").exists()
