"""The probe asks a real WebSocket server all the while, and says when it could not."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection

from bench.errors import BenchError
from bench.histogram import Histogram
from bench.latency_probe import LatencyProbe
from bench.rest_client import Address
from tests.support.websocket_server import serving_websockets


@contextmanager
def answering(answer: Callable[[str], str | None]) -> Iterator[Address]:
    def serve_one(connection: ServerConnection) -> None:
        try:
            for text in connection:
                assert isinstance(text, str)
                said = answer(text)
                if said is None:
                    connection.close(1012)
                else:
                    connection.send(said)
        except ConnectionClosed:
            pass

    with serving_websockets(serve_one) as port:
        yield Address("127.0.0.1", port)


def ack(text: str) -> str:
    return json.dumps({"event": "ack", "id": json.loads(text)["id"], "data": {}})


def wait_for(histogram: Histogram, count: int) -> None:
    deadline = time.monotonic() + 30
    while histogram.count < count and time.monotonic() < deadline:
        time.sleep(0.01)  # the poll's pace


def test_pings_and_heartbeats_are_timed_apart() -> None:
    with answering(ack) as address, LatencyProbe(address, "t") as probe:
        latencies = probe.measure(60)
        wait_for(latencies.ping, 3)
        wait_for(latencies.heartbeat, 3)
    assert latencies.ping.count >= 3
    assert latencies.heartbeat.count >= 3
    assert (latencies.ping.percentile_ms(100) or 0) > 0


def test_what_is_due_after_the_time_is_not_counted() -> None:
    with answering(ack) as address, LatencyProbe(address, "t") as probe:
        short = probe.measure(0)
        longer = probe.measure(60)
        wait_for(longer.heartbeat, 1)
    assert short.heartbeat.count == 0


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda text: None, "closed with 1012"),
        (
            lambda text: json.dumps({"event": "error", "data": {"code": "unavailable"}}),
            "a heartbeat was refused: unavailable",
        ),
    ],
)
def test_a_server_that_does_not_answer_rightly_is_reported(answer: Callable[[str], str | None], why: str) -> None:
    with answering(answer) as address, pytest.raises(BenchError, match=why), LatencyProbe(address, "t") as probe:
        probe._thread.join(10)


def test_a_server_that_is_not_there_is_reported_at_once() -> None:
    with answering(ack) as address:
        pass
    with pytest.raises(BenchError, match="could not connect"), LatencyProbe(address, "t"):
        pass


def test_pings_that_one_pong_answers_waited_until_it_came() -> None:
    """A server that was late answers only the newest of those it finds; to count that one alone would hide how late it
    was.
    """
    probe = LatencyProbe(Address("127.0.0.1", 1), "t")
    latencies = probe.measure(60)
    now_ns = time.monotonic_ns()
    probe._pings_ns.extend((now_ns, now_ns + 1, now_ns + 2, now_ns + 3))
    pong = (now_ns + 2).to_bytes(8, "big")
    assert probe._take_frames(bytes((0x8A, 8)) + pong) == b""
    assert latencies.ping.count == 3
    assert list(probe._pings_ns) == [now_ns + 3]


def test_heartbeats_that_were_due_while_one_had_no_answer_waited_until_it_came() -> None:
    """One at a time is sent; to count that one alone would hide how many a stall concerned."""
    probe = LatencyProbe(Address("127.0.0.1", 1), "t")
    latencies = probe.measure(60)
    first_ns = time.monotonic_ns()
    probe._heartbeat_due_ns = first_ns
    while time.monotonic_ns() < first_ns + 120_000_000:
        time.sleep(0.01)  # the stall
    answer = ack(json.dumps({"id": "heartbeat"})).encode()
    assert probe._take_frames(bytes((0x81, len(answer))) + answer) == b""
    assert latencies.heartbeat.count >= 3
    assert (latencies.heartbeat.percentile_ms(100) or 0) >= 120
