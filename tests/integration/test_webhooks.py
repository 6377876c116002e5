"""Incoming webhooks: whoever has the URL posts to one room, as a user named after the webhook."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.integration.conftest import Start, embedded
from tests.support.client import Person, Reply, call, chat, register
from tests.support.server import ServerProcess

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def add_webhook(owner: Person, room_id: str, name: str = "Build") -> tuple[str, str]:
    """The id and the URL of a new webhook."""
    reply = owner.call("POST", f"/rooms/{room_id}/webhooks", {"name": name})
    assert reply.status == 201, reply.body
    assert set(reply.json) == {"id", "url"}
    return reply.json["id"], reply.json["url"]


def outcome(reply: Reply) -> tuple[int, str]:
    return reply.status, reply.code


@pytest.mark.gen_test
async def test_a_text_is_posted_as_a_user_named_after_the_webhook(server: ServerProcess) -> None:
    ada = register(server.url)
    room = ada.make_room(isPrivate=True)["id"]
    _, url = add_webhook(ada, room, "Größte CI ☕")
    async with chat(server.ws_url, ada) as a:
        await a.command("joinRoom", roomId=room)
        reply = call(server.url, "POST", url, {"text": "built *fine* &amp; <fast>", "channel": "#ignored"})
        assert (reply.status, reply.json["ok"]) == (200, True)
        message = reply.json["message"]
        assert (message["content"], message["roomId"]) == ("built *fine* &amp; <fast>", room)
        assert message["username"].startswith("Gro-te-CI") or message["username"].startswith("Gro")
        assert await a.one("receiveMessage") == message
    user = ada.call("GET", f"/users/{message['userId']}").json["user"]
    assert (user["username"], user["displayName"]) == (message["username"], "Größte CI ☕")
    members = ada.call("GET", f"/rooms/{room}/members").json["members"]
    assert message["userId"] in {one["userId"] for one in members}


def test_slacks_senders_may_send_a_form(server: ServerProcess) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    _, url = add_webhook(ada, room)
    bodies = (
        urlencode({"payload": json.dumps({"text": "ein ☕ + 1"})}).encode(),
        json.dumps({"text": "as curl -d sends it"}).encode(),
    )
    for body, content in zip(bodies, ("ein ☕ + 1", "as curl -d sends it"), strict=True):
        reply = call(server.url, "POST", url, body, headers=FORM)
        assert (reply.status, reply.json["message"]["content"]) == (200, content)


@embedded
@pytest.mark.parametrize(
    ("body", "headers", "refused"),
    [
        (b"", {}, (400, "malformed")),
        (b"no json", {}, (400, "malformed")),
        (b"[]", {}, (400, "malformed")),
        (b'"text"', {}, (400, "malformed")),
        (b"{}", {}, (422, "validation_failed")),
        (b'{"text": ""}', {}, (422, "validation_failed")),
        (b'{"text": 5}', {}, (422, "validation_failed")),
        (b'{"text": null}', {}, (422, "validation_failed")),
        (b'{"text": "\\u0000"}', {}, (422, "validation_failed")),
        (json.dumps({"text": "x" * 2001}).encode(), {}, (422, "validation_failed")),
        (b"x" * 70_000, {}, (413, "payload_too_large")),
        (b"", FORM, (422, "validation_failed")),
        (b"text=hello", FORM, (422, "validation_failed")),
        (b"payload=", FORM, (422, "validation_failed")),
        (b"payload=hello", FORM, (400, "malformed")),
        (b"payload=%ff", FORM, (400, "malformed")),
        (b"payload=\xff", FORM, (400, "malformed")),
        (b"payload=%7B%7D", FORM, (422, "validation_failed")),
        (b"&".join([b"a=b"] * 200), FORM, (400, "malformed")),
    ],
)
def test_what_is_no_message_is_refused(
    server: ServerProcess, body: bytes, headers: dict[str, str], refused: tuple[int, str]
) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    _, url = add_webhook(ada, room)
    assert outcome(call(server.url, "POST", url, body, headers=headers)) == refused
    assert ada.call("GET", "/messages", roomId=room).json["messages"] == []


@embedded
@pytest.mark.parametrize(
    "body", [{}, {"name": ""}, {"name": "x" * 81}, {"name": 5}, {"name": None}, {"name": "nul\0"}, {"name": "\u202e"}]
)
def test_what_is_no_name_is_no_webhooks_name(server: ServerProcess, body: dict[str, Any]) -> None:
    ada = register(server.url)
    reply = ada.call("POST", f"/rooms/{ada.make_room()['id']}/webhooks", body)
    assert (reply.status, list(reply.json["error"]["details"])) == (422, ["name"])


def test_a_room_lists_its_webhooks_without_their_urls(server: ServerProcess) -> None:
    ada, bob, eve = register(server.url), register(server.url), register(server.url)
    room = ada.make_room()["id"]
    bob.join(room)
    path = f"/rooms/{room}/webhooks"
    assert ada.call("GET", path).json == {"webhooks": []}
    webhook_id, url = add_webhook(ada, room, "Lister")
    reply = ada.call("GET", path)
    (listed,) = reply.json["webhooks"]
    assert set(listed) == {"id", "name", "userId", "createdAt", "createdBy", "isMember"}
    assert (listed["id"], listed["name"], listed["createdBy"]) == (webhook_id, "Lister", ada.id)
    assert url.removeprefix("/hooks/") not in reply.body.decode()
    for person, refused in ((bob, (403, "forbidden")), (eve, (403, "not_member"))):
        assert outcome(person.call("GET", path)) == refused
        assert outcome(person.call("POST", path, {"name": "another"})) == refused
        assert outcome(person.call("DELETE", f"{path}/{webhook_id}")) == refused
    assert listed["isMember"]
    assert ada.call("DELETE", f"/rooms/{room}/members/{listed['userId']}").status == 204
    assert ada.call("GET", path).json["webhooks"] == [{**listed, "isMember": False}]
    assert ada.call("DELETE", f"{path}/{webhook_id}").status == 204
    assert ada.call("GET", path).json == {"webhooks": []}


def test_two_webhooks_of_one_name_have_two_users(server: ServerProcess) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    urls = [add_webhook(ada, room, "Twin")[1] for _ in range(2)]
    names = {call(server.url, "POST", url, {"text": "?"}).json["message"]["username"] for url in urls}
    assert len(names) == 2
    assert all(name.startswith("Twin") for name in names)


def test_a_removed_webhook_is_not_found_and_its_messages_stay(server: ServerProcess) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    webhook_id, url = add_webhook(ada, room)
    message = call(server.url, "POST", url, {"text": "before"}).json["message"]
    path = f"/rooms/{room}/webhooks/{webhook_id}"
    reply = ada.call("DELETE", path)
    assert (reply.status, reply.body) == (204, b"")
    assert outcome(call(server.url, "POST", url, {"text": "after"})) == (404, "not_found")
    assert outcome(ada.call("DELETE", path)) == (404, "not_found")
    assert ada.call("GET", f"/messages/{message['id']}").json["message"] == message
    assert ada.call("GET", f"/rooms/{room}").json["room"]["memberCount"] == 1


def test_a_webhook_of_another_room_is_not_removed(server: ServerProcess) -> None:
    ada, eve = register(server.url), register(server.url)
    room, evil = ada.make_room()["id"], eve.make_room()["id"]
    webhook_id, url = add_webhook(ada, room)
    assert outcome(eve.call("DELETE", f"/rooms/{evil}/webhooks/{webhook_id}")) == (404, "not_found")
    assert call(server.url, "POST", url, {"text": "still there"}).status == 200


@embedded
def test_unknown_tokens_are_not_found_and_only_post_is_allowed(server: ServerProcess) -> None:
    ada = register(server.url)
    _, url = add_webhook(ada, ada.make_room()["id"])
    for unknown in ("x", url.removeprefix("/hooks/")[:-1], "%00", "%F0%9F%98%80", "x" * 5000):
        assert outcome(call(server.url, "POST", f"/hooks/{unknown}", {"text": "?"})) == (404, "not_found")
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        reply = call(server.url, method, url, {"text": "?"})
        assert (reply.status, reply.code, reply.headers["allow"]) == (405, "method_not_allowed", "POST, OPTIONS")


@embedded
def test_a_token_reaches_no_log(server: ServerProcess) -> None:
    ada = register(server.url)
    webhook_id, url = add_webhook(ada, ada.make_room()["id"])
    token = url.removeprefix("/hooks/")
    for method, path in (
        ("POST", url),
        ("GET", url),
        ("POST", f"{url}/"),
        ("POST", f"{url}/more"),
        ("POST", f"/hooks/{token}?token={token}"),
        ("POST", f"/hooks//{token}"),
        ("OPTIONS", url),
    ):
        call(server.url, method, path, {"text": "?"})
    server.until_logged("path=/hooks/{id}")
    assert token not in server.log()
    assert webhook_id not in server.log()


@embedded
def test_each_webhook_has_a_limit_of_its_own_and_unknown_tokens_that_of_strangers(start: Start) -> None:
    server = start(RATE_LIMIT_MESSAGES="3/3600", RATE_LIMIT_ANONYMOUS="4/3600")
    ada = register(server.url)
    room = ada.make_room()["id"]
    urls = [add_webhook(ada, room, f"Limited {number}")[1] for number in range(2)]
    for url in urls:
        replies = [call(server.url, "POST", url, {"text": "?"}) for _ in range(5)]
        assert [reply.status for reply in replies] == [200] * 3 + [429] * 2
        assert replies[0].headers["ratelimit-limit"] == "3"
        assert int(replies[-1].headers["retry-after"]) > 0
    ada.post(room, "her own limit is another")
    left = [call(server.url, "POST", "/hooks/unknown", {"text": "?"}).status for _ in range(6)]
    assert left[-1] == 429
    assert set(left) == {404, 429}


@embedded
def test_a_room_has_twenty_webhooks_and_the_answer_to_more_is_conflict(server: ServerProcess) -> None:
    ada = register(server.url)
    room = ada.make_room()["id"]
    for number in range(20):
        add_webhook(ada, room, f"One of 20 {number}")
    assert outcome(ada.call("POST", f"/rooms/{room}/webhooks", {"name": "Too many"})) == (409, "conflict")
