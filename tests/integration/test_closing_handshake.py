"""Commands received before a peer's Close, or before the end of its data, are executed. Once the server closes, it
begins no more commands.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator

import pytest

from tests.integration.conftest import embedded_store
from tests.support.client import Person, call, register
from tests.support.frames import CLOSE, CONTINUATION, TEXT, client_frame, close_payload
from tests.support.raw_websocket_client import RawWebSocket
from tests.support.server import ServerProcess, serving
from tests.support.waiting import poll

A_TURN = 50  # messages of a client that then disconnects: more than are queued before reading pauses
CLOSE_FRAME = client_frame(CLOSE, close_payload(1000))


store_env = embedded_store  # what is tested here is before any store


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    limits = {"RATE_LIMIT_MESSAGES": "off", "RATE_LIMIT_TYPING": "off"}
    with serving(tmp_path_factory.mktemp("goodbye") / "data", limits) as process:
        yield process


@pytest.fixture
def ada(server: ServerProcess) -> Person:
    return register(server.url)


def command(event: str, number: int, **data: object) -> bytes:
    return client_frame(TEXT, json.dumps({"event": event, "id": f"n{number}", "data": data}).encode())


def messages(room: str, count: int, content: str = "hello") -> bytes:
    return b"".join(
        command("sendMessage", number, roomId=room, content=f"{content} {number}") for number in range(count)
    )


def stored_contents(who: Person, room: str) -> list[str]:
    """The contents of the room's messages, read page by page."""
    found: list[str] = []
    while True:
        page = who.call("GET", "/messages", roomId=room, after=len(found), limit=100).json
        found += [message["content"] for message in page["messages"]]
        if not page["hasMore"]:
            return found


def stored_count(who: Person, room: str) -> int:
    """How many messages the room has. Unlike `stored_contents` it is cheap enough to poll."""
    last: int = who.call("GET", f"/rooms/{room}").json["room"]["lastSeq"]
    return last


def connections(server: ServerProcess) -> int:
    now: int = call(server.url, "GET", "/metrics/websocket").json["connections"]["now"]
    return now


def ack_ids(raw: RawWebSocket) -> list[str]:
    """The ids of all acks up to the Close, or the end."""
    acked = []
    try:
        while (message := raw.read_message()) is not None:
            if message["event"] == "ack":
                acked.append(message["id"])
    except ConnectionError:
        pass
    return acked


@pytest.mark.parametrize("count", [10, 100, 1000])
def test_all_that_came_before_a_close_is_stored_and_answered_and_then_the_close_is(
    server: ServerProcess, ada: Person, count: int
) -> None:
    room = ada.make_room()["id"]
    with RawWebSocket(server.port, token=ada.access_token) as raw:
        raw.socket.sendall(messages(room, count) + CLOSE_FRAME)
        assert ack_ids(raw) == [f"n{number}" for number in range(count)]
        assert raw.close_code == 1000
        assert raw.is_closed()
    assert stored_contents(ada, room) == [f"hello {number}" for number in range(count)]


def end_at_once(raw: RawWebSocket) -> None:
    raw.socket.close()


def reset_at_once(raw: RawWebSocket) -> None:
    raw.reset()


@pytest.mark.parametrize("last", [CLOSE_FRAME, b"", messages("x", 1)[:-1]], ids=["a Close", "nothing", "half a frame"])
@pytest.mark.parametrize("end", [end_at_once, reset_at_once])
def test_who_sends_and_is_gone_has_all_of_it_stored(
    server: ServerProcess, ada: Person, last: bytes, end: Callable[[RawWebSocket], None]
) -> None:
    """A browser's `send(); close()` and a page that is left: nobody reads the answers, some of which meet a reset."""
    room = ada.make_room()["id"]
    for turn in range(6):
        with RawWebSocket(server.port, token=ada.access_token) as raw:
            assert raw.read_message() is not None
            raw.socket.sendall(messages(room, A_TURN, f"turn {turn},") + last)
            end(raw)
        poll(
            lambda turn=turn: stored_count(ada, room) >= A_TURN * (turn + 1),
            describe=lambda: str(stored_count(ada, room)),
        )
        assert stored_contents(ada, room) == [
            f"turn {one}, {number}" for one in range(turn + 1) for number in range(A_TURN)
        ]
    poll(lambda: connections(server) == 0)


