"""Roles, mutes, removals and bans and reports over REST, what connections hear of them, and the audit trail."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.conftest import StoreEnv, embedded
from tests.support.accounts import create_account
from tests.support.client import CommandRefused, Person, chat, register
from tests.support.server import ServerProcess, serving
from tests.support.waiting import poll

MEMBER = {"userId", "username", "displayName", "role", "online", "mutedUntil"}
ADMIN = "root.of.all"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, store_env: StoreEnv) -> Iterator[ServerProcess]:
    """A server with an administrator."""
    data_dir = tmp_path_factory.mktemp("moderated") / "data"
    env = {**store_env(data_dir), "ADMIN_USERS": ADMIN, "RATE_LIMIT_ROOMS": "off"}
    with serving(data_dir, env) as process:
        yield process


@pytest.fixture(scope="module")
def admin(server: ServerProcess) -> Person:
    return create_account(server, ADMIN)


class Room:
    """A room with an owner, a moderator and a member."""

    def __init__(self, server: ServerProcess, **fields: Any) -> None:
        self.owner, self.moderator, self.member, self.stranger = [register(server.url) for _ in range(4)]
        self.id: str = self.owner.make_room(**fields)["id"]
        for one in (self.moderator, self.member):
            reply = self.owner.call("POST", f"/rooms/{self.id}/members", {"userId": one.id})
            assert reply.status == 200, reply.body
        assert self.patch(self.owner, self.moderator, role="moderator") == (200, None)

    def patch(self, who: Person, whom: Person, **body: Any) -> tuple[int, str | None]:
        """Status and error code of a change of a member."""
        reply = who.call("PATCH", f"/rooms/{self.id}/members/{whom.id}", body)
        return reply.status, None if reply.status == 200 else reply.code

    def remove(self, who: Person, whom: Person) -> tuple[int, str | None]:
        reply = who.call("DELETE", f"/rooms/{self.id}/members/{whom.id}")
        return reply.status, None if reply.status == 204 else reply.code

    def role(self, who: Person) -> str:
        role: str = who.call("GET", f"/rooms/{self.id}").json["room"]["role"]
        return role

    def ban(self, who: Person, whom: Person, **body: Any) -> tuple[int, str | None]:
        reply = who.call("POST", f"/rooms/{self.id}/bans/{whom.id}", body)
        return reply.status, None if reply.status == 201 else reply.code

    def unban(self, who: Person, whom: Person) -> tuple[int, str | None]:
        reply = who.call("DELETE", f"/rooms/{self.id}/bans/{whom.id}")
        return reply.status, None if reply.status == 204 else reply.code


def in_future(**span: int) -> str:
    return (datetime.now(UTC) + timedelta(**span)).isoformat()


def test_an_owner_gives_roles_and_the_reply_shows_the_member(server: ServerProcess) -> None:
    room = Room(server)
    reply = room.owner.call("PATCH", f"/rooms/{room.id}/members/{room.member.id}", {"role": "moderator"})
    assert reply.status == 200
    member = reply.json["member"]
    assert set(member) == MEMBER
    assert (member["userId"], member["username"], member["role"], member["mutedUntil"]) == (
        room.member.id, room.member.username, "moderator", None,
    )  # fmt: skip
    assert room.role(room.member) == "moderator"
    assert room.patch(room.owner, room.member, role="member") == (200, None)
    assert room.role(room.member) == "member"
    listed = room.member.call("GET", f"/rooms/{room.id}/members").json["members"]
    assert {one["userId"]: one["role"] for one in listed} == {
        room.owner.id: "owner", room.moderator.id: "moderator", room.member.id: "member",
    }  # fmt: skip


def test_an_owner_hands_the_room_over(server: ServerProcess) -> None:
    room = Room(server)
    assert room.patch(room.owner, room.owner, role="member") == (409, "conflict")
    assert room.patch(room.owner, room.member, role="owner") == (200, None)
    assert (room.role(room.owner), room.role(room.member)) == ("moderator", "owner")
    assert room.owner.call("GET", f"/rooms/{room.id}").json["room"]["ownerId"] == room.member.id
    assert room.patch(room.owner, room.moderator, role="member") == (403, "forbidden")


def test_a_bot_owns_no_room(server: ServerProcess) -> None:
    room = Room(server)
    made = room.owner.call("POST", f"/rooms/{room.id}/bots", {"username": f"bot.of.{room.owner.username}"})
    assert made.status == 201, made.body
    path = f"/rooms/{room.id}/members/{made.json['user']['id']}"
    refused = room.owner.call("PATCH", path, {"role": "owner"})
    assert (refused.status, refused.code) == (409, "conflict")
    assert room.role(room.owner) == "owner"
    assert room.owner.call("PATCH", path, {"mutedUntil": in_future(hours=1)}).status == 200


@pytest.mark.gen_test
async def test_all_who_are_in_a_room_hear_of_its_new_owner_and_those_concerned_of_their_role(
    server: ServerProcess,
) -> None:
    room = Room(server)
    async with (
        chat(server.ws_url, room.owner) as a,
        chat(server.ws_url, room.moderator) as b,
        chat(server.ws_url, room.member) as elsewhere,
    ):
        for one in (a, b):
            await one.command("joinRoom", roomId=room.id)
        await elsewhere.command("heartbeat")
        assert room.patch(room.owner, room.member, role="owner") == (200, None)
        await a.until(lambda: len(a.named("roomUpdated")) == 2)
        told = [data["room"] for data in a.named("roomUpdated")]
        assert [one["ownerId"] for one in told] == [room.member.id] * 2
        assert [one["role"] for one in told if "role" in one] == ["moderator"]
        assert (await b.one("roomUpdated"))["room"]["ownerId"] == room.member.id
        assert (await elsewhere.one("roomUpdated"))["room"]["role"] == "owner"
        assert room.remove(room.member, room.member) == (204, None)
        await b.until(lambda: len(b.named("roomUpdated")) >= 2)
        successor = b.named("roomUpdated")[1]["room"]["ownerId"]
        assert successor in {room.owner.id, room.moderator.id}
        assert room.owner.call("GET", f"/rooms/{room.id}").json["room"]["ownerId"] == successor
        assert await elsewhere.one("roomClosed") == {"roomId": room.id, "reason": "left"}


@pytest.mark.gen_test
async def test_a_muted_member_reads_and_neither_writes_nor_types_until_the_mute_ends(server: ServerProcess) -> None:
    room = Room(server)
    own = room.member.post(room.id, "before")
    async with chat(server.ws_url, room.member) as connection:
        await connection.command("joinRoom", roomId=room.id)
        await connection.command("startTyping", roomId=room.id)
        assert room.patch(room.moderator, room.member, mutedUntil=in_future(hours=1)) == (200, None)
        told = (await connection.one("roomUpdated"))["room"]
        assert (told["id"], told["role"]) == (room.id, "member")
        assert told["mutedUntil"] == room.member.call("GET", f"/rooms/{room.id}").json["room"]["mutedUntil"]
        for event in ("sendMessage", "startTyping"):
            with pytest.raises(CommandRefused) as refused:
                await connection.command(event, roomId=room.id, content="while muted")
            assert refused.value.code == "muted"
        assert room.member.call("POST", "/messages", {"roomId": room.id, "content": "a"}).code == "muted"
        assert room.member.call("GET", f"/messages/{own['id']}").status == 200
        await connection.command("stopTyping", roomId=room.id)
        assert room.patch(room.owner, room.member, mutedUntil=None) == (200, None)
        await connection.until(lambda: len(connection.named("roomUpdated")) == 2)
        assert connection.named("roomUpdated")[1]["room"]["mutedUntil"] is None
        await connection.command("sendMessage", roomId=room.id, content="after")
        await connection.command("startTyping", roomId=room.id)


def test_leaving_and_joining_again_does_not_end_a_mute(server: ServerProcess) -> None:
    room = Room(server)
    assert room.patch(room.moderator, room.member, mutedUntil=in_future(hours=1)) == (200, None)
    assert room.member.call("POST", f"/rooms/{room.id}/leave").status == 204
    room.member.join(room.id)
    assert room.member.call("POST", "/messages", {"roomId": room.id, "content": "a"}).code == "muted"


@pytest.mark.gen_test
async def test_every_connection_of_who_is_removed_hears_it_whether_it_was_subscribed_or_not(
    server: ServerProcess,
) -> None:
    room = Room(server)
    async with (
        chat(server.ws_url, room.member) as subscribed,
        chat(server.ws_url, room.member) as also,
        chat(server.ws_url, room.owner) as other,
    ):
        for one in (subscribed, other):
            await one.command("joinRoom", roomId=room.id)
        await also.command("heartbeat")
        assert room.remove(room.moderator, room.member) == (204, None)
        for one in (subscribed, also):
            assert await one.one("roomClosed") == {"roomId": room.id, "reason": "removed"}
        await other.one("userLeft")
        room.owner.post(room.id, "without them")
        await other.until(lambda: other.seqs)
        await subscribed.command("heartbeat")
        assert (subscribed.seqs, len(subscribed.named("roomClosed")), other.named("roomClosed")) == ([], 1, [])
        with pytest.raises(CommandRefused) as refused:
            await subscribed.command("sendMessage", roomId=room.id, content="still here?")
        assert refused.value.code == "not_member"
        await subscribed.command("joinRoom", roomId=room.id)
    assert room.remove(room.owner, room.stranger) == (404, "user_not_found")


def test_to_remove_oneself_is_to_leave(server: ServerProcess) -> None:
    room = Room(server)
    assert room.remove(room.member, room.member) == (204, None)
    assert room.remove(room.member, room.member) == (403, "not_member")
    assert room.owner.call("GET", f"/rooms/{room.id}").json["room"]["memberCount"] == 2


def test_who_may_not_moderate_is_refused(server: ServerProcess) -> None:
    room = Room(server)
    later = in_future(minutes=5)
    for who, whom, expected in (
        (room.member, room.moderator, (403, "forbidden")),
        (room.moderator, room.moderator, (403, "forbidden")),
        (room.moderator, room.owner, (403, "forbidden")),
        (room.stranger, room.member, (403, "not_member")),
        (room.owner, room.stranger, (404, "user_not_found")),
    ):
        assert room.patch(who, whom, mutedUntil=later) == expected
        if who is not whom:
            assert room.remove(who, whom) == expected
    assert room.patch(room.moderator, room.member, role="moderator") == (403, "forbidden")
    private = Room(server, isPrivate=True)
    assert private.patch(private.stranger, private.member, mutedUntil=later) == (404, "room_not_found")
    assert private.remove(private.stranger, private.member) == (404, "room_not_found")
    direct = room.owner.call("POST", "/rooms/direct", {"userId": room.member.id}).json["room"]["id"]
    for body in ({"role": "owner"}, {"mutedUntil": later}):
        reply = room.owner.call("PATCH", f"/rooms/{direct}/members/{room.member.id}", body)
        assert (reply.status, reply.code) == (403, "forbidden")
    assert room.owner.call("DELETE", f"/rooms/{direct}/members/{room.member.id}").code == "forbidden"


def test_an_administrator_moderates_rooms_they_are_not_in(server: ServerProcess, admin: Person) -> None:
    room = Room(server, isPrivate=True)
    assert room.patch(admin, room.owner, mutedUntil=in_future(hours=1)) == (200, None)
    assert room.owner.call("POST", "/messages", {"roomId": room.id, "content": "a"}).code == "muted"
    assert room.patch(admin, room.owner, role="member") == (409, "conflict")
    assert room.patch(admin, room.member, role="owner") == (200, None)
    assert room.remove(admin, room.owner) == (204, None)
    assert admin.call("GET", f"/rooms/{room.id}/members").code == "room_not_found"
    # Nobody ranks above an administrator
    room.member.call("POST", f"/rooms/{room.id}/members", {"userId": admin.id})
    assert room.patch(room.member, admin, mutedUntil=in_future(hours=1)) == (403, "forbidden")
    assert room.remove(room.member, admin) == (403, "forbidden")


@embedded
@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"role", "mutedUntil"}),
        ({"role": "owner", "mutedUntil": None}, {"role", "mutedUntil"}),
        ({"role": "king"}, {"role"}),
        ({"role": None}, {"role"}),
        ({"role": ["member"]}, {"role"}),
        ({"mutedUntil": 1}, {"mutedUntil"}),
        ({"mutedUntil": "tomorrow"}, {"mutedUntil"}),
        ({"mutedUntil": "2999-01-01"}, {"mutedUntil"}),
        ({"mutedUntil": "2999-01-01T00:00:00"}, {"mutedUntil"}),  # of no zone
        ({"mutedUntil": "9999-12-31T23:59:59-12:00"}, {"mutedUntil"}),
        ({"mutedUntil": "9" * 5000}, {"mutedUntil"}),
    ],
)
def test_what_is_wrong_with_a_change_of_a_member_is_named(
    server: ServerProcess, body: dict[str, Any], fields: set[str]
) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    reply = ada.call("PATCH", f"/rooms/{room}/members/{ada.id}", body)
    assert (reply.status, reply.code, set(reply.json["error"]["details"])) == (422, "validation_failed", fields)


def test_a_room_or_person_that_is_not_there_is_named(server: ServerProcess) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    for method, body in (("PATCH", {"role": "member"}), ("DELETE", None)):
        for path, code in (
            (f"/rooms/none/members/{ada.id}", "room_not_found"),
            (f"/rooms/{room}/members/nobody", "user_not_found"),
            (f"/rooms/{room}/members/{'x' * 300}", "user_not_found"),
        ):
            reply = ada.call(method, path, body)
            assert (reply.status, reply.code) == (404, code)


# ---- bans --------------------------------------------------------------------------------------------------------


@pytest.mark.gen_test
async def test_who_is_banned_is_out_at_once_and_in_no_way_back(server: ServerProcess) -> None:
    room = Room(server)
    async with chat(server.ws_url, room.member) as subscribed, chat(server.ws_url, room.member) as also:
        await subscribed.command("joinRoom", roomId=room.id)
        await also.command("heartbeat")
        reply = room.moderator.call(
            "POST", f"/rooms/{room.id}/bans/{room.member.id}", {"reason": "spam", "expiresIn": 3600}
        )
        assert reply.status == 201
        ban = reply.json["ban"]
        assert set(ban) == {"user", "by", "reason", "expiresAt"}
        assert (ban["user"]["id"], ban["by"], ban["reason"]) == (room.member.id, room.moderator.id, "spam")
        assert in_future(minutes=59) < ban["expiresAt"] < in_future(minutes=61)
        for one in (subscribed, also):
            assert await one.one("roomClosed") == {"roomId": room.id, "reason": "banned"}
        with pytest.raises(CommandRefused) as refused:
            await subscribed.command("joinRoom", roomId=room.id)
        assert refused.value.code == "banned"
        with pytest.raises(CommandRefused) as refused:
            await subscribed.command("sendMessage", roomId=room.id, content="still here?")
        assert refused.value.code == "banned"
        assert subscribed.named("roomClosed") == also.named("roomClosed") == [{"roomId": room.id, "reason": "banned"}]
    joining = room.member.call("POST", f"/rooms/{room.id}/join")
    assert (joining.status, joining.code) == (403, "banned")
    assert room.owner.call("POST", f"/rooms/{room.id}/members", {"userId": room.member.id}).code == "banned"
    assert room.member.call("GET", f"/rooms/{room.id}").json["room"]["memberCount"] == 2
    listed = room.owner.call("GET", f"/rooms/{room.id}/bans").json
    assert (listed["bans"][0]["user"]["username"], listed["nextCursor"]) == (room.member.username, None)
    assert room.unban(room.moderator, room.member) == (204, None)
    assert room.unban(room.moderator, room.member) == (204, None)
    assert room.owner.call("GET", f"/rooms/{room.id}/bans").json == {"bans": [], "nextCursor": None}
    assert room.owner.call("GET", f"/rooms/{room.id}").json["room"]["memberCount"] == 2
    room.member.join(room.id)


def test_a_ban_without_a_body_has_no_end_and_a_stranger_can_be_banned(server: ServerProcess) -> None:
    room = Room(server)
    reply = room.moderator.call("POST", f"/rooms/{room.id}/bans/{room.stranger.id}")
    assert (reply.status, reply.json["ban"]["reason"], reply.json["ban"]["expiresAt"]) == (201, None, None)
    assert room.stranger.call("POST", f"/rooms/{room.id}/join").code == "banned"


def test_a_ban_that_is_over_keeps_nobody_out(server: ServerProcess) -> None:
    room = Room(server)
    assert room.ban(room.owner, room.member, expiresIn=1) == (201, None)
    assert room.member.call("POST", f"/rooms/{room.id}/join").code == "banned"
    poll(lambda: room.member.call("POST", f"/rooms/{room.id}/join").status == 200)
    assert room.owner.call("GET", f"/rooms/{room.id}/bans").json["bans"] == []


def test_of_a_private_room_a_banned_person_hears_nothing(server: ServerProcess) -> None:
    room = Room(server, isPrivate=True)
    assert room.ban(room.owner, room.member) == (201, None)
    assert room.member.call("POST", f"/rooms/{room.id}/join").code == "room_not_found"
    assert room.member.call("GET", f"/rooms/{room.id}/bans").code == "room_not_found"
    assert room.unban(room.member, room.member) == (404, "room_not_found")


def test_who_may_not_ban_is_refused(server: ServerProcess, admin: Person) -> None:
    room = Room(server)
    for who, whom, expected in (
        (room.member, room.stranger, (403, "forbidden")),
        (room.moderator, room.moderator, (403, "forbidden")),
        (room.moderator, room.owner, (403, "forbidden")),
        (room.owner, admin, (403, "forbidden")),
        (room.stranger, room.member, (403, "not_member")),
    ):
        assert room.ban(who, whom) == expected
    assert room.unban(room.member, room.stranger) == (403, "forbidden")
    for who, code in ((room.member, "forbidden"), (room.stranger, "not_member")):
        for path in ("bans", "audit"):
            reply = who.call("GET", f"/rooms/{room.id}/{path}")
            assert (reply.status, reply.code) == (403, code)
    direct = room.owner.call("POST", "/rooms/direct", {"userId": room.member.id}).json["room"]["id"]
    for who in (room.owner, admin):
        assert who.call("POST", f"/rooms/{direct}/bans/{room.member.id}", {}).code == "forbidden"
        assert who.call("GET", f"/rooms/{direct}/bans").code == "forbidden"
    assert room.ban(admin, room.owner) == (201, None)
    assert room.role(room.moderator) == "owner"


@embedded
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"reason": 1}, "reason"),
        ({"reason": "x" * 1001}, "reason"),
        ({"reason": "nul\0"}, "reason"),
        ({"expiresIn": 0}, "expiresIn"),
        ({"expiresIn": -1}, "expiresIn"),
        ({"expiresIn": 1.5}, "expiresIn"),
        ({"expiresIn": "1"}, "expiresIn"),
        ({"expiresIn": 10**18}, "expiresIn"),
    ],
)
def test_what_is_wrong_with_a_ban_is_named(server: ServerProcess, body: dict[str, Any], field: str) -> None:
    ada = register(server.url)
    reply = ada.call("POST", f"/rooms/{ada.make_room()['id']}/bans/{ada.id}", body)
    assert (reply.status, reply.code, list(reply.json["error"]["details"])) == (422, "validation_failed", [field])


def test_a_ban_of_or_in_what_is_not_there_is_not_found(server: ServerProcess) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    assert ada.call("POST", f"/rooms/none/bans/{ada.id}", {}).code == "room_not_found"
    assert ada.call("POST", f"/rooms/{room}/bans/nobody", {}).code == "user_not_found"
    assert ada.call("POST", f"/rooms/{room}/bans/nobody", b"[]").code == "malformed"
    assert ada.call("DELETE", f"/rooms/none/bans/{ada.id}").code == "room_not_found"
    assert ada.call("DELETE", f"/rooms/{room}/bans/nobody").status == 204
    for path in ("bans", "audit"):
        assert ada.call("GET", f"/rooms/none/{path}").code == "room_not_found"
        for query in ({"limit": 0}, {"limit": 101}, {"cursor": "nonsense"}):
            reply = ada.call("GET", f"/rooms/{room}/{path}", **query)
            assert (reply.status, list(reply.json["error"]["details"])) == (422, list(query))


# ---- reports -----------------------------------------------------------------------------------------------------


def test_a_report_reaches_the_moderators_with_the_message_as_it_was(server: ServerProcess, admin: Person) -> None:
    room = Room(server)
    message = room.owner.post(room.id, "rude words")
    for _ in range(2):  # the second time it changes nothing
        assert room.member.call("POST", f"/messages/{message['id']}/report", {"reason": "it is rude"}).status == 204
    assert room.owner.call("DELETE", f"/messages/{message['id']}").status == 200
    for reader in (room.moderator, room.owner, admin):
        reply = reader.call("GET", f"/rooms/{room.id}/reports")
        assert reply.status == 200
        (report,) = reply.json["reports"]
        assert reply.json["nextCursor"] is None
        assert set(report) == {"message", "by", "reason", "at"}
        assert (report["message"], report["by"], report["reason"]) == (message, room.member.id, "it is rude")
    for who, code in ((room.member, "forbidden"), (room.stranger, "not_member")):
        assert who.call("GET", f"/rooms/{room.id}/reports").code == code
    gone = room.moderator.call("POST", f"/messages/{message['id']}/report", {"reason": "too late"})
    assert (gone.status, gone.code) == (404, "message_not_found")


def test_members_report_and_nobody_else(server: ServerProcess, admin: Person) -> None:
    room = Room(server)
    path = f"/messages/{room.owner.post(room.id, 'hello')['id']}/report"
    assert room.patch(room.owner, room.member, mutedUntil=in_future(hours=1)) == (200, None)
    assert room.member.call("POST", path, {"reason": "muted people may tell"}).status == 204
    for who in (room.stranger, admin):
        assert who.call("POST", path, {"reason": "x"}).code == "not_member"
    private = Room(server, isPrivate=True)
    path = f"/messages/{private.owner.post(private.id, 'hello')['id']}/report"
    assert private.stranger.call("POST", path, {"reason": "x"}).code == "message_not_found"
    assert private.stranger.call("GET", f"/rooms/{private.id}/reports").code == "room_not_found"
    assert admin.call("GET", f"/rooms/{private.id}/reports").json == {"reports": [], "nextCursor": None}


def test_what_is_reported_in_a_direct_room_administrators_read(server: ServerProcess, admin: Person) -> None:
    ada, eve = register(server.url), register(server.url)
    room = ada.call("POST", "/rooms/direct", {"userId": eve.id}).json["room"]["id"]
    message = ada.post(room, "a threat")
    assert eve.call("POST", f"/messages/{message['id']}/report", {"reason": "threat"}).status == 204
    assert eve.call("GET", f"/rooms/{room}/reports").code == "forbidden"
    assert register(server.url).call("GET", f"/rooms/{room}/reports").code == "room_not_found"
    (report,) = admin.call("GET", f"/rooms/{room}/reports").json["reports"]
    assert report["message"]["content"] == "a threat"


@embedded
@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": None}, {"reason": "x" * 1001}, {"reason": ["a"]}])
def test_a_report_without_a_good_reason_is_refused(server: ServerProcess, body: dict[str, Any]) -> None:
    ada = register(server.url)
    message = ada.post(ada.make_room()["id"], "hello")["id"]
    reply = ada.call("POST", f"/messages/{message}/report", body)
    assert (reply.status, reply.code, list(reply.json["error"]["details"])) == (422, "validation_failed", ["reason"])


def test_what_is_not_there_cannot_be_reported(server: ServerProcess) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    for message in ("none", f"{room}-1", f"{room}-0", f"{room}-{'9' * 300}", room):
        reply = ada.call("POST", f"/messages/{message}/report", {"reason": "x"})
        assert (reply.status, reply.code) == (404, "message_not_found")
    assert ada.call("GET", "/rooms/none/reports").code == "room_not_found"
    for query in ({"limit": 0}, {"limit": 101}, {"cursor": "nonsense"}):
        assert ada.call("GET", f"/rooms/{room}/reports", **query).status == 422


# ---- the audit trail ---------------------------------------------------------------------------------------------


def test_the_audit_trail_has_every_act_the_newest_first(server: ServerProcess, admin: Person) -> None:
    room = Room(server)
    until = "2999-01-01T00:00:00.000Z"
    room.patch(room.moderator, room.member, mutedUntil="2999-01-01T02:00:00+02:00")
    room.patch(room.owner, room.member, mutedUntil=None)
    room.remove(room.moderator, room.member)
    room.ban(room.owner, room.stranger, reason="spam")
    room.unban(admin, room.stranger)
    room.patch(room.owner, room.member, mutedUntil=until)  # refused, so not in it
    reply = room.moderator.call("GET", f"/rooms/{room.id}/audit")
    assert reply.status == 200
    entries = reply.json["entries"]
    assert {frozenset(entry) for entry in entries} == {frozenset({"at", "by", "action", "userId", "details"})}
    assert [(entry["by"], entry["action"], entry["userId"], entry["details"]) for entry in entries] == [
        (admin.id, "unban", room.stranger.id, {}),
        (room.owner.id, "ban", room.stranger.id, {"reason": "spam", "expiresAt": None}),
        (room.moderator.id, "remove", room.member.id, {}),
        (room.owner.id, "unmute", room.member.id, {}),
        (room.moderator.id, "mute", room.member.id, {"mutedUntil": until}),
        (room.owner.id, "role", room.moderator.id, {"role": "moderator", "before": "member"}),
    ]
    first = admin.call("GET", f"/rooms/{room.id}/audit", limit=4).json
    rest = admin.call("GET", f"/rooms/{room.id}/audit", limit=4, cursor=first["nextCursor"]).json
    assert (first["entries"] + rest["entries"], rest["nextCursor"]) == (entries, None)
