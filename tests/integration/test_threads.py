"""Threads: their pages and counts, and a reply to a reply."""

from __future__ import annotations

import pytest

from tests.support.client import chat, register
from tests.support.server import ServerProcess


def test_a_threads_replies_come_by_pages_with_the_count_of_all(server: ServerProcess) -> None:
    ada, bob = register(server.url), register(server.url)
    room = ada.make_room()["id"]
    bob.join(room)
    root = ada.post(room, "root")
    replies = []
    for number in range(5):
        replies.append((ada, bob)[number % 2].post(room, f"reply {number}", threadId=root["id"]))
        ada.post(room, "beside it")
    path = f"/messages/{root['id']}/thread"
    assert ada.call("GET", path).json == {"messages": replies, "count": 5, "hasMore": False}
    first = bob.call("GET", path, limit=2).json
    assert first == {"messages": replies[:2], "count": 5, "hasMore": True}
    rest = bob.call("GET", path, limit=3, after=first["messages"][-1]["seq"]).json
    assert rest == {"messages": replies[2:], "count": 5, "hasMore": False}
    assert ada.call("GET", path, after=replies[-1]["seq"]).json == {"messages": [], "count": 5, "hasMore": False}
    alone = ada.post(room, "without replies")
    assert ada.call("GET", f"/messages/{alone['id']}/thread").json == {"messages": [], "count": 0, "hasMore": False}


@pytest.mark.gen_test
async def test_a_reply_to_a_reply_keeps_the_root(server: ServerProcess) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    root = ada.post(room, "root")
    reply = ada.post(room, "reply", threadId=root["id"])
    async with chat(server.ws_url, ada) as a:
        await a.command("joinRoom", roomId=room)
        sent = await a.command(
            "sendMessage", roomId=room, content="deeper", threadId=reply["id"], replyToId=reply["id"]
        )
        deeper = sent["message"]
        assert (deeper["threadId"], deeper["replyToId"]) == (root["id"], reply["id"])
        assert await a.one("receiveMessage") == deeper
    for message in (root, reply, deeper):
        page = ada.call("GET", f"/messages/{message['id']}/thread").json
        assert page == {"messages": [reply, deeper], "count": 2, "hasMore": False}


def test_a_deleted_reply_keeps_its_place_and_a_deleted_root_its_thread(server: ServerProcess) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    root = ada.post(room, "root")
    reply = ada.post(room, "reply", threadId=root["id"])
    deleted = ada.call("DELETE", f"/messages/{reply['id']}").json["message"]
    ada.call("DELETE", f"/messages/{root['id']}")
    page = ada.call("GET", f"/messages/{root['id']}/thread").json
    assert page == {"messages": [deleted], "count": 1, "hasMore": False}
    assert (deleted["threadId"], deleted["content"]) == (root["id"], None)


@pytest.mark.parametrize("is_private", [False, True])
def test_a_thread_is_read_by_members(server: ServerProcess, is_private: bool) -> None:
    ada, stranger = register(server.url), register(server.url)
    room = ada.make_room(isPrivate=is_private)["id"]
    path = f"/messages/{ada.post(room, 'root')['id']}/thread"
    assert stranger.call("GET", path).code == ("message_not_found" if is_private else "not_member")
    for bad in ("nowhere", f"{room}-2", f"{room}-0"):
        assert ada.call("GET", f"/messages/{bad}/thread").code == "message_not_found"


@pytest.mark.parametrize(
    "query", [{"limit": 0}, {"limit": 101}, {"limit": "x"}, {"after": -1}, {"after": "²"}, {"after": 2**53}]
)
def test_a_page_that_cannot_be_is_refused(server: ServerProcess, query: dict[str, object]) -> None:
    ada = register(server.url)
    root = ada.post(ada.make_room()["id"], "root")
    reply = ada.call("GET", f"/messages/{root['id']}/thread", **query)
    assert (reply.status, set(reply.json["error"]["details"])) == (422, set(query))
    other = ada.post(ada.make_room()["id"], "of another room")
    for thread_id in (other["id"], "nowhere", f"{root['roomId']}-9"):
        body = {"roomId": root["roomId"], "content": "x", "threadId": thread_id}
        assert ada.call("POST", "/messages", body).code == "message_not_found"
