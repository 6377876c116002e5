"""A client that rejoins many rooms at once, and how refusals of commands sent in one burst are counted."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from tests.integration.conftest import Start, StoreEnv, embedded
from tests.support.client import CommandRefused, Person, chat, register
from tests.support.frames import client_frame
from tests.support.raw_websocket_client import RawWebSocket
from tests.support.server import ServerProcess, serving

pytestmark = embedded


@pytest.fixture(scope="module")
def limited_server(tmp_path_factory: pytest.TempPathFactory, store_env: StoreEnv) -> Iterator[ServerProcess]:
    """A shared server with low limits on heartbeats and joins, which count by user."""
    limits = {"RATE_LIMIT_ROOMS": "off", "RATE_LIMIT_RESUMES": "600/3600", "RATE_LIMIT_TYPING": "3/3600"}
    with serving(tmp_path_factory.mktemp("strict") / "data", limits) as one:
        yield one


@contextmanager
def paused(server: ServerProcess) -> Iterator[None]:
    """Stop the process until the end of the block: what is written meanwhile is one burst, sent before the server reads
    any of it.
    """
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


def send_in_one_write(connection: RawWebSocket, commands: list[tuple[str, dict[str, Any]]]) -> None:
    texts = [
        json.dumps({"event": event, "id": str(number), "data": data}) for number, (event, data) in enumerate(commands)
    ]
    connection.socket.sendall(b"".join(client_frame(1, text.encode(), final=True, mask=b"\0\0\0\0") for text in texts))


def read_replies(connection: RawWebSocket, count: int) -> list[str]:
    """The next `count` replies, in order: `ack`, or the code of the error. Fewer if the server closes."""
    replies: list[str] = []
    while len(replies) < count and (message := connection.read_message()) is not None:
        if message["event"] in ("ack", "error"):
            replies.append(message["data"]["code"] if message["event"] == "error" else "ack")
    return replies


def rooms_of(person: Person, count: int) -> list[str]:
    with ThreadPoolExecutor(8) as pool:
        return [room["id"] for room in pool.map(lambda _: person.make_room(), range(count))]


def test_a_member_of_a_hundred_rooms_who_resumes_them_in_one_write_gets_a_hundred_acks(start: Start) -> None:
    server = start(RATE_LIMIT_ROOMS="off")
    ada = register(server.url)
    rooms = rooms_of(ada, 100)
    with RawWebSocket(server.port, token=ada.access_token) as connection:
        send_in_one_write(connection, [("joinRoom", {"roomId": room, "since": 0}) for room in rooms])
        assert read_replies(connection, 100) == ["ack"] * 100


def test_past_the_limit_of_resuming_one_burst_is_refused_and_closes_nothing(limited_server: ServerProcess) -> None:
    ada = register(limited_server.url)
    rooms = rooms_of(ada, 20)
    with RawWebSocket(limited_server.port, token=ada.access_token) as connection:
        with paused(limited_server):
            send_in_one_write(connection, [("joinRoom", {"roomId": room}) for _ in range(50) for room in rooms])
        replies = read_replies(connection, 1_000)
        assert replies.count("ack") in range(600, 615)
        assert replies.count("rate_limited") == 1_000 - replies.count("ack")
        send_in_one_write(connection, [("heartbeat", {})])
        assert read_replies(connection, 1) == ["ack"]


def test_a_frame_behind_a_burst_makes_no_separate_refusals_of_it(start: Start) -> None:
    server = start(RATE_LIMIT_RESUMES="10/3600")
    ada = register(server.url)
    room = ada.make_room()["id"]
    # more than one read, less than the kernel's buffers
    commands = [("joinRoom", {"roomId": room, "padding": "." * 200})] * 300
    with RawWebSocket(server.port, token=ada.access_token) as connection:
        with paused(server):
            send_in_one_write(connection, commands)
        replies = read_replies(connection, 11)
        send_in_one_write(connection, [("heartbeat", {})])
        replies += read_replies(connection, len(commands) + 1 - len(replies))
        assert (replies.count("ack"), replies.count("rate_limited"), replies[-1]) == (11, 290, "ack")


@pytest.mark.gen_test
async def test_a_new_membership_counts_as_a_join_an_old_one_as_resuming_and_what_is_not_there_as_neither(
    start: Start,
) -> None:
    server = start(RATE_LIMIT_JOINS="2/3600", RATE_LIMIT_RESUMES="3/3600", RATE_LIMIT_TYPING="4/3600")
    ada, eve = register(server.url), register(server.url)
    rooms = [ada.make_room()["id"] for _ in range(3)]
    async with chat(server.ws_url, eve) as e:

        async def joined(room: str) -> str:
            try:
                await e.command("joinRoom", roomId=room)
            except CommandRefused as refused:
                return refused.code
            return "ack"

        assert [await joined(room) for room in rooms] == ["ack", "ack", "rate_limited"]
        assert [await joined(rooms[0]) for _ in range(4)] == ["ack"] * 3 + ["rate_limited"]
        assert [await joined("nowhere") for _ in range(5)] == ["room_not_found"] * 4 + ["rate_limited"]


def test_of_twenty_refusals_those_that_had_come_before_the_first_was_answered_are_one(
    limited_server: ServerProcess,
) -> None:
    ada = register(limited_server.url)
    with RawWebSocket(limited_server.port, token=ada.access_token) as connection:
        send_in_one_write(connection, [("heartbeat", {})] * 40)
        assert read_replies(connection, 40) == ["ack"] * 3 + ["rate_limited"] * 37
        for _ in range(19):
            send_in_one_write(connection, [("heartbeat", {})])
            assert read_replies(connection, 1) == ["rate_limited"]
        assert connection.read_close() == 1008


def test_of_a_second_burst_each_refusal_counts(limited_server: ServerProcess) -> None:
    ada = register(limited_server.url)
    with RawWebSocket(limited_server.port, token=ada.access_token) as connection:
        send_in_one_write(connection, [("heartbeat", {})] * 40)
        assert read_replies(connection, 40) == ["ack"] * 3 + ["rate_limited"] * 37
        send_in_one_write(connection, [("heartbeat", {})] * 40)
        assert read_replies(connection, 40) == ["rate_limited"] * 19
        assert connection.close_code == 1008


def test_a_success_in_between_begins_the_count_anew(limited_server: ServerProcess) -> None:
    ada = register(limited_server.url)
    room = ada.make_room()["id"]
    with RawWebSocket(limited_server.port, token=ada.access_token) as connection:
        send_in_one_write(connection, [("heartbeat", {})] * 3)
        assert read_replies(connection, 3) == ["ack"] * 3
        for _ in range(3):
            for _ in range(15):
                send_in_one_write(connection, [("heartbeat", {})])
                assert read_replies(connection, 1) == ["rate_limited"]
            send_in_one_write(connection, [("joinRoom", {"roomId": room})])
            assert read_replies(connection, 1) == ["ack"]
