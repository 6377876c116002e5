"""Mentions, read marks and room activity, on two processes: what reaches a person's connections wherever they are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from tests.integration.conftest import Processes, Start
from tests.support.client import ChatConnection, CommandRefused, Person, call, chat, person_at, register
from tests.support.server import ServerProcess
from tests.support.waiting import until


@asynccontextmanager
async def connected(room: str, servers: Processes, *people: tuple[Person, int]) -> AsyncIterator[list[ChatConnection]]:
    """A connection of each person to the server of that number, once both processes show all of them in the room."""
    async with AsyncExitStack() as stack:
        connections = [
            await stack.enter_async_context(chat(servers[number].ws_url, person)) for person, number in people
        ]
        viewer = people[0][0]
        count = len({person.id for person, _ in people})
        for server in servers:
            await until(lambda server=server: room_at(server, viewer, room)["onlineCount"] == count)
        yield connections


def room_at(server: ServerProcess, person: Person, room: str) -> dict[str, Any]:
    found: dict[str, Any] = person_at(person, server).call("GET", f"/rooms/{room}").json["room"]
    return found


def mention_counts(person: Person) -> list[int]:
    rooms = person.call("GET", "/rooms", mine="true").json["rooms"]
    return [room["mentionCount"] for room in rooms]


@pytest.mark.gen_test
async def test_who_is_mentioned_hears_of_it_on_every_process_without_having_joined(two_servers: Processes) -> None:
    ada, bob, cleo = [register(server.url) for server in (*two_servers, two_servers[0])]
    room = ada.make_room()["id"]
    for one in (bob, cleo):
        one.join(room)
    async with connected(room, two_servers, (ada, 0), (bob, 0), (bob, 1), (cleo, 1)) as (a, b, also_b, c):
        await b.command("joinRoom", roomId=room)
        sent = ada.post(room, "@bob", mentions=[bob.id, ada.id])
        for one in (b, also_b):
            assert await one.one("mention") == {"message": sent}
        for one in (a, c):
            await one.command("heartbeat")
            assert one.named("mention") == [], "not who was not mentioned, and not the author"
    assert [mention_counts(one) for one in (ada, bob, cleo)] == [[0], [1], [0]]


@pytest.mark.gen_test
async def test_a_mention_of_all_reaches_every_member_wherever_connected(two_servers: Processes) -> None:
    ada, bob, cleo, dan, eve = [register(two_servers[number % 2].url) for number in range(5)]
    room = ada.make_room()["id"]
    for one in (bob, cleo, dan):
        one.join(room)
    assert dan.call("POST", f"/rooms/{room}/leave").status == 204
    people = ((ada, 0), (bob, 0), (bob, 1), (cleo, 1))
    async with (
        connected(room, two_servers, *people) as (a, b, also_b, c),
        chat(two_servers[1].ws_url, dan) as d,
        chat(two_servers[0].ws_url, eve) as e,
    ):
        await b.command("joinRoom", roomId=room)
        await c.command("updatePresence", status="offline")
        await until(lambda: room_at(two_servers[0], ada, room)["onlineCount"] == 2)
        sent = ada.post(room, "lunch!", mentions=["room", bob.id])
        assert sent["mentions"] == ["room", bob.id]
        for one in (b, also_b, c):
            assert await one.one("mention") == {"message": sent}
        for one in (a, d, e, b, also_b):
            await one.command("heartbeat")
        assert [len(one.named("mention")) for one in (a, d, e, b, also_b)] == [0, 0, 0, 1, 1]
    assert [mention_counts(one) for one in (ada, bob, cleo)] == [[0], [1], [1]]
    edited = ada.call("PATCH", f"/messages/{sent['id']}", {"content": "no lunch"}).json["message"]
    assert edited["mentions"] == ["room", bob.id]
    assert [mention_counts(one) for one in (bob, cleo)] == [[1], [1]]
    assert ada.call("DELETE", f"/messages/{sent['id']}").status == 200
    assert [mention_counts(one) for one in (bob, cleo)] == [[0], [0]]


@pytest.mark.gen_test
async def test_who_is_no_moderator_may_not_mention_all(two_servers: Processes) -> None:
    ada, bob, eve = [register(two_servers[0].url) for _ in range(3)]
    room, private = ada.make_room()["id"], ada.make_room(isPrivate=True)["id"]
    bob.join(room)
    body = {"roomId": room, "content": "all!", "mentions": ["room"]}
    assert bob.call("POST", "/messages", body).code == "forbidden"
    assert eve.call("POST", "/messages", body).code == "not_member"
    assert eve.call("POST", "/messages", {**body, "roomId": private}).code == "room_not_found"
    direct = ada.call("POST", "/rooms/direct", {"userId": bob.id}).json["room"]["id"]
    assert ada.call("POST", "/messages", {**body, "roomId": direct}).code == "forbidden"
    async with chat(two_servers[1].ws_url, bob) as b:
        with pytest.raises(CommandRefused) as refused:
            await b.command("sendMessage", **body)
        assert refused.value.code == "forbidden"
    assert bob.call("GET", "/messages", roomId=room).json["messages"] == []
    many = ["room", *(f"u{number}" for number in range(50))]
    assert ada.call("POST", "/messages", {**body, "mentions": many}).code == "validation_failed"


@pytest.mark.gen_test
async def test_a_read_mark_is_told_to_the_persons_connections_on_every_process_and_never_goes_back(
    two_servers: Processes,
) -> None:
    ada, bob = register(two_servers[0].url), register(two_servers[1].url)
    room = ada.make_room()["id"]
    bob.join(room)
    for number in range(6):
        ada.post(room, f"{number}", mentions=["room"] if number in (1, 4) else [])
    async with connected(room, two_servers, (bob, 0), (bob, 0), (bob, 1), (ada, 1)) as (first, same, other, a):
        states = [await first.command("messageRead", roomId=room, seq=seq) for seq in (2, 1, 5)]
        assert states == [
            {"roomId": room, "readSeq": read, "unreadCount": 6 - read, "mentionCount": mentions}
            for read, mentions in ((2, 1), (2, 1), (5, 0))
        ]
        assert await other.command("messageRead", roomId=room, seq=3) == states[-1]
        for one in (first, same, other):
            await one.until(lambda one=one: one.named("messageReadUpdate")[-1:] == [states[-1]])
            marks = [state["readSeq"] for state in one.named("messageReadUpdate")]
            assert marks == sorted(marks)
        await a.command("heartbeat")
        assert a.named("messageReadUpdate") == []
    assert room_at(two_servers[0], bob, room)["unreadCount"] == 1
    bob.post(room, "mine")
    assert room_at(two_servers[0], bob, room)["unreadCount"] == 0


def marks(connection: ChatConnection) -> list[tuple[int, int]]:
    """The read and unread messages that messageReadUpdate has told of."""
    return [(one["readSeq"], one["unreadCount"]) for one in connection.named("messageReadUpdate")]


@pytest.mark.gen_test
async def test_ones_own_message_is_read_on_ones_other_connections_on_every_process(two_servers: Processes) -> None:
    ada, bob = register(two_servers[0].url), register(two_servers[1].url)
    room = ada.make_room()["id"]
    bob.join(room)
    async with chat(two_servers[1].ws_url, ada) as far, chat(two_servers[1].ws_url, bob) as b:
        await until(lambda: room_at(two_servers[0], ada, room)["onlineCount"] == 2)
        async with chat(two_servers[0].ws_url, ada) as near, chat(two_servers[0].ws_url, ada) as tab:
            await near.command("joinRoom", roomId=room)
            await b.command("joinRoom", roomId=room)
            await near.command("sendMessage", roomId=room, content="from one of three")
            for one in (near, tab, far):
                await one.until(lambda one=one: marks(one) == [(1, 0)])
            await b.command("sendMessage", roomId=room, content="unread")
            await near.command("sendMessage", roomId=room, content="again")
            for one in (near, tab, far):
                await one.until(lambda one=one: marks(one)[-1:] == [(3, 0)])
                assert marks(one) == sorted(marks(one))
        await b.command("heartbeat")
        assert marks(b) == [], "not somebody else, and not the only connection, which has sent it"
        bob.post(room, "by REST")
        await b.until(lambda: marks(b) == [(4, 0)])


def told(connection: ChatConnection, room: str) -> list[int]:
    """The seqs that roomActivity has told of the room."""
    frames = connection.named("roomActivity")
    return [one["lastSeq"] for frame in frames for one in frame["rooms"] if one["roomId"] == room]


@pytest.mark.gen_test
async def test_members_hear_of_activity_in_rooms_that_a_connection_has_not_joined(two_servers: Processes) -> None:
    ada, bob, eve = [register(two_servers[number % 2].url) for number in range(3)]
    tea, jam = (ada.make_room()["id"] for _ in range(2))
    for room in (tea, jam):
        bob.join(room)
    async with (
        connected(jam, two_servers, (ada, 0), (bob, 0), (bob, 1)) as (a, b, also_b),
        chat(two_servers[1].ws_url, eve) as e,
    ):
        for room in (tea, jam):
            await a.command("joinRoom", roomId=room)
        await b.command("joinRoom", roomId=tea)
        for _ in range(3):
            for room in (tea, jam):
                ada.post(room, "hello")
        await b.until(lambda: told(b, jam)[-1:] == [3])
        await also_b.until(lambda: (told(also_b, jam)[-1:], told(also_b, tea)[-1:]) == ([3], [3]))
        for room in (tea, jam):
            bob.post(room, "a last one")
        await b.until(lambda: told(b, jam)[-1:] == [4])
        for one in (a, e):
            await one.command("heartbeat")
        assert (told(b, tea), a.named("roomActivity"), e.named("roomActivity")) == ([], [], [])
        await b.command("leaveRoom", roomId=tea)
        ada.post(tea, "to a connection that has left")
        await b.until(lambda: told(b, tea) == [5])


@pytest.mark.gen_test
async def test_who_is_no_member_any_more_hears_of_no_activity(two_servers: Processes) -> None:
    ada, bob = register(two_servers[0].url), register(two_servers[1].url)
    tea, jam = (ada.make_room()["id"] for _ in range(2))
    for room in (tea, jam):
        bob.join(room)
    async with connected(tea, two_servers, (ada, 0), (bob, 0), (bob, 1)) as (_, b, also_b):
        assert bob.call("POST", f"/rooms/{tea}/leave").status == 204
        for server in two_servers:
            await until(lambda server=server: room_at(server, ada, tea)["onlineCount"] == 1)
        ada.post(tea, "without bob")
        ada.post(jam, "with bob")
        for one in (b, also_b):
            await one.until(lambda one=one: told(one, jam) == [1])
            assert told(one, tea) == []


def store_operations(server: ServerProcess) -> int:
    """How many operations of the store about rooms and people the process has done.

    Left out is what it does by time: sessions, which are trusted for seconds, and what its periodic work reads.
    """
    of_requests = ("rooms.", "members.", "messages.", "users.")
    operations = call(server.url, "GET", "/metrics/database").json["operations"]
    periodic = ("rooms.heads", "rooms.member_counts")
    return sum(
        operation["count"]
        for name, operation in operations.items()
        if name.startswith(of_requests) and name not in periodic
    )


@pytest.mark.gen_test
async def test_a_list_of_rooms_asks_the_store_as_often_for_thirty_rooms_as_for_one(start: Start) -> None:
    server = start(RATE_LIMIT_ENABLED="false")
    ada, bob = register(server.url), register(server.url)

    def asked(limit: int) -> tuple[int, int]:
        """The number of rooms on the page, and of operations for it."""
        before = store_operations(server)
        rooms = bob.call("GET", "/rooms", mine="true", limit=limit).json["rooms"]
        assert all(room["unreadCount"] == room["mentionCount"] == 1 for room in rooms)
        return len(rooms), store_operations(server) - before

    for number in range(30):
        room = ada.make_room(isPrivate=number % 2 == 0)["id"]
        assert ada.call("POST", f"/rooms/{room}/members", {"userId": bob.id}).status == 200
        ada.post(room, "all!", mentions=["room"])
    assert (asked(1)[0], asked(30)[0]) == (1, 30)  # what the cache has not yet is loaded
    assert (asked(1), asked(30)) == ((1, 1), (30, 1))
