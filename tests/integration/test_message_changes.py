"""Editing, deleting and reacting, over REST and WebSocket: what the caller gets, and what the whole room sees."""

from __future__ import annotations

import asyncio
from urllib.parse import quote

import pytest

from tests.integration.conftest import Processes, Start, embedded, slow_on_mongo
from tests.support.client import ChatConnection, CommandRefused, Person, Reply, chat, person_at, register
from tests.support.server import ServerProcess

THUMB = "👍"
CHANGES = ("messageEdited", "messageDeleted", "reactionUpdated")


def reaction_path(message_id: str, emoji: str = THUMB) -> str:
    return f"/messages/{message_id}/reactions/{quote(emoji, safe='')}"


def changes_seen(one: ChatConnection) -> list[tuple[str, int]]:
    """The names and revs of all changes of messages received, in the order received."""
    return [(frame["event"], frame["data"]["rev"]) for frame in one.events if frame["event"] in CHANGES]


@pytest.mark.gen_test
async def test_each_change_is_answered_and_told_with_the_whole_message(server: ServerProcess) -> None:
    ada, bob = register(server.url), register(server.url)
    room = ada.make_room()["id"]
    async with chat(server.ws_url, ada) as a, chat(server.ws_url, bob) as b:
        for one in (a, b):
            await one.command("joinRoom", roomId=room)
        message = ada.post(room, "first")
        rev = (await a.command("joinRoom", roomId=room))["rev"]
        edited = await a.command("editMessage", messageId=message["id"], content="second")
        assert edited == {
            "message": {
                **message,
                "content": "second",
                "rev": rev + 1,
                "editedAt": edited["message"]["editedAt"],
            }
        }
        assert edited["message"]["editedAt"] is not None
        reacted = await b.command("addReaction", messageId=message["id"], emoji=THUMB)
        assert reacted["message"]["reactions"] == {THUMB: {"count": 1, "userIds": [bob.id]}}
        by_rest = ada.call("PUT", reaction_path(message["id"]))
        assert by_rest.status == 200
        assert by_rest.json["message"]["reactions"] == {THUMB: {"count": 2, "userIds": [bob.id, ada.id]}}
        taken = await b.command("removeReaction", messageId=message["id"], emoji=THUMB)
        assert taken["message"]["reactions"] == {THUMB: {"count": 1, "userIds": [ada.id]}}
        again = ada.call("DELETE", reaction_path(message["id"]))
        assert again.json["message"]["reactions"] == {}
        patched = ada.call("PATCH", f"/messages/{message['id']}", {"content": "third"})
        assert (patched.status, patched.json["message"]["content"]) == (200, "third")
        deleted = await a.command("deleteMessage", messageId=message["id"])
        assert (deleted["message"]["content"], deleted["message"]["seq"]) == (None, 1)
        assert deleted["message"]["deletedAt"] is not None
        answers = [edited, reacted, by_rest.json, taken, again.json, patched.json, deleted]
        names = ["messageEdited", *["reactionUpdated"] * 4, "messageEdited", "messageDeleted"]
        for one in (a, b):
            await one.until(lambda one=one: one.named("messageDeleted"))
            assert changes_seen(one) == [(name, rev + 1 + number) for number, name in enumerate(names)]
            told = [frame["data"] for frame in one.events if frame["event"] in CHANGES]
            assert told == [
                {"roomId": room, "rev": answer["message"]["rev"], "message": answer["message"]} for answer in answers
            ]
    assert ada.call("GET", f"/messages/{message['id']}").json == deleted
    assert ada.call("GET", "/messages", roomId=room).json["messages"] == [deleted["message"]]


@pytest.mark.gen_test
async def test_a_change_that_changes_nothing_is_answered_and_told_to_nobody(server: ServerProcess) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    message = ada.post(room, "text")
    async with chat(server.ws_url, ada) as a:
        await a.command("joinRoom", roomId=room)
        assert (await a.command("editMessage", messageId=message["id"], content="text"))["message"] == message
        taken = await a.command("removeReaction", messageId=message["id"], emoji=THUMB)
        assert taken["message"] == message
        first = await a.command("addReaction", messageId=message["id"], emoji=THUMB)
        assert await a.command("addReaction", messageId=message["id"], emoji=THUMB) == first
        deleted = await a.command("deleteMessage", messageId=message["id"])
        assert await a.command("deleteMessage", messageId=message["id"]) == deleted
        assert ada.call("DELETE", f"/messages/{message['id']}").json == deleted
        await a.one("messageDeleted")
        assert changes_seen(a) == [("reactionUpdated", 1), ("messageDeleted", 2)]


