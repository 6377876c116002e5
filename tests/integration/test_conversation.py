"""Two users in a room: posting both ways, history, joins with `since`, read marks, and a server that is killed in
between.
"""

from __future__ import annotations

import pytest

from tests.integration.conftest import Start, slow_on_mongo
from tests.support.client import CommandRefused, call, chat, register
from tests.support.server import ServerProcess


@pytest.mark.gen_test
async def test_a_message_sent_on_one_connection_reaches_every_member_once(server: ServerProcess) -> None:
    ada, bob = register(server.url), register(server.url)
    room = ada.make_room()["id"]
    async with chat(server.ws_url, ada) as a, chat(server.ws_url, bob) as b:
        joined = await a.command("joinRoom", roomId=room)
        assert (joined["seq"], joined["missed"], joined["truncated"], joined["reset"]) == (0, [], False, False)
        await b.command("joinRoom", roomId=room)
        sent = (await a.command("sendMessage", roomId=room, content="Hello, Bob 👋", clientId="1"))["message"]
        assert sent["seq"] == 1
        assert sent["username"] == ada.username
        assert await b.one("receiveMessage") == sent
        assert await a.one("receiveMessage") == sent
        by_rest = bob.post(room, "Hello, Ada", clientId="1")
        await a.until(lambda: len(a.named("receiveMessage")) == 2)
        await b.until(lambda: len(b.named("receiveMessage")) == 2)
        assert a.named("receiveMessage")[1] == b.named("receiveMessage")[1] == by_rest
    page = ada.call("GET", "/messages", roomId=room).json
    assert page["messages"] == [sent, by_rest]
    assert page["hasMore"] is False


@pytest.mark.gen_test
async def test_a_message_has_the_contracts_shape(server: ServerProcess) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    message = ada.post(room, "x")
    assert set(message) == {
        "id", "roomId", "seq", "rev", "userId", "username", "type", "content", "clientId", "replyToId", "threadId",
        "attachments", "mentions", "reactions", "createdAt", "editedAt", "deletedAt",
    }  # fmt: skip
    assert message["rev"] == 0
    assert message["type"] == "text"
    assert message["clientId"]
    assert message["attachments"] == message["mentions"] == []
    assert message["reactions"] == {}
    assert ada.call("GET", f"/messages/{message['id']}").json == {"message": message}


@pytest.mark.gen_test
async def test_a_resent_client_id_is_answered_with_the_first_message(server: ServerProcess) -> None:
    ada, bob = register(server.url), register(server.url)
    room = ada.make_room()["id"]
    bob.join(room)
    async with chat(server.ws_url, bob) as b:
        await b.command("joinRoom", roomId=room)
        first = ada.call("POST", "/messages", {"roomId": room, "content": "once", "clientId": "same"})
        again = ada.call("POST", "/messages", {"roomId": room, "content": "other words", "clientId": "same"})
        assert (first.status, again.status) == (201, 200)
        assert again.json == {"message": first.json["message"], "duplicate": True}
        other = bob.call("POST", "/messages", {"roomId": room, "content": "mine", "clientId": "same"})
        assert other.status == 201, "the clientId is unique per author"
        await b.until(lambda: len(b.named("receiveMessage")) == 2)
        assert [message["seq"] for message in b.named("receiveMessage")] == [1, 2]


@pytest.mark.parametrize(("is_private", "code"), [(False, "banned"), (True, "room_not_found")])
def test_a_resend_by_who_is_banned_since_is_refused(server: ServerProcess, is_private: bool, code: str) -> None:
    ada, bob = register(server.url), register(server.url)
    room = ada.make_room(isPrivate=is_private)["id"]
    assert ada.call("POST", f"/rooms/{room}/members", {"userId": bob.id}).status == 200
    body = {"roomId": room, "content": "once", "clientId": "same"}
    assert bob.call("POST", "/messages", body).status == 201
    assert ada.call("POST", f"/rooms/{room}/bans/{bob.id}", {}).status == 201
    assert bob.call("POST", "/messages", body).code == code
    assert bob.call("GET", "/messages", roomId=room).code == code


@pytest.mark.gen_test
async def test_joining_with_since_gives_what_was_missed_and_then_the_next(server: ServerProcess) -> None:
    ada, bob = register(server.url), register(server.url)
    room = ada.make_room()["id"]
    bob.join(room)
    for number in range(5):
        ada.post(room, f"message {number}")
    async with chat(server.ws_url, bob) as b:
        joined = await b.command("joinRoom", roomId=room, since=2)
        assert [message["seq"] for message in joined["missed"]] == [3, 4, 5]
        assert joined["seq"] == 5
        ada.post(room, "live")
        assert (await b.one("receiveMessage"))["seq"] == 6
        beyond = await b.command("joinRoom", roomId=room, since=99)
        assert beyond["reset"] is True
        assert beyond["missed"] == []


