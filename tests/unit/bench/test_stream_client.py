"""The stream client over real sockets, from its own process: against the least server, and against wrong ones."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection

from bench.delivery_checker import Failures
from bench.peers.peer import least_server
from bench.peers.peer_process import PeerProcess
from bench.rest_client import Address
from bench.stream_client.dialect import Dialect
from bench.stream_client.stream_pool import StreamPool, Stretch
from tests.support.websocket_server import serving_websockets

pytestmark = pytest.mark.bench

READERS = 3
WELCOME = "welcome"  # which tells that the server knows a reader: the upgrade alone does not
PLAIN = Dialect(path="/", message='{"content":"%m"}', numbered=True, ready=WELCOME)
BY_MARKERS = Dialect(path="/", message='{"content":"%m"}', batches=True, ready=WELCOME)

Texts = Callable[[int, int, list[str]], list[str]]


def number(seq: int, content: str) -> str:
    return json.dumps({"seq": seq, "content": content}, separators=(",", ":"))


@contextmanager
def room_of(texts: Texts) -> Iterator[int]:
    """A server with one room; `texts(reader, seq, all so far)` is what that reader is sent for a message."""
    readers: list[ServerConnection] = []
    messages: list[str] = []
    lock = threading.Lock()

    def serve_one(connection: ServerConnection) -> None:
        try:
            with lock:
                readers.append(connection)
                connection.send(WELCOME)
            for text in connection:
                with lock:
                    messages.append(number(len(messages) + 1, json.loads(text)["content"]))
                    for place, reader in enumerate(readers):
                        for sent in texts(place, len(messages), messages):
                            reader.send(sent)
        except ConnectionClosed:
            pass  # the client may be as rude as it likes

    with serving_websockets(serve_one) as port:
        yield port


def rightly(reader: int, seq: int, messages: list[str]) -> list[str]:
    return [messages[-1]]


def the_second_not_to_one(reader: int, seq: int, messages: list[str]) -> list[str]:
    return [] if (reader, seq) == (1, 2) else [messages[-1]]


def the_second_twice_to_one(reader: int, seq: int, messages: list[str]) -> list[str]:
    return [messages[-1]] * (2 if (reader, seq) == (1, 2) else 1)


def the_second_after_the_third_to_all(reader: int, seq: int, messages: list[str]) -> list[str]:
    return [] if seq == 2 else [messages[-1], messages[-2]] if seq == 3 else [messages[-1]]


def another_text_to_one(reader: int, seq: int, messages: list[str]) -> list[str]:
    return [messages[-1].replace("x", "y") if (reader, seq) == (2, 2) else messages[-1]]


def spaced_for_one(reader: int, seq: int, messages: list[str]) -> list[str]:
    return [messages[-1].replace(":", ": ") if reader == 2 else messages[-1]]


def pairs_for_one(reader: int, seq: int, messages: list[str]) -> list[str]:
    """Two messages in a frame."""
    if reader != 2:
        return [messages[-1]]
    return [] if seq % 2 else ["\n".join(messages[-2:])]


def measured(port: int, dialect: Dialect = PLAIN, *, messages: int = 4) -> tuple[Stretch, Failures]:
    """What four messages at 20/s from one of the readers come to."""
    failures = Failures()
    with StreamPool(Address("127.0.0.1", port), dialect, processes=1, failures=failures, settle_within_s=1) as pool:
        for _ in range(READERS):  # one after the other, so that the server's numbers of them are known
            pool.open(1, tokens=["t"], room_ids=["r"], at_once=1, within_s=30)
        stretch = pool.send(senders=1, rate_per_s=20, seconds=messages / 20 - 0.01, content_bytes=60)
    return stretch, failures


def test_a_server_that_delivers_rightly_has_no_failure_and_every_latency_counted() -> None:
    with room_of(rightly) as port:
        stretch, failures = measured(port)
    assert failures.kept == []
    assert (stretch.messages, stretch.deliveries, stretch.latency.count) == (4, 4 * READERS, 4 * READERS)
    assert stretch.late.count == 4


@pytest.mark.parametrize(
    ("texts", "why"),
    [
        (the_second_not_to_one, "connection 1: "),
        (the_second_twice_to_one, "connection 1: "),
        (the_second_after_the_third_to_all, "expected seq 2, got 3"),
        (another_text_to_one, "message 2 of the room has other bytes than its first reader got"),
        (lambda reader, seq, messages: [messages[-1]] if seq < 4 else [], "has 3 of 4 messages"),
    ],
)
def test_a_server_that_does_wrong_is_caught(texts: Texts, why: str) -> None:
    with room_of(texts) as port:
        _, failures = measured(port)
    assert failures.count
    assert any(why in one for one in failures.kept), failures.kept


@pytest.mark.parametrize("texts", [spaced_for_one, pairs_for_one])
def test_by_markers_only_the_messages_must_be_the_same(texts: Texts) -> None:
    with room_of(texts) as port:
        stretch, failures = measured(port, BY_MARKERS)
    assert failures.kept == []
    assert stretch.deliveries == 4 * READERS


def test_by_markers_a_wrong_order_is_caught_too() -> None:
    with room_of(the_second_not_to_one) as port:
        _, failures = measured(port, BY_MARKERS)
    assert any("message 2 of the room is another than its first reader got" in one for one in failures.kept)


def test_a_greeting_is_answered_and_what_is_no_message_is_not_counted() -> None:
    def greet(connection: ServerConnection) -> None:
        connection.send('0{"sid":1}')
        try:
            for text in connection:
                if text == "40":
                    connection.send("40 welcome")
                elif text == "3":
                    connection.send("message " + held.pop())
                else:
                    held.append(str(text))
                    connection.send("2")
        except ConnectionClosed:
            pass

    held: list[str] = []
    dialect = Dialect(path="/", message="%m", replies={"0{": "40", "2": "3"}, ready="40")
    failures = Failures()
    with (
        serving_websockets(greet) as port,
        StreamPool(Address("127.0.0.1", port), dialect, processes=1, failures=failures) as pool,
    ):
        assert pool.open(1, tokens=[""], room_ids=["r"], at_once=1, within_s=30).ready == 1
        assert pool.send(senders=1, rate_per_s=None, seconds=0.1, content_bytes=40).messages > 0
    assert failures.kept == []


def test_a_server_that_is_not_there_is_a_failure_of_every_connection() -> None:
    failures = Failures()
    with StreamPool(Address("127.0.0.1", 1), PLAIN, processes=1, failures=failures) as pool:
        assert pool.open(2, tokens=[""], room_ids=["r"], at_once=2, within_s=30).ready == 0
        pool.send(senders=0, rate_per_s=None, seconds=0.01, content_bytes=40)
    assert [one.split(":")[0] for one in failures.kept] == ["connection 0", "connection 1"]


def test_the_least_server_stores_acks_and_delivers_in_rooms_and_two_processes_see_the_same() -> None:
    failures = Failures()
    peer = least_server(acks=True)
    with (
        PeerProcess(peer.name, peer.command, failures=failures) as server,
        StreamPool(server.address, peer.dialect, processes=2, failures=failures) as pool,
    ):
        for rooms in (["a"], ["b", "c"]):
            pool.open(12, tokens=["t"], room_ids=rooms, at_once=5, within_s=30)
            for content_bytes in range(40, 100):  # lengths that a frame writes down in each way
                pool.send(senders=1, rate_per_s=1000, seconds=0.001, content_bytes=content_bytes)
            steady = pool.send(senders=4, rate_per_s=100, seconds=0.3, content_bytes=64)
            closed = pool.send(senders=6, rate_per_s=None, seconds=0.3, content_bytes=64, sample_every=5)
            pool.close_connections()
            assert steady.messages == steady.acked == 30
            assert steady.deliveries == steady.latency.count == 30 * 12 // len(rooms)
            assert closed.deliveries == closed.messages * 12 // len(rooms) > 0
            assert 0 < closed.latency.count < closed.deliveries
    assert failures.kept == []


def test_the_least_server_stays_up_when_its_peers_misbehave() -> None:
    failures = Failures()
    peer = least_server(acks=False)
    with PeerProcess(peer.name, peer.command, failures=failures) as server:
        rude = Dialect(path="/ws?room=%r", message="no JSON %m")
        with StreamPool(server.address, rude, processes=1, failures=Failures(), settle_within_s=1) as pool:
            pool.open(1, tokens=["t"], room_ids=["a"], at_once=1, within_s=30)
            pool.send(senders=1, rate_per_s=None, seconds=0.05, content_bytes=64)
        with StreamPool(server.address, peer.dialect, processes=1, failures=failures) as pool:
            pool.open(2, tokens=["t"], room_ids=["a"], at_once=2, within_s=30)
            assert pool.send(senders=1, rate_per_s=50, seconds=0.2, content_bytes=64).deliveries == 20
    assert failures.kept == []