def test_history_is_for_the_author_and_moderators_and_a_deletion_ends_it(server: ServerProcess) -> None:
    ada, bob, eve = (register(server.url) for _ in range(3))
    room = ada.make_room()["id"]
    bob.join(room)
    message = bob.post(room, "first")
    path = f"/messages/{message['id']}"
    times = [bob.call("PATCH", path, {"content": text}).json["message"]["editedAt"] for text in ("second", "third")]
    for one in (bob, ada):
        reply = one.call("GET", f"{path}/history")
        assert reply.status == 200
        assert reply.json["history"] == [
            {"content": "second", "editedAt": times[1]},
            {"content": "first", "editedAt": times[0]},
        ]
        assert reply.json["message"]["content"] == "third"
    assert eve.call("GET", f"{path}/history").code == "not_member"
    eve.join(room)
    assert eve.call("GET", f"{path}/history").code == "forbidden"
    ada.call("DELETE", path)
    assert bob.call("GET", f"{path}/history").json["history"] == []
    assert "second" not in ada.call("GET", f"/rooms/{room}/changes", limit=100).body.decode()


@pytest.mark.parametrize("is_private", [False, True])
def test_who_may_not_change_a_message_is_told_why(server: ServerProcess, is_private: bool) -> None:
    ada, bob, stranger = (register(server.url) for _ in range(3))
    room = ada.make_room(isPrivate=is_private)["id"]
    ada.call("POST", f"/rooms/{room}/members", {"userId": bob.id})
    message = ada.post(room, "ada's")

    def codes(who: Person) -> list[str | int]:
        path = f"/messages/{message['id']}"
        replies = [
            who.call("PATCH", path, {"content": "x"}),
            who.call("DELETE", path),
            who.call("PUT", reaction_path(message["id"])),
            who.call("DELETE", reaction_path(message["id"])),
        ]
        return [reply.status if reply.status == 200 else reply.code for reply in replies]

    assert codes(stranger) == ["message_not_found" if is_private else "not_member"] * 4
    assert codes(bob) == ["forbidden", "forbidden", 200, 200]
    own = bob.post(room, "bob's")
    bob.call("POST", f"/rooms/{room}/leave")
    for who, changed in ((bob, own), (bob, message)):
        reply = who.call("PATCH", f"/messages/{changed['id']}", {"content": "x"})
        assert reply.code == ("message_not_found" if is_private else "not_member")
    assert ada.call("PATCH", f"/messages/{own['id']}", {"content": "moderated"}).status == 200


BAD_IDS = ["", "x", "nowhere-1", "{room}-0", "{room}-2", "{room}-01", "{room}-9999999999999999", "$where", "x" * 129]


@pytest.mark.parametrize("bad", BAD_IDS)
@pytest.mark.gen_test
async def test_an_id_of_no_message_is_refused_everywhere(server: ServerProcess, bad: str) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    ada.post(room, "only one")
    message_id = bad.replace("{room}", room)
    if message_id:
        for method, path, body in (
            ("PATCH", f"/messages/{message_id}", {"content": "x"}),
            ("DELETE", f"/messages/{message_id}", None),
            ("GET", f"/messages/{message_id}/history", None),
            ("PUT", reaction_path(message_id), None),
            ("DELETE", reaction_path(message_id), None),
        ):
            assert ada.call(method, path, body).code == "message_not_found", path
    async with chat(server.ws_url, ada) as a:
        for command, more in (
            ("editMessage", {"content": "x"}),
            ("deleteMessage", {}),
            ("addReaction", {"emoji": THUMB}),
            ("removeReaction", {"emoji": THUMB}),
        ):
            with pytest.raises(CommandRefused) as refused:
                await a.command(command, messageId=message_id, **more)
            assert refused.value.code in ("message_not_found", "validation_failed"), command


