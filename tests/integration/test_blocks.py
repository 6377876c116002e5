"""Blocks from outside: the list, and what it refuses."""

from __future__ import annotations

import pytest

from tests.integration.conftest import embedded
from tests.support.client import Person, Reply, call, register
from tests.support.server import ServerProcess


def block(who: Person, whom: Person, method: str = "PUT") -> Reply:
    return who.call(method, f"/users/me/blocks/{whom.id}")


def blocked_by(who: Person) -> list[str]:
    reply = who.call("GET", "/users/me/blocks")
    assert reply.status == 200
    return [user["id"] for user in reply.json["users"]]


def test_blocks_are_made_listed_and_ended(server: ServerProcess) -> None:
    ann, bob, cleo = (register(server.url) for _ in range(3))
    for whom in (bob, cleo, bob):
        reply = block(ann, whom)
        assert (reply.status, reply.body) == (204, b"")
    assert set(blocked_by(ann)) == {bob.id, cleo.id}
    assert blocked_by(bob) == []
    shown = ann.call("GET", "/users/me/blocks").json["users"]
    assert {"username", "displayName", "status"} < set(shown[0])
    assert "email" not in shown[0]
    assert block(ann, cleo, "DELETE").status == 204
    assert block(ann, cleo, "DELETE").status == 204
    assert blocked_by(ann) == [bob.id]


def test_who_is_blocked_opens_no_direct_room_and_an_old_one_stays(server: ServerProcess) -> None:
    ann, bob, cleo = (register(server.url) for _ in range(3))
    old = cleo.call("POST", "/rooms/direct", {"userId": ann.id}).json["room"]
    block(ann, bob)
    block(ann, cleo)
    reply = bob.call("POST", "/rooms/direct", {"userId": ann.id})
    assert (reply.status, reply.code) == (403, "forbidden")
    again = cleo.call("POST", "/rooms/direct", {"userId": ann.id})
    assert (again.status, again.json["room"]["id"]) == (200, old["id"])
    cleo.post(old["id"], "still here")
    block(ann, bob, "DELETE")
    assert bob.call("POST", "/rooms/direct", {"userId": ann.id}).status == 201


def test_who_is_blocked_invites_nobody_who_blocked_them(server: ServerProcess) -> None:
    ann, bob, cleo = (register(server.url) for _ in range(3))
    room = bob.make_room()["id"]
    cleo.join(room)
    block(ann, bob)
    reply = bob.call("POST", f"/rooms/{room}/members", {"userId": ann.id})
    assert (reply.status, reply.code) == (403, "forbidden")
    assert cleo.call("POST", f"/rooms/{room}/members", {"userId": ann.id}).status == 200


@embedded
@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_oneself_and_nobody_cannot_be_blocked(server: ServerProcess, method: str) -> None:
    ann = register(server.url)
    reply = block(ann, ann, method)
    assert (reply.status, reply.code) == (422, "validation_failed")
    for user_id in ("nobody", "x" * 2000, "%00"):
        reply = ann.call(method, f"/users/me/blocks/{user_id}")
        assert (reply.status, reply.code) == (404, "user_not_found")
    assert call(server.url, method, f"/users/me/blocks/{ann.id}").code == "unauthorized"
    assert call(server.url, "GET", "/users/me/blocks").code == "unauthorized"
