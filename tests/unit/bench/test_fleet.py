"""The load client over real sockets, from its own process: a server that does wrong is caught, one that does right is not."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

from bench.checker import Failures
from bench.client.orders import Connected, Sent, Tally
from bench.fleet import Fleet

Script = Callable[[ServerConnection, list[dict[str, Any]]], None]
MESSAGES = 4


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

    server: Server = serve(serve_one, "127.0.0.1", 0, compression=None, ping_interval=None)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.socket.getsockname()[1]
    finally:
        server.shutdown()
        thread.join()


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


def run(port: int) -> tuple[Connected, Sent, Tally, list[str]]:
    failures = Failures()
    with Fleet(1, failures=failures, on_progress=lambda ready, deliveries: None) as fleet:
        (connected,) = fleet.connect(host="127.0.0.1", port=port, tokens=("t",), count=1, at_once=1, room_id="r", within_s=5)
        (sent,) = fleet.send(room_id="r", senders=1, rate_per_s=100, seconds=0.04, content_bytes=40, within_s=0.5)
        _, (tally,) = fleet.settle([sent], room_id="r", after_seq=0, within_s=0.5)
        fleet.report_failures()
    return connected, sent, tally, failures.kept


def test_what_came_once_and_in_order_is_counted_and_timed() -> None:
    with scripted(rightly) as port:
        connected, sent, tally, failures = run(port)
    assert failures == []
    assert connected.ready == 1
    assert (sent.sent, sent.acked_seqs) == (MESSAGES, (1, 2, 3, 4))
    assert (tally.deliveries, tally.open) == (MESSAGES, 1)
    assert all(sum(counts.values()) == MESSAGES for counts in (tally.delivery_us, tally.ack_us, tally.own_delivery_us))


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


def test_a_server_that_is_not_there_is_a_failure_of_each_connection() -> None:
    with scripted(rightly) as port:
        pass
    connected, sent, tally, failures = run(port)
    assert (connected.ready, sent.sent, tally.open) == (0, 0, 0)
    assert any("Connection refused" in failure for failure in failures)