@pytest.mark.parametrize("emoji", ["x" * 33, "é" * 17, "\n", "a\tb", "\u202eabc", "\u200b", " ", "\u2028"])
@pytest.mark.gen_test
async def test_what_is_no_emoji_is_refused(server: ServerProcess, emoji: str) -> None:
    ada = register(server.url)
    message = ada.post(ada.make_room()["id"], "text")
    reply = ada.call("PUT", reaction_path(message["id"], emoji))
    assert (reply.status, reply.code) == (422, "validation_failed")
    assert set(reply.json["error"]["details"]) == {"emoji"}
    async with chat(server.ws_url, ada) as a:
        for bad in (emoji, "", None, 5, ["👍"]):
            with pytest.raises(CommandRefused) as refused:
                await a.command("addReaction", messageId=message["id"], emoji=bad)
            assert refused.value.data["details"].keys() == {"emoji"}
    assert ada.call("GET", f"/messages/{message['id']}").json["message"]["reactions"] == {}


@pytest.mark.parametrize("emoji", [THUMB, "👩‍👩‍👧‍👦", "a/b", "50%", "?", "#", "..", "+1", "x" * 32, "$set", "a.$b"])
def test_an_emoji_is_taken_as_it_is(server: ServerProcess, emoji: str) -> None:
    ada = register(server.url)
    message = ada.post(ada.make_room()["id"], "text")
    path = reaction_path(message["id"], emoji)
    assert list(ada.call("PUT", path).json["message"]["reactions"]) == [emoji]
    assert ada.call("DELETE", path).json["message"]["reactions"] == {}


@pytest.mark.parametrize("content", [None, "", 5, "x" * 2001, {"$set": {}}, ["x"], "a\0b"])
@pytest.mark.gen_test
async def test_a_content_that_no_message_may_have_is_refused(server: ServerProcess, content: object) -> None:
    ada = register(server.url)
    message = ada.post(ada.make_room()["id"], "text")
    path = f"/messages/{message['id']}"
    for body in ({"content": content}, {}):
        reply = ada.call("PATCH", path, body)
        assert (reply.status, set(reply.json["error"]["details"])) == (422, {"content"})
    assert ada.call("PATCH", path, ["x"]).code == "malformed"
    async with chat(server.ws_url, ada) as a:
        with pytest.raises(CommandRefused) as refused:
            await a.command("editMessage", messageId=message["id"], content=content)
        assert refused.value.code == "validation_failed"
    assert ada.call("GET", path).json["message"] == message


@pytest.mark.gen_test
async def test_a_message_takes_twenty_kinds_of_reactions(start: Start) -> None:
    server = start(RATE_LIMIT_REACTIONS="off")
    ada = register(server.url)
    message = ada.post(ada.make_room()["id"], "text")
    async with chat(server.ws_url, ada) as a:
        for number in range(20):
            await a.command("addReaction", messageId=message["id"], emoji=f"e{number}")
        with pytest.raises(CommandRefused) as refused:
            await a.command("addReaction", messageId=message["id"], emoji="e20")
    assert refused.value.code == "conflict"
    assert ada.call("PUT", reaction_path(message["id"])).code == "conflict"


@embedded
@pytest.mark.gen_test
async def test_edits_and_deletions_count_as_messages_and_reactions_by_themselves(start: Start) -> None:
    server = start(RATE_LIMIT_MESSAGES="3/3600", RATE_LIMIT_REACTIONS="2/3600")
    ada = register(server.url)
    message = ada.post(ada.make_room()["id"], "text")
    path = f"/messages/{message['id']}"
    assert ada.call("PATCH", path, {"content": "second"}).status == 200
    async with chat(server.ws_url, ada) as a:
        await a.command("editMessage", messageId=message["id"], content="third")
        with pytest.raises(CommandRefused) as refused:
            await a.command("deleteMessage", messageId=message["id"])
        assert refused.value.code == "rate_limited"
        reply = ada.call("DELETE", path)
        assert (reply.status, reply.json["error"]["details"]["operation"]) == (429, "messages")
        await a.command("addReaction", messageId=message["id"], emoji=THUMB)
    reply = ada.call("DELETE", reaction_path(message["id"]))
    assert (reply.status, reply.headers["ratelimit-limit"], reply.headers["ratelimit-remaining"]) == (200, "2", "0")
    assert ada.call("PUT", reaction_path(message["id"])).json["error"]["details"]["operation"] == "reactions"


