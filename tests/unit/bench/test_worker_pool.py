"""The load client over real sockets, from its own process: a server that does wrong is caught, one that does right is
not.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection

from bench.client.worker_protocol import Connected, DeliverySnapshot, Sent
from bench.delivery_checker import Failures
from bench.rest_client import Address
from bench.worker_pool import WorkerPool
from tests.support.websocket_server import serving_websockets

pytestmark = pytest.mark.bench

Script = Callable[[ServerConnection, list[dict[str, Any]]], None]
MESSAGES = 4
PATIENT_S, SOON_S = 30.0, 2.0  # how long is waited for what all comes, and for what does not


@contextmanager
def scripted(script: Script) -> Iterator[int]:
    """A server that acks a join at seq 0 and each message in turn, and delivers what `script` says; its port."""

    def serve_one(connection: ServerConnection) -> None:
        taken: list[dict[str, Any]] = []
        try:
            connection.send(json.dumps({"event": "welcome", "data": {"connectionId": "c"}}))
            for text in connection:
                command = json.loads(text)
                if command["event"] == "joinRoom":
                    connection.send(json.dumps({"event": "ack", "id": command["id"], "data": {"seq": 0}}))
                    continue
                taken.append(command["data"] | {"seq": len(taken) + 1})
                ack = {"event": "ack", "id": command["id"], "data": {"message": taken[-1]}}
                connection.send(json.dumps(ack))
                script(connection, taken)
        except ConnectionClosed:
            pass  # the client may be as rude as it likes

    with serving_websockets(serve_one) as port:
        yield port


def deliver(connection: ServerConnection, message: dict[str, Any], **changes: Any) -> None:
    connection.send(json.dumps({"event": "receiveMessage", "data": message | changes}))


def rightly(connection: ServerConnection, taken: list[dict[str, Any]]) -> None:
    deliver(connection, taken[-1])


def all_but_the_second(connection: ServerConnection, taken: list[dict[str, Any]]) -> None:
    if len(taken) != 2:
        deliver(connection, taken[-1])


def the_second_twice(connection: ServerConnection, taken: list[dict[str, Any]]) -> None:
    for _ in range(2 if len(taken) == 2 else 1):
        deliver(connection, taken[-1])


def the_second_after_the_third(connection: ServerConnection, taken: list[dict[str, Any]]) -> None:
    later = {2: [], 3: [2, 1]}
    for place in later.get(len(taken), [len(taken) - 1]):
        deliver(connection, taken[place])


def all_but_the_last(connection: ServerConnection, taken: list[dict[str, Any]]) -> None:
    if len(taken) < MESSAGES:
        deliver(connection, taken[-1])


def contents_swapped(connection: ServerConnection, taken: list[dict[str, Any]]) -> None:
    if len(taken) == 2:
        deliver(connection, taken[1], seq=1)
        deliver(connection, taken[0], seq=2)
    elif len(taken) > 2:
        deliver(connection, taken[-1])


def closing_at_the_second(connection: ServerConnection, taken: list[dict[str, Any]]) -> None:
    if len(taken) == 2:
        connection.close(4413, "too slow")
    else:
        deliver(connection, taken[-1])


def refusing_the_second(connection: ServerConnection, taken: list[dict[str, Any]]) -> None:
    deliver(connection, taken[-1])
    if len(taken) == 2:
        connection.send(json.dumps({"event": "error", "data": {"code": "rate_limited", "message": "slow down"}}))


def run(port: int, *, within_s: float = SOON_S) -> tuple[Connected, Sent, DeliverySnapshot, list[str]]:
    failures = Failures()
    with WorkerPool(1, failures=failures, on_progress=lambda ready, deliveries: None) as pool:
        here = [Address("127.0.0.1", port)]
        (connected,) = pool.connect(addresses=here, tokens=("t",), count=1, at_once=1, room_ids=("r",), within_s=30)
        (sent,) = pool.send(senders=1, rate_per_s=100, seconds=0.04, content_bytes=40, within_s=within_s)
        _, (snapshot,) = pool.settle([sent], after={"r": 0}, within_s=within_s)
        pool.report_failures()
    return connected, sent, snapshot, failures.kept


def test_what_came_once_and_in_order_is_counted_and_timed() -> None:
    with scripted(rightly) as port:
        connected, sent, snapshot, failures = run(port, within_s=PATIENT_S)
    assert failures == []
    assert connected.ready == 1
    assert (sent.sent, sent.acked_seqs) == (MESSAGES, {"r": (1, 2, 3, 4)})
    assert (snapshot.deliveries, snapshot.open) == (MESSAGES, 1)
    assert all(
        sum(counts.values()) == MESSAGES for counts in (snapshot.delivery_us, snapshot.ack_us, snapshot.own_delivery_us)
    )


@pytest.mark.parametrize(
    ("script", "noticed"),
    [
        (all_but_the_second, "connection 0.0: gap, expected seq 2, got 3"),
        (the_second_twice, "connection 0.0: double, seq 2 came again"),
        (the_second_after_the_third, "connection 0.0: wrong order, seq 2 came after 3"),
        (all_but_the_last, "connection 0.0: 1 missing at the end, has seq 3 of 4"),
        (contents_swapped, "connection 0.0: acked as seq 2, delivered as seq 1"),
        (closing_at_the_second, "connection 0.0: closed with 4413 too slow"),
        (refusing_the_second, "connection 0.0: error rate_limited: slow down"),
    ],
)
def test_a_server_that_does_wrong_is_caught(script: Script, noticed: str) -> None:
    with scripted(script) as port:
        *_, failures = run(port)
    assert noticed in failures


@pytest.mark.parametrize("script", [rightly, all_but_the_second])
def test_each_connection_sends_to_its_own_room_and_is_checked_there(script: Script) -> None:
    failures, within_s = Failures(), PATIENT_S if script is rightly else SOON_S
    with (
        scripted(script) as port,
        WorkerPool(1, failures=failures, on_progress=lambda ready, deliveries: None) as pool,
    ):
        pool.connect(
            addresses=[Address("127.0.0.1", port)],
            tokens=("t",),
            count=2,
            at_once=2,
            room_ids=("r", "s"),
            within_s=PATIENT_S,
        )
        (sent,) = pool.send(senders=2, rate_per_s=100, seconds=0.06, content_bytes=40, within_s=within_s)
        heads, (snapshot,) = pool.settle([sent], after={"r": 0, "s": 0}, within_s=within_s)
        pool.report_failures()
    assert (heads, sent.acked_seqs) == ({"r": 3, "s": 3}, {"r": (1, 2, 3), "s": (1, 2, 3)})
    gaps = [f"connection 0.{number}: gap, expected seq 2, got 3" for number in (0, 1)]
    assert sorted(what for what in failures.kept if "gap" in what) == ([] if script is rightly else gaps)
    assert bool(failures.kept) is (script is not rightly)
    assert snapshot.deliveries == (6 if script is rightly else 4)


def test_a_server_that_is_not_there_is_a_failure_of_each_connection() -> None:
    with scripted(rightly) as port:
        pass
    connected, sent, snapshot, failures = run(port)
    assert (connected.ready, sent.sent, snapshot.open) == (0, 0, 0)
    assert any("Connection refused" in failure for failure in failures)


@contextmanager
def refusing(*, upgrades: int, joins: int, retry_after_s: int) -> Iterator[int]:
    """A server that is too busy for the first upgrades, then for the first joins; its port."""
    refused = {"upgrades": 0, "joins": 0}

    def refuse(connection: ServerConnection, request: Request) -> Response | None:
        if refused["upgrades"] == upgrades:
            return None
        refused["upgrades"] += 1
        response = connection.respond(503, "busy")
        response.headers["Retry-After"] = str(retry_after_s)
        return response

    def serve_one(connection: ServerConnection) -> None:
        for text in connection:
            command = json.loads(text)
            if refused["joins"] == joins:
                connection.send(json.dumps({"event": "ack", "id": command["id"], "data": {"seq": 0}}))
                continue
            refused["joins"] += 1
            error = {"code": "unavailable", "message": "busy", "retryAfter": retry_after_s}
            connection.send(json.dumps({"event": "error", "id": command["id"], "data": error}))

    with serving_websockets(serve_one, refuse=refuse) as port:
        yield port


def connect_to(port: int, *, count: int, within_s: float) -> tuple[Connected, list[str]]:
    failures = Failures()
    with WorkerPool(1, failures=failures, on_progress=lambda ready, deliveries: None) as pool:
        here = [Address("127.0.0.1", port)]
        (connected,) = pool.connect(
            addresses=here, tokens=("t",), count=count, at_once=2, room_ids=("r",), within_s=within_s
        )
        pool.settle([], after={"r": 0}, within_s=within_s)
        pool.report_failures()
    return connected, failures.kept


def test_a_server_that_is_busy_is_asked_again_when_it_says_and_the_refusals_are_counted() -> None:
    with refusing(upgrades=3, joins=2, retry_after_s=0) as port:
        connected, failures = connect_to(port, count=4, within_s=PATIENT_S)
    assert failures == []
    assert (connected.ready, connected.refused, sum(connected.ready_us.values())) == (4, 5, 4)


def test_a_server_that_stays_busy_is_a_failure_of_each_connection() -> None:
    with refusing(upgrades=2, joins=0, retry_after_s=60) as port:
        connected, failures = connect_to(port, count=2, within_s=SOON_S)
    assert connected.ready == 0
    assert sorted(failure.partition(":")[0] for failure in failures) == ["connection 0.0", "connection 0.1"]


@contextmanager
def busy(results: Callable[[ServerConnection, dict[str, Any]], None]) -> Iterator[int]:
    """A server that acks a join and leaves the rest to `answers(connection, command)`; its port."""

    def serve_one(connection: ServerConnection) -> None:
        try:
            connection.send(json.dumps({"event": "welcome", "data": {"connectionId": "c"}}))
            for text in connection:
                command = json.loads(text)
                if command["event"] == "joinRoom":
                    connection.send(json.dumps({"event": "ack", "id": command["id"], "data": {"seq": 0}}))
                else:
                    results(connection, command)
        except ConnectionClosed:
            pass

    with serving_websockets(serve_one) as port:
        yield port


def overloaded(
    port: int, *, rate_per_s: float = 100, seconds: float = 0.04, content_bytes: int = 40, within_s: float = SOON_S
) -> tuple[Sent, DeliverySnapshot, list[str]]:
    failures = Failures()
    with WorkerPool(1, failures=failures, on_progress=lambda ready, deliveries: None) as pool:
        here = [Address("127.0.0.1", port)]
        pool.connect(addresses=here, tokens=("t",), count=1, at_once=1, room_ids=("r",), within_s=30)
        (sent,) = pool.send(
            senders=1,
            rate_per_s=rate_per_s,
            seconds=seconds,
            content_bytes=content_bytes,
            within_s=within_s,
            may_refuse=True,
        )
        _, (snapshot,) = pool.settle([sent], after={"r": 0}, within_s=within_s)
        pool.report_failures()
    return sent, snapshot, failures.kept


class EverySecond:
    """Takes every second message, refuses the others with a code; `delivers` what it refuses, too, which is wrong."""

    def __init__(self, code: str, *, delivers: bool = False) -> None:
        self._code = code
        self._delivers = delivers
        self._came = 0

    def __call__(self, connection: ServerConnection, command: dict[str, Any]) -> None:
        self._came += 1
        message = command["data"] | {"seq": (self._came + 1) // 2 if not self._delivers else self._came}
        if self._came % 2 or self._delivers:
            deliver(connection, message)
        if self._came % 2:
            connection.send(json.dumps({"event": "ack", "id": command["id"], "data": {"message": message}}))
        else:
            connection.send(
                json.dumps({"event": "error", "id": command["id"], "data": {"code": self._code, "message": "no"}})
            )


@pytest.mark.parametrize("code", ["unavailable", "rate_limited"])
def test_where_the_server_may_refuse_what_it_refuses_is_counted_and_the_rest_is_checked(code: str) -> None:
    with busy(EverySecond(code)) as port:
        sent, snapshot, failures = overloaded(port, within_s=PATIENT_S)
    assert failures == []
    assert (sent.sent, sent.refused, sent.acked_seqs) == (4, 2, {"r": (1, 2)})
    assert (sent.window.sent, sent.window.unsent) == (4, 0)
    assert sent.window.acked + sent.window.refused <= 4
    assert snapshot.deliveries == 2


@pytest.mark.parametrize(
    ("results", "noticed"),
    [
        (EverySecond("internal"), "connection 0.0: error internal: no"),
        (EverySecond("unavailable", delivers=True), "connection 0.0: a message was delivered and refused: unavailable"),
    ],
)
def test_where_the_server_may_refuse_it_may_not_do_wrong(results: EverySecond, noticed: str) -> None:
    with busy(results) as port:
        *_, failures = overloaded(port)
    assert noticed in failures


def test_what_the_kernel_does_not_take_is_counted_and_not_sent() -> None:
    over = threading.Event()
    with busy(lambda connection, command: (over.wait(10), None)[1]) as port:
        try:
            sent, _, failures = overloaded(port, rate_per_s=20_000, seconds=1.5, content_bytes=2000)
        finally:
            over.set()
    assert sent.window.unsent > 0
    assert 0 < sent.window.sent + sent.window.unsent <= 30_000
    assert any("not acked and back" in failure for failure in failures)
    assert "double" not in " ".join(failures)
