"""Presence and typing: one event per change of a user, never to that user, and only a count in large rooms."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from app.composition.chat import PRESENCE_GRACE_S
from tests.integration.conftest import JWT, Start, embedded
from tests.support.client import chat, register
from tests.support.people import create_people, people_at
from tests.support.server import ServerProcess


@pytest.mark.gen_test
async def test_a_person_joins_and_leaves_once_however_many_connections_they_have(server: ServerProcess) -> None:
    ada, bob = register(server.url), register(server.url)
    room = ada.make_room()["id"]
    bob.join(room)
    async with chat(server.ws_url, ada) as a:
        await a.command("joinRoom", roomId=room)
        async with chat(server.ws_url, bob), chat(server.ws_url, bob) as phone:
            joined = await a.one("userJoined")
            assert joined == {"roomId": room, "userId": bob.id, "username": bob.username, "status": "online"}
            await phone.command("joinRoom", roomId=room)
            present = await a.command("getPresence", roomId=room)
            assert present["onlineCount"] == 2
            assert {"userId": bob.id, "username": bob.username, "status": "online"} in present["online"]
            await phone.command("heartbeat")
            assert phone.named("userJoined") == [], "never one's own"
        left = await a.one("userLeft")
        assert (left["userId"], left["status"]) == (bob.id, "offline")
        assert len(a.named("userJoined")) == len(a.named("userLeft")) == 1
        assert (await a.command("getPresence", roomId=room))["onlineCount"] == 1
        assert ada.call("GET", f"/rooms/{room}").json["room"]["onlineCount"] == 1


@embedded
@pytest.mark.gen_test
async def test_a_quick_reconnect_is_no_departure(server: ServerProcess) -> None:
    ada, *others = [register(server.url) for _ in range(4)]
    room = ada.make_room()["id"]
    async with chat(server.ws_url, ada) as a:
        await a.command("joinRoom", roomId=room)
        for bob in others:  # if the machine stalls in between the reconnect is not quick, so another user tries
            bob.join(room)
            async with chat(server.ws_url, bob):
                await a.until(lambda bob=bob: [event["userId"] for event in a.named("userJoined")][-1:] == [bob.id])
                began_s = time.monotonic()
            async with chat(server.ws_url, bob) as again:
                await again.one("welcome")
                if time.monotonic() - began_s >= PRESENCE_GRACE_S:
                    continue
                await again.command("updatePresence", status="busy", customStatus="in a meeting")
                update = await a.one("presenceUpdate")
                assert (update["userId"], update["status"]) == (bob.id, "busy")
                assert [event for event in a.named("userLeft") if event["userId"] == bob.id] == []
                assert len([event for event in a.named("userJoined") if event["userId"] == bob.id]) == 1
                return
    pytest.fail("nobody came back quickly")


@pytest.mark.gen_test
async def test_a_status_is_kept_and_offline_means_gone_for_others(server: ServerProcess) -> None:
    ada, bob = register(server.url), register(server.url)
    room = ada.make_room()["id"]
    bob.join(room)
    async with chat(server.ws_url, ada) as a, chat(server.ws_url, bob) as b:
        await a.command("joinRoom", roomId=room)
        await b.command("updatePresence", status="offline")
        await a.one("userLeft")
        assert (await a.command("getPresence", roomId=room))["onlineCount"] == 1
        await b.command("updatePresence", status="away", customStatus="at lunch")
        await a.until(lambda: a.named("userJoined") and a.named("userJoined")[-1]["status"] == "away")
        shown = ada.call("GET", f"/users/{bob.id}").json["user"]
        assert (shown["status"], shown["customStatus"]) == ("away", "at lunch")
        await b.command("updatePresence", status="online")
        assert ada.call("GET", f"/users/{bob.id}").json["user"]["customStatus"] == "at lunch", (
            "absent leaves it as it is"
        )


@pytest.mark.gen_test
async def test_membership_moves_presence_with_it(server: ServerProcess) -> None:
    ada, bob = register(server.url), register(server.url)
    room = ada.make_room()["id"]
    async with chat(server.ws_url, ada) as a, chat(server.ws_url, bob) as b:
        await a.command("joinRoom", roomId=room)
        await b.one("welcome")
        bob.join(room)
        assert (await a.one("userJoined"))["userId"] == bob.id
        assert (await b.one("roomAdded"))["room"]["id"] == room
        bob.call("POST", f"/rooms/{room}/leave")
        assert (await a.one("userLeft"))["userId"] == bob.id


@embedded
@pytest.mark.gen_test
async def test_typing_is_told_once_and_ends_when_it_is_said_to_or_something_is_sent(server: ServerProcess) -> None:
    ada, bob = register(server.url), register(server.url)
    room = ada.make_room()["id"]
    bob.join(room)
    async with chat(server.ws_url, ada) as a, chat(server.ws_url, bob) as b:
        await a.command("joinRoom", roomId=room)
        await b.command("joinRoom", roomId=room)
        for _ in range(3):
            await b.command("startTyping", roomId=room)
        typing = await a.one("typingStatus")
        assert typing == {
            "roomId": room, "userId": bob.id, "username": bob.username, "isTyping": True, "expiresInMs": 6000,
        }  # fmt: skip
        await b.command("stopTyping", roomId=room)
        await a.until(lambda: len(a.named("typingStatus")) == 2)
        assert a.named("typingStatus")[1]["isTyping"] is False
        await b.command("startTyping", roomId=room)
        await b.command("sendMessage", roomId=room, content="done")
        await a.until(lambda: len(a.named("typingStatus")) == 4)
        assert [one["isTyping"] for one in a.named("typingStatus")] == [True, False] * 2
        assert b.named("typingStatus") == [], "never one's own"


@embedded
@pytest.mark.slow
@pytest.mark.gen_test
async def test_typing_ends_by_itself(server: ServerProcess) -> None:
    ada, bob = register(server.url), register(server.url)
    room = ada.make_room()["id"]
    bob.join(room)
    async with chat(server.ws_url, ada) as a, chat(server.ws_url, bob) as b:
        await a.command("joinRoom", roomId=room)
        await b.command("joinRoom", roomId=room)
        await b.command("startTyping", roomId=room)
        await a.until(lambda: len(a.named("typingStatus")) == 2)
        assert [one["isTyping"] for one in a.named("typingStatus")] == [True, False]
        assert b.named("typingStatus") == [], "never one's own"


@embedded
@pytest.mark.gen_test
async def test_above_two_hundred_online_events_give_way_to_a_count(start: Start, tmp_path: Path) -> None:
    settled = await create_people(tmp_path / "data", 204, secret=JWT["JWT_SECRET"])
    server = start(tmp_path / "data", RATE_LIMIT_CONNECTS="off", **JWT)
    people = people_at(server.url, settled)
    room = people[0].make_room(maxUsers=1000)["id"]
    async with chat(server.ws_url, people[0]) as watcher:
        await watcher.command("joinRoom", roomId=room)
        opened = []
        for person in people[1:]:
            one = chat(server.ws_url, person)
            connection = await one.__aenter__()
            opened.append(one)
            await connection.command("joinRoom", roomId=room)
        await watcher.until(lambda: any(one["onlineCount"] == 204 for one in watcher.named("roomPresence")))
        assert len(watcher.named("userJoined")) == 199, "the first 200 are told by name"
        present = await watcher.command("getPresence", roomId=room)
        assert present["onlineCount"] == 204
        assert len(present["online"]) == 200
        await watcher.command("startTyping", roomId=room)
        for one in opened:
            await one.__aexit__(None, None, None)