@pytest.mark.gen_test
async def test_more_missed_messages_than_fit_are_the_newest_and_truncated(server: ServerProcess) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    async with chat(server.ws_url, ada) as a:
        await a.command("joinRoom", roomId=room)
        for number in range(90):
            await a.command("sendMessage", roomId=room, content=f"{number} " + "ö" * 1900)
    async with chat(server.ws_url, ada) as again:
        joined = await again.command("joinRoom", roomId=room, since=0)
        seqs = [message["seq"] for message in joined["missed"]]
        assert joined["truncated"] is True
        assert seqs == list(range(91 - len(seqs), 91))
        assert 50 < len(seqs) < 90
        page = ada.call("GET", "/messages", roomId=room, before=seqs[0], limit=100).json
        assert [message["seq"] for message in page["messages"]] == list(range(1, seqs[0]))


@slow_on_mongo
@pytest.mark.gen_test
async def test_what_was_acked_survives_a_kill_and_a_resend_is_a_duplicate(start: Start) -> None:
    server = start()
    ada, bob = register(server.url, "ada"), register(server.url, "bob")
    room = ada.make_room()["id"]
    bob.join(room)
    acked = []
    async with chat(server.ws_url, ada) as a, chat(server.ws_url, bob) as b:
        await a.command("joinRoom", roomId=room)
        await b.command("joinRoom", roomId=room)
        for number in range(30):
            who = a if number % 2 else b
            acked.append(
                (await who.command("sendMessage", roomId=room, content=f"{number}", clientId=f"c{number}"))["message"]
            )
        server.kill()
    server.start()
    assert ada.call("GET", "/messages", roomId=room).json["messages"] == acked
    again = ada.call("POST", "/messages", {"roomId": room, "content": "?", "clientId": "c29"}).json
    assert again == {"message": acked[29], "duplicate": True}
    assert ada.post(room, "on we go")["seq"] == 31


@pytest.mark.gen_test
async def test_history_pages_by_seq_in_both_directions(server: ServerProcess) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    for number in range(1, 8):
        ada.post(room, f"{number}")

    def seqs(**query: object) -> tuple[list[int], bool]:
        page = ada.call("GET", "/messages", roomId=room, **query).json
        return [message["seq"] for message in page["messages"]], page["hasMore"]

    assert seqs(limit=3) == ([5, 6, 7], True)
    assert seqs(limit=3, before=5) == ([2, 3, 4], True)
    assert seqs(limit=3, before=3) == ([1, 2], False)
    assert seqs(limit=3, after=0) == ([1, 2, 3], True)
    assert seqs(limit=3, after=5) == ([6, 7], False)
    assert seqs(after=7) == ([], False)
    for found in (dict[str, object](), {"before": 8}):
        messages = ada.call("GET", "/messages", roomId=room, limit=2, expand="author", **found).json["messages"]
        assert [(message["seq"], message["author"]["displayName"]) for message in messages] == [
            (6, ada.username),
            (7, ada.username),
        ]
    for wrong in (
        {"before": 2, "after": 1},
        {"limit": 0},
        {"limit": 101},
        {"before": -1},
        {"limit": "x"},
        {"expand": "everything"},
    ):
        refused = ada.call("GET", "/messages", roomId=room, **wrong)
        assert (refused.status, refused.code) == (422, "validation_failed"), wrong


@pytest.mark.gen_test
async def test_the_newest_page_is_true_after_every_message(server: ServerProcess) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    for number in range(1, 96):
        assert ada.post(room, f"{number}")["seq"] == number
        if number % 19 == 0:
            page = ada.call("GET", "/messages", roomId=room, limit=10).json["messages"]
            assert [one["seq"] for one in page] == list(range(number - 9, number + 1))


@pytest.mark.gen_test
async def test_read_marks_move_forward_only_and_other_connections_hear_of_it(server: ServerProcess) -> None:
    ada, bob = register(server.url), register(server.url)
    room = ada.make_room()["id"]
    bob.join(room)
    for number in range(4):
        ada.post(room, f"{number}", mentions=[bob.id] if number == 3 else [])
    mine = bob.call("GET", "/rooms", mine="true").json["rooms"][0]
    assert (mine["lastSeq"], mine["readSeq"], mine["unreadCount"], mine["mentionCount"]) == (4, 0, 4, 1)
    async with chat(server.ws_url, bob) as desk, chat(server.ws_url, bob) as phone:
        await phone.one("welcome")
        state = await desk.command("messageRead", roomId=room, seq=3)
        assert state == {"roomId": room, "readSeq": 3, "unreadCount": 1, "mentionCount": 1}
        assert await phone.one("messageReadUpdate") == state
        assert (await desk.command("messageRead", roomId=room, seq=1))["readSeq"] == 3
        assert (await desk.command("messageRead", roomId=room, seq=99))["readSeq"] == 4
    assert ada.call("GET", f"/rooms/{room}").json["room"]["unreadCount"] == 0, "one's own messages are read"