def test_who_ends_its_sending_alone_gets_all_answers_and_then_the_end(server: ServerProcess, ada: Person) -> None:
    room = ada.make_room()["id"]
    with RawWebSocket(server.port, token=ada.access_token) as raw:
        raw.socket.sendall(messages(room, 100))
        raw.socket.shutdown(socket.SHUT_WR)
        assert ack_ids(raw) == [f"n{number}" for number in range(100)]
        assert raw.close_code is None
        assert raw.is_closed()
    assert len(stored_contents(ada, room)) == 100


@pytest.mark.parametrize("reads", [True, False])
def test_who_logs_in_by_the_first_frame_may_say_goodbye_in_the_same_write(
    server: ServerProcess, ada: Person, reads: bool
) -> None:
    room = ada.make_room()["id"]
    with RawWebSocket(server.port) as raw:
        raw.socket.sendall(command("authenticate", 100, token=ada.access_token) + messages(room, 100) + CLOSE_FRAME)
        if reads:
            assert ack_ids(raw) == ["n100", *(f"n{number}" for number in range(100))]
    poll(lambda: stored_count(ada, room) == 100, describe=lambda: f"{stored_count(ada, room)} of 100")
    assert len(stored_contents(ada, room)) == 100


def test_after_its_close_a_peer_is_not_heard_any_more(server: ServerProcess, ada: Person) -> None:
    room = ada.make_room()["id"]
    with RawWebSocket(server.port, token=ada.access_token) as raw:
        raw.socket.sendall(messages(room, 3) + CLOSE_FRAME + messages(room, 3, "too late"))
        assert ack_ids(raw) == ["n0", "n1", "n2"]
        assert raw.close_code == 1000
    assert stored_contents(ada, room) == ["hello 0", "hello 1", "hello 2"]


def test_a_subscription_of_a_goodbye_ends_with_it(server: ServerProcess, ada: Person) -> None:
    room = ada.make_room()["id"]
    for _ in range(20):
        with RawWebSocket(server.port, token=ada.access_token) as raw:
            raw.socket.sendall(command("joinRoom", 0, roomId=room) + messages(room, 5) + CLOSE_FRAME)
            raw.socket.close()
    poll(lambda: connections(server) == 0)
    poll(lambda: ada.call("GET", f"/rooms/{room}/stats").json["onlineCount"] == 0)
    assert len(stored_contents(ada, room)) == 100
    rooms = call(server.url, "GET", "/metrics/websocket").json["rooms"]
    assert room not in [one["roomId"] for one in rooms["top"]]


def test_behind_a_session_that_is_revoked_nothing_more_is_begun(server: ServerProcess, ada: Person) -> None:
    room = ada.make_room()["id"]
    with RawWebSocket(server.port, token=ada.access_token) as raw:
        assert raw.read_message() is not None
        raw.socket.sendall(messages(room, 2000) + CLOSE_FRAME)
        while (message := raw.read_message()) is not None and message["event"] != "ack":
            pass
        assert ada.call("POST", "/auth/logout").status == 204
        acked = 1 + len(ack_ids(raw))
        assert raw.close_code in (4403, 1000)
    eve = register(server.url)
    eve.join(room)
    assert acked <= len(stored_contents(eve, room)) <= acked + 1, (
        "what was under way may have been stored; its answer was not"
    )


def test_broken_framing_ends_what_was_not_begun(server: ServerProcess, ada: Person) -> None:
    room = ada.make_room()["id"]
    with RawWebSocket(server.port, token=ada.access_token) as raw:
        raw.socket.sendall(messages(room, 50) + client_frame(CONTINUATION, b"of nothing") + CLOSE_FRAME)
        acked = ack_ids(raw)
        assert raw.close_code == 1002
    found = stored_contents(ada, room)
    assert found == [f"hello {number}" for number in range(len(found))], "a part from the beginning"
    assert len(acked) <= len(found) <= len(acked) + 1