@pytest.mark.gen_test
async def test_a_burst_of_reactions_is_few_events_and_everybody_gets_the_same(start: Start) -> None:
    server = start(RATE_LIMIT_REACTIONS="off", WS_MAX_CONNECTIONS_PER_USER="50")
    ada = register(server.url)
    room = ada.make_room()["id"]
    message = ada.post(room, "text")
    async with chat(server.ws_url, ada) as a:
        await a.command("joinRoom", roomId=room)
        emojis = [f"e{number}" for number in range(20)]
        answers = await asyncio.gather(
            *(asyncio.to_thread(ada.call, "PUT", reaction_path(message["id"], emoji)) for emoji in emojis)
        )
        assert {answer.status for answer in answers} == {200}
        for answer, emoji in zip(answers, emojis, strict=True):
            assert emoji in answer.json["message"]["reactions"]
        newest = max(answer.json["message"]["rev"] for answer in answers)
        await a.until(lambda: a.named("reactionUpdated")[-1:] and a.named("reactionUpdated")[-1]["rev"] == newest)
        assert changes_seen(a) == [("reactionUpdated", rev) for rev in range(1, newest + 1)]
        by_rev = {event["rev"]: event["message"] for event in a.named("reactionUpdated")}
        assert all(answer.json["message"] == by_rev[answer.json["message"]["rev"]] for answer in answers)


@pytest.mark.gen_test
async def test_who_comes_back_gets_messages_as_they_now_are(server: ServerProcess) -> None:
    """Also where the missed messages come from memory: they may have changed since they came by."""
    ada, bob = register(server.url), register(server.url)
    room = ada.make_room()["id"]
    async with chat(server.ws_url, ada) as a, chat(server.ws_url, bob) as b:
        await a.command("joinRoom", roomId=room)
        rev = (await b.command("joinRoom", roomId=room))["rev"]
        first, second = ada.post(room, "secret"), ada.post(room, "second")
        deleted = await a.command("deleteMessage", messageId=first["id"])
        edited = await a.command("editMessage", messageId=second["id"], content="edited")
        await a.until(lambda: a.named("messageEdited"))
        back = await b.command("joinRoom", roomId=room, since=0, sinceRev=rev)
        assert back["missed"] == [deleted["message"], edited["message"]]
        assert back["changes"] == [
            {"rev": rev + 1, "message": deleted["message"]},
            {"rev": rev + 2, "message": edited["message"]},
        ]


@pytest.mark.gen_test
async def test_both_processes_tell_all_changes_in_one_order(two_servers: Processes) -> None:
    first, second = two_servers
    ada = register(first.url)
    bob = register(second.url)
    room = ada.make_room()["id"]
    async with chat(first.ws_url, ada) as a, chat(second.ws_url, bob) as b:
        await a.command("joinRoom", roomId=room)
        rev = (await b.command("joinRoom", roomId=room))["rev"]
        messages = [ada.post(room, f"text {number}") for number in range(4)]
        for one in (a, b):
            await one.until(lambda one=one: len(one.seqs) == 4)

        async def work(one: ChatConnection, name: str) -> None:
            for number in range(12):
                message_id = messages[number % 4]["id"]
                await one.command("addReaction", messageId=message_id, emoji=f"{name}{number}")
                if one is a:
                    await one.command("editMessage", messageId=message_id, content=f"edited {number}")

        await asyncio.gather(work(a, "a"), work(b, "b"))
        deleted = await a.command("deleteMessage", messageId=messages[0]["id"])
        newest = deleted["message"]["rev"]
        for one in (a, b):
            await one.until(lambda one=one: one.named("messageDeleted"))
            assert [number for _, number in changes_seen(one)] == list(range(rev + 1, newest + 1))
        assert [frame for frame in a.events if frame["event"] in CHANGES] == [
            frame for frame in b.events if frame["event"] in CHANGES
        ]
        newest_seen = {event["data"]["message"]["id"]: event["data"]["message"] for event in b.events
                       if event["event"] in CHANGES}  # fmt: skip
        stored = person_at(ada, second).call("GET", "/messages", roomId=room).json["messages"]
        assert stored == [newest_seen[message["id"]] for message in messages]
        assert ada.call("GET", "/messages", roomId=room).json["messages"] == stored


def is_told(one: ChatConnection, message_id: str) -> bool:
    return any(event["message"]["id"] == message_id for event in one.named("messageDeleted"))