@pytest.mark.gen_test
async def test_who_is_mentioned_hears_of_it_wherever_they_are(server: ServerProcess) -> None:
    ada, bob, eve = register(server.url), register(server.url), register(server.url)
    room = ada.make_room(isPrivate=True)["id"]
    assert ada.call("POST", f"/rooms/{room}/members", {"userId": bob.id}).status == 200
    async with chat(server.ws_url, bob) as b, chat(server.ws_url, eve) as e:
        await b.one("welcome")
        await e.one("welcome")
        message = ada.post(room, "@bob @eve", mentions=[bob.id, eve.id])
        assert message["mentions"] == [bob.id], "who is no member is not mentioned"
        assert (await b.one("mention"))["message"] == message
        await e.command("heartbeat")
        assert e.named("mention") == []


@pytest.mark.gen_test
async def test_replies_must_be_to_a_message_of_the_room(server: ServerProcess) -> None:
    ada = register(server.url)
    room, other = ada.make_room()["id"], ada.make_room()["id"]
    first, elsewhere = ada.post(room, "first"), ada.post(other, "elsewhere")
    assert ada.post(room, "reply", replyToId=first["id"])["replyToId"] == first["id"]
    for wrong in (elsewhere["id"], "nothing", f"{room}-99"):
        refused = ada.call("POST", "/messages", {"roomId": room, "content": "x", "replyToId": wrong})
        assert (refused.status, refused.code) == (404, "message_not_found")
    refused = ada.call("POST", "/messages", {"roomId": room, "content": "x", "attachments": ["nothing"]})
    assert (refused.status, refused.code) == (404, "file_not_found")


@pytest.mark.gen_test
async def test_without_an_id_a_join_gets_its_live_events_and_no_answer(server: ServerProcess) -> None:
    ada, bob = register(server.url), register(server.url)
    room = ada.make_room()["id"]
    ada.post(room, "before")
    async with chat(server.ws_url, bob) as b:
        await b.send(f'{{"event":"joinRoom","data":{{"roomId":"{room}","since":0}}}}')
        await b.command("getPresence", roomId=room)  # commands are executed in order
        ada.post(room, "after")
        assert (await b.one("receiveMessage"))["seq"] == 2
        assert [frame["event"] for frame in b.events if frame["event"] in ("ack", "error")] == []


@pytest.mark.gen_test
async def test_leaving_the_room_ends_the_subscription_and_leaving_by_rest_the_membership(server: ServerProcess) -> None:
    ada, bob = register(server.url), register(server.url)
    room = ada.make_room()["id"]
    async with chat(server.ws_url, bob) as b:
        await b.command("joinRoom", roomId=room)
        await b.command("leaveRoom", roomId=room)
        ada.post(room, "unheard")
        await b.command("heartbeat")
        assert b.named("receiveMessage") == []
        assert (await b.command("joinRoom", roomId=room, since=0))["missed"][0]["content"] == "unheard"
        assert bob.call("POST", f"/rooms/{room}/leave").status == 204
        assert await b.one("roomClosed") == {"roomId": room, "reason": "left"}
        with pytest.raises(CommandRefused) as refused:
            await b.command("sendMessage", roomId=room, content="still here?")
        assert refused.value.code == "not_member"
    assert bob.call("GET", "/messages", roomId=room).code == "not_member"


@pytest.mark.gen_test
async def test_a_private_room_is_not_there_for_a_stranger(server: ServerProcess) -> None:
    ada, eve = register(server.url), register(server.url)
    room = ada.make_room(isPrivate=True, name="Secret")["id"]
    message = ada.post(room, "secret")
    for method, path, body in (
        ("GET", f"/rooms/{room}", None),
        ("POST", f"/rooms/{room}/join", None),
        ("POST", f"/rooms/{room}/leave", None),
        ("GET", f"/rooms/{room}/members", None),
        ("POST", f"/rooms/{room}/members", {"userId": eve.id}),
        ("GET", f"/rooms/{room}/stats", None),
        ("GET", f"/rooms/{room}/changes", None),
        ("GET", f"/messages?roomId={room}", None),
        ("POST", "/messages", {"roomId": room, "content": "x"}),
    ):
        refused = eve.call(method, path, body)
        assert (refused.status, refused.code) == (404, "room_not_found"), (method, path)
    assert eve.call("GET", f"/messages/{message['id']}").code == "message_not_found"
    assert room not in [one["id"] for one in eve.call("GET", "/rooms", q="Secret").json["rooms"]]
    async with chat(server.ws_url, eve) as e:
        for event in ("joinRoom", "getPresence", "getRoomStats", "startTyping"):
            with pytest.raises(CommandRefused) as refused_command:
                await e.command(event, roomId=room)
            assert refused_command.value.code == "room_not_found", event


def test_an_unknown_route_and_method_have_their_errors(server: ServerProcess) -> None:
    assert (call(server.url, "GET", "/nothing").status, call(server.url, "GET", "/nothing").code) == (404, "not_found")
    refused = call(server.url, "DELETE", "/auth/login")
    assert (refused.status, refused.code) == (405, "method_not_allowed")
