"""Rooms over REST, and their events over the WebSocket: create, find, join, invite, leave, count."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.integration.conftest import embedded
from tests.support.client import CommandRefused, Person, chat, register
from tests.support.server import ServerProcess

ROOM = {
    *("id", "name", "description", "isPrivate", "kind", "ownerId", "maxUsers", "memberCount", "onlineCount"),
    *("slowModeS", "archivedAt", "createdAt", "lastSeq", "rev"),
}
MEMBER_ROOM = ROOM | {"role", "readSeq", "unreadCount", "mentionCount", "mutedUntil", "peer"}


@pytest.fixture(scope="module")
def any_user(server: ServerProcess) -> Person:
    """A user for requests that are refused before they change anything."""
    return register(server.url)


def test_a_new_room_is_its_makers_with_the_contracts_shape(server: ServerProcess) -> None:
    ada = register(server.url)
    room = ada.make_room(name="Ünï 😀", description="what it is for", maxUsers=5)
    assert set(room) == MEMBER_ROOM
    assert (room["name"], room["description"], room["maxUsers"], room["isPrivate"]) == (
        "Ünï 😀",
        "what it is for",
        5,
        False,
    )
    assert (room["kind"], room["ownerId"], room["role"], room["memberCount"]) == ("room", ada.id, "owner", 1)
    assert (room["lastSeq"], room["rev"], room["readSeq"], room["unreadCount"], room["mentionCount"]) == (0, 0, 0, 0, 0)
    assert room["archivedAt"] is room["mutedUntil"] is None
    assert ada.make_room()["maxUsers"] == 100


@embedded
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "nul\0"}, "name"),
        ({"name": ["a"]}, "name"),
        ({"name": "a", "description": "x" * 1001}, "description"),
        ({"name": "a", "isPrivate": "yes"}, "isPrivate"),
        ({"name": "a", "maxUsers": 1}, "maxUsers"),
        ({"name": "a", "maxUsers": 100_001}, "maxUsers"),
        ({"name": "a", "maxUsers": 2.5}, "maxUsers"),
        ({"name": "a", "maxUsers": "10"}, "maxUsers"),
    ],
)
def test_what_is_wrong_with_a_room_is_named(any_user: Person, body: dict[str, Any], field: str) -> None:
    reply = any_user.call("POST", "/rooms", body)
    assert (reply.status, reply.code) == (422, "validation_failed")
    assert list(reply.json["error"]["details"]) == [field]


def test_names_and_sizes_at_their_limits_are_taken(server: ServerProcess) -> None:
    ada = register(server.url)
    assert ada.make_room(name="😀" * 80, maxUsers=100_000)["name"] == "😀" * 80
    assert ada.make_room(name="x", maxUsers=2, unknown="is ignored")["maxUsers"] == 2


def test_a_stranger_sees_a_public_room_without_a_membership(server: ServerProcess) -> None:
    ada, eve = register(server.url), register(server.url)
    room = ada.make_room()
    assert set(eve.call("GET", f"/rooms/{room['id']}").json["room"]) == ROOM


def test_listing_pages_through_every_room_once(server: ServerProcess) -> None:
    ada, eve = register(server.url), register(server.url)
    made = {ada.make_room(name=f"Listing {number:02d}", isPrivate=number % 5 == 0)["id"] for number in range(18)}
    hidden = {
        room["id"] for room in ada.call("GET", "/rooms", mine="true", limit=100).json["rooms"] if room["isPrivate"]
    }

    def every(person: Person, **query: Any) -> list[str]:
        found: list[str] = []
        cursor: dict[str, str] = {}
        for _ in range(100):
            page = person.call("GET", "/rooms", limit=7, **query, **cursor).json
            found += [room["id"] for room in page["rooms"]]
            if page["nextCursor"] is None:
                return found
            cursor = {"cursor": page["nextCursor"]}
        raise AssertionError("the cursor never ends")

    assert sorted(every(ada, q="listing")) == sorted(made)
    assert sorted(every(eve, q="LISTING")) == sorted(made - hidden)
    assert sorted(every(ada, mine="true")) == sorted(made)
    assert every(eve, mine="true") == []
    assert set(every(eve)) >= made - hidden
    assert not set(every(eve)) & hidden


def test_a_mine_listing_counts_what_is_unread(server: ServerProcess) -> None:
    ada, eve = register(server.url), register(server.url)
    room = ada.make_room()
    ada.post(room["id"], "before she came")
    eve.join(room["id"])
    ada.post(room["id"], "one")
    ada.post(room["id"], "two", mentions=[eve.id])
    mine = eve.call("GET", "/rooms", mine="true").json["rooms"][0]
    assert (mine["lastSeq"], mine["readSeq"], mine["unreadCount"], mine["mentionCount"]) == (3, 1, 2, 1)
    own = ada.call("GET", f"/rooms/{room['id']}").json["room"]
    assert (own["readSeq"], own["unreadCount"]) == (3, 0)


@embedded
@pytest.mark.parametrize(
    "query",
    [
        {"limit": 0},
        {"limit": 101},
        {"limit": -1},
        {"limit": "many"},
        {"limit": "1.5"},
        {"mine": "maybe"},
        {"cursor": "nonsense"},
        {"q": "x" * 81},
    ],
)
def test_a_bad_listing_query_is_422(any_user: Person, query: dict[str, Any]) -> None:
    reply = any_user.call("GET", "/rooms", **query)
    assert (reply.status, reply.code, list(reply.json["error"]["details"])) == (422, "validation_failed", list(query))


def test_what_is_left_blank_in_a_query_is_not_given(server: ServerProcess) -> None:
    ada = register(server.url)
    ada.make_room()
    assert ada.call("GET", "/rooms?mine=true&q=&limit=&cursor=").json == ada.call("GET", "/rooms?mine=true").json


def test_wildcards_in_a_search_are_letters(server: ServerProcess) -> None:
    ada = register(server.url)
    ada.make_room(name="100% wild_card")
    assert [room["name"] for room in ada.call("GET", "/rooms", q="100%").json["rooms"]] == ["100% wild_card"]
    assert ada.call("GET", "/rooms", q="1_0").json["rooms"] == []
    assert ada.call("GET", "/rooms", q="' OR 1=1 --").json["rooms"] == []


def test_joining_twice_is_one_membership(server: ServerProcess) -> None:
    ada, eve = register(server.url), register(server.url)
    room = ada.make_room()
    for _ in range(2):
        joined = eve.call("POST", f"/rooms/{room['id']}/join").json["room"]
        assert (joined["memberCount"], joined["role"], joined["rev"]) == (2, "member", 1)


def test_of_many_who_join_at_once_only_as_many_as_fit_become_members(server: ServerProcess) -> None:
    ada = register(server.url)
    room = ada.make_room(maxUsers=4)
    people = [register(server.url) for _ in range(10)]
    with ThreadPoolExecutor(10) as pool:
        replies = list(pool.map(lambda one: one.call("POST", f"/rooms/{room['id']}/join"), people))
    assert sorted(reply.status for reply in replies) == [200] * 3 + [409] * 7
    assert {reply.code for reply in replies if reply.status == 409} == {"room_full"}
    now = ada.call("GET", f"/rooms/{room['id']}").json["room"]
    assert (now["memberCount"], now["rev"]) == (4, 3)
    assert len(ada.call("GET", f"/rooms/{room['id']}/members").json["members"]) == 4


def test_members_are_listed_by_pages_to_members_only(server: ServerProcess) -> None:
    ada, eve = register(server.url), register(server.url)
    room = ada.make_room()
    others = [register(server.url) for _ in range(5)]
    for one in others:
        one.join(room["id"])
    path = f"/rooms/{room['id']}/members"
    first = ada.call("GET", path, limit=4).json
    second = ada.call("GET", path, limit=4, cursor=first["nextCursor"]).json
    assert second["nextCursor"] is None
    members = first["members"] + second["members"]
    assert sorted(one["userId"] for one in members) == sorted([ada.id, *(one.id for one in others)])
    assert set(members[0]) == {"userId", "username", "displayName", "role", "online"}
    assert {one["userId"]: one["role"] for one in members}[ada.id] == "owner"
    assert eve.call("GET", path).code == "not_member"
    assert ada.call("GET", path, cursor="%%%").status == 422
    assert [one["userId"] for one in ada.call("GET", path, q=others[0].username.upper()).json["members"]] == [
        others[0].id
    ]
    assert ada.call("GET", path, q="nobody-like-that").json == {"members": [], "nextCursor": None}
    assert ada.call("GET", path, q="x" * 65).status == 422


def test_a_private_room_is_entered_by_invitation_alone(server: ServerProcess) -> None:
    ada, bob, eve = register(server.url), register(server.url), register(server.url)
    room = ada.make_room(isPrivate=True)
    path = f"/rooms/{room['id']}"
    assert bob.call("POST", f"{path}/join").code == "room_not_found"
    assert bob.call("POST", f"{path}/members", {"userId": bob.id}).code == "room_not_found"
    reply = ada.call("POST", f"{path}/members", {"userId": bob.id})
    assert (reply.status, reply.json["room"]["memberCount"]) == (200, 2)
    assert bob.call("POST", f"{path}/join").status == 200
    assert bob.call("POST", f"{path}/members", {"userId": eve.id}).code == "forbidden"
    assert ada.call("POST", f"{path}/members", {"userId": "nobody"}).code == "user_not_found"
    assert ada.call("POST", f"{path}/members", {}).status == 422
    assert eve.call("GET", path).code == "room_not_found"


def test_a_direct_room_is_the_same_each_time_for_both_and_nobody_else(server: ServerProcess) -> None:
    ada, bob, eve = register(server.url), register(server.url), register(server.url)
    with ThreadPoolExecutor(6) as pool:
        pairs = [(ada, bob), (bob, ada)] * 3
        replies = list(pool.map(lambda pair: pair[0].call("POST", "/rooms/direct", {"userId": pair[1].id}), pairs))
    assert sorted(reply.status for reply in replies) == [200] * 5 + [201]
    rooms = [reply.json["room"] for reply in replies]
    assert len({room["id"] for room in rooms}) == 1
    assert (rooms[0]["kind"], rooms[0]["isPrivate"], rooms[0]["memberCount"]) == ("direct", True, 2)
    assert [room["peer"]["id"] for room in rooms] == [bob.id, ada.id] * 3
    path = f"/rooms/{rooms[0]['id']}"
    assert eve.call("GET", path).code == "room_not_found"
    assert ada.call("POST", f"{path}/members", {"userId": eve.id}).code == "forbidden"
    assert ada.call("POST", f"{path}/leave").code == "forbidden"
    assert ada.call("POST", "/rooms/direct", {"userId": ada.id}).status == 422
    assert ada.call("POST", "/rooms/direct", {"userId": "nobody"}).code == "user_not_found"
    bob.post(rooms[0]["id"], "hello")


def test_leaving_ends_the_membership_and_an_owner_hands_the_room_on(server: ServerProcess) -> None:
    ada, bob, eve = register(server.url), register(server.url), register(server.url)
    room = ada.make_room()
    path = f"/rooms/{room['id']}"
    bob.join(room["id"])
    assert eve.call("POST", f"{path}/leave").code == "not_member"
    reply = ada.call("POST", f"{path}/leave")
    assert (reply.status, reply.body) == (204, b"")
    assert ada.call("POST", "/messages", {"roomId": room["id"], "content": "?"}).code == "not_member"
    now = bob.call("GET", path).json["room"]
    assert (now["memberCount"], now["role"]) == (1, "owner")
    assert bob.call("GET", f"{path}/members").json["members"][0]["role"] == "owner"


def test_stats_are_true_after_every_write(server: ServerProcess) -> None:
    ada, eve = register(server.url), register(server.url)
    room = ada.make_room()
    path = f"/rooms/{room['id']}/stats"
    empty = ada.call("GET", path).json
    assert empty == {
        "roomId": room["id"],
        "participantCount": 1,
        "onlineCount": 0,
        "messageCount": 0,
        "lastActivity": room["createdAt"],
    }
    for number in range(1, 4):
        message = ada.post(room["id"], f"message {number}")
        stats = ada.call("GET", path).json
        assert (stats["messageCount"], stats["lastActivity"]) == (number, message["createdAt"])
    eve.join(room["id"])
    assert eve.call("GET", path).json["participantCount"] == 2


def test_changes_carry_memberships_without_a_message_by_pages(server: ServerProcess) -> None:
    ada = register(server.url)
    room = ada.make_room()
    for _ in range(4):
        register(server.url).join(room["id"])
    path = f"/rooms/{room['id']}/changes"
    first = ada.call("GET", path, since=0, limit=3).json
    assert first == {"changes": [{"rev": rev, "message": None} for rev in (1, 2, 3)], "rev": 4, "hasMore": True}
    assert ada.call("GET", path, since=3).json == {"changes": [{"rev": 4, "message": None}], "rev": 4, "hasMore": False}
    assert ada.call("GET", path, since=99).json["changes"] == []
    assert ada.call("GET", path, since=-1).status == 422
    assert register(server.url).call("GET", path).code == "not_member"


def test_what_is_not_there_is_room_not_found(server: ServerProcess) -> None:
    ada = register(server.url)
    for room_id in ("nowhere", "x" * 300, "%00", "..%2f..%2fetc"):
        for method, path in (
            ("GET", ""),
            ("POST", "/join"),
            ("POST", "/leave"),
            ("GET", "/members"),
            ("GET", "/stats"),
            ("GET", "/changes"),
        ):
            reply = ada.call(method, f"/rooms/{room_id}{path}")
            assert (path, reply.status, reply.code) == (path, 404, "room_not_found")


@pytest.mark.gen_test
async def test_who_becomes_a_member_hears_of_the_room_wherever_they_are(server: ServerProcess) -> None:
    ada, bob = register(server.url), register(server.url)
    room = ada.make_room(isPrivate=True)
    async with chat(server.ws_url, bob) as b, chat(server.ws_url, bob) as b2:
        await b.one("welcome")
        await b2.one("welcome")
        await asyncio.to_thread(ada.call, "POST", f"/rooms/{room['id']}/members", {"userId": bob.id})
        for one in (b, b2):
            added = (await one.one("roomAdded"))["room"]
            assert (added["id"], added["role"], set(added)) == (room["id"], "member", MEMBER_ROOM)


@pytest.mark.gen_test
async def test_rooms_over_the_websocket_refuse_what_rest_refuses(server: ServerProcess) -> None:
    ada, eve = register(server.url), register(server.url)
    private = ada.make_room(isPrivate=True)["id"]
    public = ada.make_room()["id"]
    full = ada.make_room(maxUsers=2)["id"]
    register(server.url).join(full)
    refused: dict[tuple[str, str], str] = {}
    async with chat(server.ws_url, eve) as e:
        for event, room_id, more in (
            ("joinRoom", private, {}),
            ("joinRoom", full, {}),
            ("joinRoom", "nowhere", {}),
            ("sendMessage", private, {"content": "?"}),
            ("sendMessage", public, {"content": "?"}),
            ("startTyping", public, {}),
            ("startTyping", private, {}),
            ("messageRead", public, {"seq": 1}),
            ("getPresence", public, {}),
            ("getPresence", private, {}),
            ("getRoomStats", private, {}),
        ):
            with pytest.raises(CommandRefused) as error:
                await e.command(event, roomId=room_id, **more)
            refused[event, room_id] = error.value.code
        stats = await e.command("getRoomStats", roomId=public)
    assert {code for (_, room_id), code in refused.items() if room_id == private} == {"room_not_found"}
    assert {code for (_, room_id), code in refused.items() if room_id == public} == {"not_member"}
    assert (refused["joinRoom", full], refused["joinRoom", "nowhere"]) == ("room_full", "room_not_found")
    assert set(stats) == {"roomId", "participantCount", "onlineCount", "messageCount", "lastActivity"}


@embedded
@pytest.mark.gen_test
async def test_leaving_a_room_that_one_never_joined_is_no_error(server: ServerProcess) -> None:
    async with chat(server.ws_url, register(server.url)) as a:
        assert await a.command("leaveRoom", roomId="nowhere") == {}


@pytest.mark.gen_test
async def test_a_direct_room_shows_each_the_other_as_they_are_now(server: ServerProcess) -> None:
    ada, bob = register(server.url), register(server.url)
    plain = ada.make_room()
    assert plain["peer"] is None
    async with chat(server.ws_url, bob) as b:
        await b.one("welcome")
        reply = await asyncio.to_thread(ada.call, "POST", "/rooms/direct", {"userId": bob.id})
        room_id = reply.json["room"]["id"]
        assert (await b.one("roomAdded"))["room"]["peer"]["id"] == ada.id
        await asyncio.to_thread(bob.call, "PATCH", "/users/me", {"displayName": "Robert"})
        shown = ada.call("GET", f"/rooms/{room_id}").json["room"]["peer"]
        assert shown == ada.call("GET", f"/users/{bob.id}").json["user"]
        assert (shown["displayName"], shown["status"]) == ("Robert", "online")
        listed = {room["id"]: room["peer"] for room in ada.call("GET", "/rooms", mine="true").json["rooms"]}
        assert listed == {plain["id"]: None, room_id: shown}
        joined = await b.command("joinRoom", roomId=room_id)
        assert joined["room"]["peer"]["username"] == ada.username