@pytest.mark.gen_test
async def test_an_edit_and_a_reaction_that_race_a_deletion_end_alike_for_all(two_servers: Processes) -> None:
    first, second = two_servers
    ada = register(first.url)
    room = ada.make_room()["id"]
    async with chat(first.ws_url, ada) as a, chat(second.ws_url, ada) as b:
        for one in (a, b):
            await one.command("joinRoom", roomId=room)
        for number in range(8):
            message = ada.post(room, f"text {number}")
            outcomes = await asyncio.gather(
                b.command("editMessage", messageId=message["id"], content="edited"),
                a.command("addReaction", messageId=message["id"], emoji=THUMB),
                a.command("deleteMessage", messageId=message["id"]),
                b.command("addReaction", messageId=message["id"], emoji="x"),
                return_exceptions=True,
            )
            deleted = outcomes[2]
            assert isinstance(deleted, dict)
            for outcome in (outcomes[0], outcomes[1], outcomes[3]):
                if isinstance(outcome, CommandRefused):
                    assert outcome.code == "message_not_found"
                else:
                    assert isinstance(outcome, dict)
                    assert outcome["message"]["rev"] < deleted["message"]["rev"]
            for one in (a, b):
                await one.until(lambda one=one, message=message: is_told(one, message["id"]))
            assert ada.call("GET", f"/messages/{message['id']}").json == deleted
        of_a, of_b = ([frame for frame in one.events if frame["event"] in CHANGES] for one in (a, b))
        for told_a, told_b in zip(of_a, of_b, strict=True):
            # A change that a process had to read from the store, after the deletion, is told as the tombstone.
            assert told_a == told_b or "messageDeleted" in (told_a["event"], told_b["event"])
            assert told_a["data"]["rev"] == told_b["data"]["rev"]
            assert told_a["data"]["message"]["id"] == told_b["data"]["message"]["id"]
        revs = [frame["data"]["rev"] for frame in of_a]
        assert revs == sorted(set(revs))


@pytest.mark.gen_test
async def test_an_edit_that_races_its_authors_ban_came_before_it_or_not_at_all(two_servers: Processes) -> None:
    first, second = two_servers
    ada = register(first.url)
    room = ada.make_room()["id"]
    for _ in range(4):
        bob = register(second.url)
        bob.join(room)
        message = bob.post(room, "first")
        async with chat(second.ws_url, bob) as b:
            edit, react, ban = await asyncio.gather(
                b.command("editMessage", messageId=message["id"], content="edited"),
                asyncio.to_thread(person_at(bob, first).call, "PUT", reaction_path(message["id"])),
                asyncio.to_thread(ada.call, "POST", f"/rooms/{room}/bans/{bob.id}", {"reason": "spam"}),
                return_exceptions=True,
            )
            assert not isinstance(ban, BaseException) and ban.status < 300, ban
            assert isinstance(react, Reply) and (react.status == 200 or react.code == "banned")
            with pytest.raises(CommandRefused) as refused:
                await b.command("editMessage", messageId=message["id"], content="too late")
            assert refused.value.code == "banned"
        is_edited = not isinstance(edit, BaseException)
        assert is_edited or (isinstance(edit, CommandRefused) and edit.code == "banned")
        log = ada.call("GET", f"/rooms/{room}/changes", since=0, limit=100).json["changes"]
        ended = max(entry["rev"] for entry in log if entry["message"] is None)
        changed = [entry["rev"] for entry in log if entry["message"] and entry["message"]["id"] == message["id"]]
        assert len(changed) == is_edited + (react.status == 200)
        assert all(rev < ended for rev in changed)
        now = [one.call("GET", f"/messages/{message['id']}").json["message"] for one in (ada, person_at(ada, second))]
        assert now[0] == now[1]
        assert now[0]["content"] == ("edited" if is_edited else "first")


@slow_on_mongo
@pytest.mark.gen_test
async def test_what_was_acked_survives_a_kill(start: Start) -> None:
    server = start()
    ada = register(server.url)
    room = ada.make_room()["id"]
    edited, deleted, reacted = (ada.post(room, f"text {number}") for number in range(3))
    async with chat(server.ws_url, ada) as a:
        acked = [
            (await a.command("editMessage", messageId=edited["id"], content="edited"))["message"],
            (await a.command("deleteMessage", messageId=deleted["id"]))["message"],
            (await a.command("addReaction", messageId=reacted["id"], emoji=THUMB))["message"],
        ]
        server.kill()
    server.start()
    assert ada.call("GET", "/messages", roomId=room).json["messages"] == acked
    changes = ada.call("GET", f"/rooms/{room}/changes").json["changes"]
    assert changes == [{"rev": rev, "message": message} for rev, message in enumerate(acked, 1)]
    assert ada.call("GET", f"/messages/{edited['id']}/history").json["history"][0]["content"] == "text 0"
    assert ada.call("DELETE", reaction_path(reacted["id"])).json["message"]["reactions"] == {}
