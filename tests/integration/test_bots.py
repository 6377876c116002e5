"""Bots: a token that reads and posts in one room, over REST and WebSocket, and does nothing else."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from tests.integration.conftest import Start, embedded
from tests.support.client import CommandRefused, Person, Reply, call, chat, register
from tests.support.in_process_commands import run_in_process
from tests.support.machine_stalls import ending_within
from tests.support.server import ServerProcess

USER = {
    *("id", "username", "displayName", "avatarUrl", "textColor", "backgroundColor", "status", "customStatus"),
    "createdAt",
}


def add_bot(owner: Person, room_id: str, username: str) -> Person:
    reply = owner.call("POST", f"/rooms/{room_id}/bots", {"username": username})
    assert reply.status == 201, reply.body
    assert set(reply.json) == {"user", "token"}
    return Person(owner.url, reply.json["user"], reply.json["token"], "")


def outcome(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.code


def test_a_bot_reads_and_posts_in_its_room(server: ServerProcess) -> None:
    ada = register(server.url)
    room = ada.make_room(isPrivate=True)["id"]
    said = ada.post(room, "hello, bot")
    bot = add_bot(ada, room, "Robbie.1")
    assert set(bot.user) == USER
    assert (bot.username, bot.user["displayName"]) == ("Robbie.1", "Robbie.1")
    own = bot.call("GET", "/auth/profile").json["user"]
    assert own == {**bot.user, "email": ""} == bot.call("GET", "/users/me").json["user"]
    assert [one["id"] for one in bot.call("GET", "/rooms").json["rooms"]] == [room]
    assert bot.call("GET", f"/rooms/{room}").json["room"]["role"] == "member"
    assert [one["id"] for one in bot.call("GET", "/messages", roomId=room).json["messages"]] == [said["id"]]
    assert bot.call("GET", f"/messages/{said['id']}").json["message"] == said
    posted = bot.post(room, "beep", replyToId=said["id"])
    assert (posted["userId"], posted["username"], posted["seq"]) == (bot.id, "Robbie.1", 2)
    members = {one["userId"] for one in bot.call("GET", f"/rooms/{room}/members").json["members"]}
    assert members == {ada.id, bot.id}
    assert bot.call("GET", f"/rooms/{room}/stats").json["messageCount"] == 2
    assert bot.call("GET", f"/rooms/{room}/changes").json["rev"] == 1
    assert set(ada.call("GET", f"/users/{bot.id}").json["user"]) == USER


def test_a_room_lists_its_bots(server: ServerProcess) -> None:
    ada, bob, eve = register(server.url), register(server.url), register(server.url)
    room = ada.make_room()["id"]
    bob.join(room)
    path = f"/rooms/{room}/bots"
    assert ada.call("GET", path).json == {"bots": []}
    bot = add_bot(ada, room, "lister")
    (listed,) = ada.call("GET", path).json["bots"]
    assert set(listed) == {"user", "createdAt", "createdBy", "isMember"}
    assert (listed["user"]["id"], listed["createdBy"], listed["isMember"]) == (bot.id, ada.id, True)
    assert bot.access_token not in ada.call("GET", path).body.decode()
    for person, refused in ((bob, (403, "forbidden")), (eve, (403, "not_member"))):
        assert outcome(person.call("GET", path)) == refused
        assert outcome(person.call("POST", path, {"username": "another"})) == refused
        assert outcome(person.call("DELETE", f"{path}/{bot.id}")) == refused
    assert ada.call("DELETE", f"/rooms/{room}/members/{bot.id}").status == 204
    assert [one["isMember"] for one in ada.call("GET", path).json["bots"]] == [False]
    assert ada.call("POST", f"/rooms/{room}/members", {"userId": bot.id}).status < 300
    assert [one["isMember"] for one in ada.call("GET", path).json["bots"]] == [True]


def test_to_a_stranger_a_private_room_has_no_bots_and_no_webhooks(server: ServerProcess) -> None:
    ada, eve = register(server.url), register(server.url)
    room = ada.make_room(isPrivate=True)["id"]
    bot = add_bot(ada, room, "hidden")
    for where in (room, "nowhere", "%00"):
        for method, path, body in (
            ("GET", "bots", None),
            ("POST", "bots", {"username": "another"}),
            ("DELETE", f"bots/{bot.id}", None),
            ("GET", "webhooks", None),
            ("POST", "webhooks", {"name": "another"}),
            ("DELETE", "webhooks/w1", None),
        ):
            assert outcome(eve.call(method, f"/rooms/{where}/{path}", body)) == (404, "room_not_found")


@embedded
@pytest.mark.parametrize(
    "body", [{}, {"username": "ab"}, {"username": "x" * 33}, {"username": "a b c"}, {"username": 5}, {"username": None}]
)
def test_what_is_no_user_name_is_no_bots_name(server: ServerProcess, body: dict[str, Any]) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    reply = ada.call("POST", f"/rooms/{room}/bots", body)
    assert (reply.status, list(reply.json["error"]["details"])) == (422, ["username"])


def test_a_bots_name_is_as_unique_as_any(server: ServerProcess) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    path = f"/rooms/{room}/bots"
    assert outcome(ada.call("POST", path, {"username": ada.username.upper()})) == (409, "username_taken")
    bot = add_bot(ada, room, "Unique")
    body = {"username": "UNIQUE", "email": "u@example.com", "password": "correct horse battery"}
    assert outcome(call(server.url, "POST", "/auth/register", body)) == (409, "username_taken")
    assert ada.call("DELETE", f"{path}/{bot.id}").status == 204
    assert outcome(ada.call("POST", path, {"username": "unique"})) == (409, "username_taken")


def test_a_bot_does_nothing_else(server: ServerProcess) -> None:
    ada, bob = register(server.url), register(server.url)
    room, other = ada.make_room()["id"], ada.make_room()["id"]
    secret = ada.make_room(isPrivate=True)["id"]
    elsewhere = ada.post(other, "elsewhere")
    bot = add_bot(ada, room, "tame")
    for method, path, body in (
        ("POST", "/auth/logout", None),
        ("POST", "/auth/password", {"oldPassword": "", "newPassword": "correct horse battery"}),
        ("PATCH", "/users/me", {"displayName": "Boss"}),
        ("GET", "/users", None),
        ("GET", f"/users/{ada.id}", None),
        ("POST", "/rooms", {"name": "Mine"}),
        ("POST", "/rooms/direct", {"userId": ada.id}),
        ("POST", f"/rooms/{other}/join", None),
        ("POST", f"/rooms/{room}/join", None),
        ("POST", f"/rooms/{room}/leave", None),
        ("POST", f"/rooms/{room}/members", {"userId": bob.id}),
        ("GET", f"/rooms/{room}/bots", None),
        ("POST", f"/rooms/{room}/bots", {"username": "son-of-bot"}),
        ("DELETE", f"/rooms/{room}/bots/{bot.id}", None),
        ("GET", f"/rooms/{room}/webhooks", None),
        ("GET", "/metrics/websocket", None),
    ):
        headers = {"X-Forwarded-For": "203.0.113.7", "Authorization": f"Bearer {bot.access_token}"}
        reply = call(server.url, method, path, body, headers=headers)
        assert outcome(reply) == (403, "forbidden"), path
    for path in (f"/rooms/{other}", f"/rooms/{other}/stats", f"/rooms/{secret}", f"/rooms/{other}/members"):
        assert outcome(bot.call("GET", path)) == (404, "room_not_found")
    for one in (other, secret, "nowhere"):
        assert outcome(bot.call("GET", "/messages", roomId=one)) == (404, "room_not_found")
        assert outcome(bot.call("POST", "/messages", {"roomId": one, "content": "?"})) == (404, "room_not_found")
    assert bot.call("GET", f"/messages/{elsewhere['id']}").status in {403, 404}
    assert [one["id"] for one in bot.call("GET", "/rooms", mine="false").json["rooms"]] == [room]
    assert bot.call("PUT", "/messages", {}).code == "method_not_allowed"
    assert ada.call("GET", f"/rooms/{room}").json["room"]["memberCount"] == 2


def test_nobody_takes_a_bot_to_another_room(server: ServerProcess) -> None:
    ada = register(server.url)
    room, other = ada.make_room()["id"], ada.make_room()["id"]
    bot = add_bot(ada, room, "stays")
    assert outcome(ada.call("POST", f"/rooms/{other}/members", {"userId": bot.id})) == (403, "forbidden")
    assert outcome(ada.call("POST", "/rooms/direct", {"userId": bot.id})) == (403, "forbidden")


def test_nobody_logs_in_as_a_bot(server: ServerProcess) -> None:
    ada = register(server.url)
    bot = add_bot(ada, ada.make_room()["id"], "locked")
    for who in ({"username": "locked"}, {"email": bot.id}, {"email": ""}):
        for password in ("", "nobody's password", bot.access_token):
            reply = call(server.url, "POST", "/auth/login", {**who, "password": password})
            assert outcome(reply) == (401, "unauthorized")
    for token in (bot.access_token, f"{bot.access_token}.1.x"):
        assert call(server.url, "POST", "/auth/refresh", {"refreshToken": token}).status == 401
    run = run_in_process("user", "password", "locked", env=server.env, stdin="correct horse battery\n")
    assert (run.returncode, run.stderr.strip()) == (1, "user password: locked is a bot, to which nobody can log in")


@pytest.mark.gen_test
async def test_an_operator_ends_a_bots_token_for_good(server: ServerProcess) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    bot = await asyncio.to_thread(add_bot, ada, room, "disabled")
    async with chat(server.ws_url, bot) as b:
        await b.one("welcome")
        run = await asyncio.to_thread(run_in_process, "user", "disable", "disabled", env=server.env)
        assert run.returncode == 0, run.stderr
        assert await b.closed() == 4403
    await asyncio.to_thread(run_in_process, "user", "enable", "disabled", env=server.env)
    assert bot.call("GET", "/rooms").code == "unauthorized"
    assert ada.call("DELETE", f"/rooms/{room}/bots/{bot.id}").status == 204


def test_what_only_looks_like_a_bots_token_is_unauthorized(server: ServerProcess) -> None:
    ada = register(server.url)
    bot = add_bot(ada, ada.make_room()["id"], "copied")
    token = bot.access_token
    for forged in (
        "bot_",
        token[:-1],
        f"{token}x",
        token.upper(),
        token.removeprefix("bot_"),
        "bot_\u00e9",
        "bot_" * 9,
    ):
        reply = call(
            server.url, "GET", "/rooms", headers={"Authorization": f"Bearer {forged}".encode().decode("latin-1")}
        )
        assert outcome(reply) == (401, "unauthorized")


def test_a_removed_bots_token_is_refused_and_its_messages_stay(server: ServerProcess) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    bot = add_bot(ada, room, "removed")
    said = bot.post(room, "beep")
    path = f"/rooms/{room}/bots/{bot.id}"
    reply = ada.call("DELETE", path)
    assert (reply.status, reply.body) == (204, b"")
    assert outcome(bot.call("GET", "/rooms")) == (401, "unauthorized")
    assert outcome(ada.call("DELETE", path)) == (404, "not_found")
    assert outcome(ada.call("DELETE", f"/rooms/{room}/bots/{ada.id}")) == (404, "not_found")
    assert ada.call("GET", f"/messages/{said['id']}").json["message"] == said
    assert ada.call("GET", f"/users/{bot.id}").json["user"]["username"] == "removed"
    assert ada.call("GET", f"/rooms/{room}").json["room"]["memberCount"] == 1
    assert outcome(ada.call("POST", f"/rooms/{room}/members", {"userId": bot.id})) == (403, "forbidden")


@pytest.mark.gen_test
async def test_a_bot_over_the_websocket(server: ServerProcess) -> None:
    ada, bob = register(server.url), register(server.url)
    room, other = ada.make_room()["id"], ada.make_room()["id"]
    secret = ada.make_room(isPrivate=True)["id"]
    async with chat(server.ws_url, ada) as a:
        await a.command("joinRoom", roomId=room)
        bot = await asyncio.to_thread(add_bot, ada, room, "wired")
        async with chat(server.ws_url, bot) as b, chat(server.ws_url) as late:
            assert (await b.one("welcome"))["user"]["username"] == "wired"
            authenticated = await late.command("authenticate", token=bot.access_token)
            assert authenticated["expiresAt"] == "9999-12-31T23:59:59.000Z"
            assert (await b.command("authenticate", token=bot.access_token))["user"]["id"] == bot.id
            joined = await b.command("joinRoom", roomId=room)
            assert joined["room"]["role"] == "member"
            assert (await a.one("userJoined"))["userId"] == bot.id
            await a.command("sendMessage", roomId=room, content="hello")
            assert (await b.one("receiveMessage"))["content"] == "hello"
            posted = (await b.command("sendMessage", roomId=room, content="beep"))["message"]
            await a.until(lambda: posted in a.named("receiveMessage"))
            await b.command("startTyping", roomId=room)
            assert (await a.one("typingStatus"))["userId"] == bot.id
            await b.command("stopTyping", roomId=room)
            assert (await b.command("messageRead", roomId=room, seq=2))["readSeq"] == 2
            await b.command("updatePresence", status="busy")
            assert (await b.command("getPresence", roomId=room))["onlineCount"] == 2
            assert (await b.command("getRoomStats", roomId=room))["messageCount"] == 2
            assert set(await b.command("heartbeat")) == {"timestamp"}
            for event in ("joinRoom", "getRoomStats", "getPresence", "startTyping"):
                for elsewhere in (other, secret, "nowhere"):
                    with pytest.raises(CommandRefused) as error:
                        await b.command(event, roomId=elsewhere)
                    assert error.value.code == "room_not_found"
            with pytest.raises(CommandRefused) as error:
                await b.command("authenticate", token=bob.access_token)
            assert error.value.code == "forbidden"
            await b.command("leaveRoom", roomId=room)


@embedded
@pytest.mark.gen_test
async def test_a_bots_token_may_be_given_in_each_way(server: ServerProcess) -> None:
    ada = register(server.url)
    bot = await asyncio.to_thread(add_bot, ada, ada.make_room()["id"], "in-each-way")
    async with chat(server.ws_url, None, token=bot.access_token) as b:
        assert (await b.one("welcome"))["user"]["id"] == bot.id
    protocols = [Subprotocol("chat.v1"), Subprotocol(f"bearer.{bot.access_token}")]
    async with connect(server.ws_url, subprotocols=protocols) as socket:
        assert socket.subprotocol == "chat.v1"
        assert json.loads(await socket.recv())["data"]["user"]["id"] == bot.id
    assert bot.access_token not in server.log()


@pytest.mark.gen_test
async def test_a_removed_bots_connections_close_at_once(server: ServerProcess) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    bot = await asyncio.to_thread(add_bot, ada, room, "hung-up")
    async with chat(server.ws_url, ada) as a, chat(server.ws_url, bot) as b:
        await a.command("joinRoom", roomId=room)
        await b.command("joinRoom", roomId=room)
        await asyncio.to_thread(ada.call, "DELETE", f"/rooms/{room}/bots/{bot.id}")
        with ending_within(1.0):
            assert await b.closed() == 4403
        assert (await a.one("userLeft"))["userId"] == bot.id
    async with chat(server.ws_url, bot) as again:
        assert await again.closed() == 4401


@pytest.mark.gen_test
async def test_a_bot_that_was_put_out_of_its_room_does_not_come_back_by_itself(server: ServerProcess) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    bot = await asyncio.to_thread(add_bot, ada, room, "put-out")
    reply = await asyncio.to_thread(ada.call, "DELETE", f"/rooms/{room}/members/{bot.id}")
    assert reply.status == 204
    async with chat(server.ws_url, bot) as b:
        with pytest.raises(CommandRefused) as error:
            await b.command("joinRoom", roomId=room)
    assert error.value.code == "not_member"
    assert [one["user"]["id"] for one in ada.call("GET", f"/rooms/{room}/bots").json["bots"]] == [bot.id]
    assert ada.call("POST", f"/rooms/{room}/members", {"userId": bot.id}).status == 200
    bot.post(room, "back")


@pytest.mark.gen_test
async def test_a_bot_that_all_people_have_left_is_told_who_owns_its_room_next(server: ServerProcess) -> None:
    ada, bob = register(server.url), register(server.url)
    room = ada.make_room()["id"]
    bot = await asyncio.to_thread(add_bot, ada, room, "left-alone")
    async with chat(server.ws_url, bot) as b:
        await b.command("joinRoom", roomId=room)
        assert (await asyncio.to_thread(ada.call, "POST", f"/rooms/{room}/leave")).status == 204
        joined = (await asyncio.to_thread(bob.call, "POST", f"/rooms/{room}/join")).json["room"]
        assert (joined["role"], joined["ownerId"]) == ("owner", bob.id)
        await b.until(lambda: [one["room"]["ownerId"] for one in b.named("roomUpdated")] == [None, bob.id])


@pytest.mark.gen_test
async def test_with_its_room_a_bot_loses_its_connections(server: ServerProcess) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    bot = await asyncio.to_thread(add_bot, ada, room, "homeless")
    hook = ada.call("POST", f"/rooms/{room}/webhooks", {"name": "Homeless hook"}).json["url"]
    async with chat(server.ws_url, bot) as b:
        await b.command("joinRoom", roomId=room)
        assert (await asyncio.to_thread(ada.call, "DELETE", f"/rooms/{room}")).status == 204
        assert await b.closed() == 4403
    assert call(server.url, "POST", hook, {"text": "?"}).code == "not_found"


def test_in_an_archived_room_bots_and_webhooks_are_forbidden_to_post(server: ServerProcess) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    bot = add_bot(ada, room, "archivist")
    hook = ada.call("POST", f"/rooms/{room}/webhooks", {"name": "Archive hook"}).json["url"]
    assert ada.call("PATCH", f"/rooms/{room}", {"archived": True}).status == 200
    assert outcome(bot.call("POST", "/messages", {"roomId": room, "content": "?"})) == (403, "forbidden")
    assert outcome(call(server.url, "POST", hook, {"text": "?"})) == (403, "forbidden")
    assert bot.call("GET", "/messages", roomId=room).json["messages"] == []


def test_a_banned_bot_is_told_so_and_a_banned_webhook_is_not_found(server: ServerProcess) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    bot = add_bot(ada, room, "noisy")
    hook = ada.call("POST", f"/rooms/{room}/webhooks", {"name": "Noisy hook"}).json["url"]
    (listed,) = ada.call("GET", f"/rooms/{room}/webhooks").json["webhooks"]
    for user_id in (bot.id, listed["userId"]):
        reply = ada.call("POST", f"/rooms/{room}/bans/{user_id}", {"reason": "noise"})
        assert reply.status in {200, 201, 204}
    assert bot.call("POST", "/messages", {"roomId": room, "content": "?"}).code == "banned"
    assert outcome(call(server.url, "POST", hook, {"text": "?"})) == (404, "not_found")


@embedded
def test_a_bots_token_outlives_the_secret_that_signs_tokens(start: Start) -> None:
    first = start(JWT_SECRET="the first secret of the tests, long enough", JWT_SESSION_MAX="60")
    ada = register(first.url)
    room = ada.make_room()["id"]
    bot = add_bot(ada, room, "outlives")
    first.stop()
    second = start(first.data_dir, JWT_SECRET="the other secret of the tests, long enough")
    assert call(second.url, "GET", "/rooms", token=ada.access_token).status == 401
    assert call(second.url, "GET", f"/rooms/{room}", token=bot.access_token).status == 200


@embedded
def test_a_bot_gets_no_name_that_a_setting_lists(start: Start) -> None:
    server = start(ADMIN_USERS="Boss", RATE_LIMIT_WHITELIST="friend")
    ada = register(server.url)
    room = ada.make_room()["id"]
    for username in ("boss", "FRIEND"):
        assert outcome(ada.call("POST", f"/rooms/{room}/bots", {"username": username})) == (409, "username_taken")
    reply = ada.call("POST", f"/rooms/{room}/webhooks", {"name": "Boss"})
    assert reply.status == 201
    posted = call(server.url, "POST", reply.json["url"], {"text": "?"}).json["message"]
    assert posted["username"].lower() != "boss"


@embedded
def test_a_room_has_twenty_bots_and_the_answer_to_more_is_conflict(server: ServerProcess) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    for number in range(20):
        add_bot(ada, room, f"one-of-20-{number}")
    reply = ada.call("POST", f"/rooms/{room}/bots", {"username": "too-many"})
    assert outcome(reply) == (409, "conflict")


@embedded
def test_making_bots_and_webhooks_counts_as_joining(start: Start) -> None:
    server = start(RATE_LIMIT_JOINS="2/3600")
    ada = register(server.url)
    room = ada.make_room()["id"]
    add_bot(ada, room, "counted")
    assert ada.call("POST", f"/rooms/{room}/webhooks", {"name": "Counted"}).status == 201
    for path, body in (("bots", {"username": "more"}), ("webhooks", {"name": "More"})):
        reply = ada.call("POST", f"/rooms/{room}/{path}", body)
        assert (reply.status, reply.json["error"]["details"]["operation"]) == (429, "joins")


@embedded
@pytest.mark.gen_test
async def test_what_a_bot_is_refused_over_the_websocket_counts(start: Start) -> None:
    server = start(RATE_LIMIT_TYPING="4/3600")
    ada = register(server.url)
    room, other = ada.make_room()["id"], ada.make_room()["id"]
    bot = await asyncio.to_thread(add_bot, ada, room, "stubborn")
    async with chat(server.ws_url, bot) as b:

        async def refusal(event: str, room_id: str, **more: Any) -> str:
            with pytest.raises(CommandRefused) as error:
                await b.command(event, roomId=room_id, **more)
            return error.value.code

        for _ in range(2):
            assert await refusal("joinRoom", other) == "room_not_found"
        assert await refusal("sendMessage", other, content="?") == "room_not_found"
        await asyncio.to_thread(ada.call, "DELETE", f"/rooms/{room}/members/{bot.id}")
        assert await refusal("joinRoom", room) == "not_member"
        assert await refusal("joinRoom", other) == "rate_limited"
        assert await refusal("joinRoom", room) == "rate_limited"
