"""Replies of REST are compressed where that pays, and never where a secret is in them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.conftest import StoreEnv
from tests.support.authorization.operation import Operation
from tests.support.authorization.operations import OPERATIONS
from tests.support.authorization.outcomes import OK, Who
from tests.support.authorization.scene import ADMINISTRATOR, Scene, World
from tests.support.authorization.served_operations import compressed_operations
from tests.support.client import Person, call, register
from tests.support.server import ServerProcess, serving

SECRET_FIELDS = {"accessToken", "refreshToken", "token", "code", "secret", "password"}
SECRET_PATHS = ("/hooks/", "/invites/")
# Replies that are known to hold one. Others are found by what is in them.
HOLD_A_SECRET = {
    *("POST /auth/register", "POST /auth/login", "POST /auth/refresh"),
    *("POST /rooms/{id}/invites", "GET /rooms/{id}/invites"),
    *("POST /rooms/{id}/webhooks", "POST /rooms/{id}/bots"),
}
MAKE_WHAT_LISTS_SHOW = {f"POST /rooms/{{id}}/{kind}" for kind in ("invites", "webhooks", "bots")}
DESCRIBE_SECRETS = {"GET /openapi.json", "GET /asyncapi.json"}  # the same for everybody, with examples in them
# Of several, who is most likely to be shown everything.
MOST_ENTITLED = (Who.OWNER, Who.ADMIN, Who.AUTHOR, Who.MEMBER, Who.STRANGER, Who.ANONYMOUS, Who.MUTED)
GZIP = {"Accept-Encoding": "gzip"}


@pytest.fixture(scope="module")
def store_env(embedded_store: StoreEnv) -> StoreEnv:
    return embedded_store


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    env = {"RATE_LIMIT_ENABLED": "false", "ADMIN_USERS": ADMINISTRATOR}
    with serving(tmp_path_factory.mktemp("compressed") / "data", env) as one:
        yield one


@pytest.fixture(scope="module")
def ada(server: ServerProcess) -> Person:
    return register(server.url)


def asked_by(operation: Operation) -> Who | None:
    """Who is answered; None: whatever is asked for is refused."""
    return next((who for who in MOST_ENTITLED if operation.outcomes.get(who) == OK), None)


def holds_a_secret(value: Any) -> bool:
    """Whether a decoded reply has a field for a secret, or a URL with one in it."""
    match value:
        case dict():
            return not SECRET_FIELDS.isdisjoint(value) or any(map(holds_a_secret, value.values()))
        case list():
            return any(map(holds_a_secret, value))
        case str():
            return any(path in value for path in SECRET_PATHS)
    return False


def test_no_reply_that_holds_a_secret_may_be_compressed(server: ServerProcess) -> None:
    world = World(server)
    by_rest = [(operation, who) for operation in OPERATIONS if operation.is_by_rest and (who := asked_by(operation))]
    holders, answered = set(), set()
    scene: Scene | None = None
    for operation, who in by_rest:
        if scene is None:
            scene = Scene(world, is_private=False)
            for maker, _ in by_rest:
                if maker.name in MAKE_WHAT_LISTS_SHOW:
                    scene.reply_to(maker, Who.OWNER)
        reply = scene.reply_to(operation, who)
        if operation.spends:
            scene = None
        assert reply.status < 300, (operation.name, reply.body)
        answered.add(operation.served)
        is_json = reply.headers.get("content-type", "").startswith("application/json")
        if is_json and operation.served not in DESCRIBE_SECRETS and holds_a_secret(reply.json):
            holders.add(operation.served)
    assert holders >= HOLD_A_SECRET, "what looks for secrets finds those that there are"
    assert holders & compressed_operations() == set()
    assert compressed_operations() - answered == set(), "each of them was looked at"


def test_a_list_of_codes_is_sent_as_it_is_however_long(ada: Person) -> None:
    room = ada.make_room()["id"]
    for _ in range(20):
        assert ada.call("POST", f"/rooms/{room}/invites", {}).status == 201
    reply = call(ada.url, "GET", f"/rooms/{room}/invites", token=ada.access_token, headers=GZIP)
    assert len(reply.body) > 1_024
    assert "content-encoding" not in reply.headers


def test_a_long_reply_is_compressed_for_who_accepts_it_and_is_the_same(ada: Person) -> None:
    room = ada.make_room()["id"]
    for number in range(30):
        ada.post(room, f"message {number}: é <&> \u2028 😀")
    for path in (f"/messages?roomId={room}", "/messages/search?q=message", "/metrics/performance", "/metrics"):
        plain = call(ada.url, "GET", path, token=ada.access_token)
        reply = call(ada.url, "GET", path, token=ada.access_token, headers=GZIP)
        assert "content-encoding" not in plain.headers
        assert (reply.status, reply.headers["content-encoding"]) == (200, "gzip")
        assert reply.headers["content-type"] == plain.headers["content-type"]
        assert int(reply.headers["content-length"]) == len(reply.body) < len(plain.body) / 2
        assert {*plain.headers["vary"].split(", ")} == {"Origin", "Accept-Encoding"}
        unpacked = gzip.decompress(reply.body)
        if not path.startswith("/metrics"):  # those change
            assert unpacked == plain.body
            assert json.loads(unpacked) == plain.json
        head = call(ada.url, "HEAD", path, token=ada.access_token, headers=GZIP)
        assert (head.body, head.headers["content-encoding"]) == (b"", "gzip")
        refused = call(ada.url, "GET", path, token=ada.access_token, headers={"Accept-Encoding": "gzip;q=0, *"})
        assert "content-encoding" not in refused.headers


def test_short_replies_errors_and_echoes_are_sent_as_they_are(ada: Person) -> None:
    room = ada.make_room()["id"]
    for method, path, body in (
        ("GET", f"/messages?roomId={room}", None),
        ("GET", "/messages?roomId=nowhere", None),
        ("POST", "/messages", {"roomId": room, "content": "x" * 2_000}),
    ):
        reply = call(ada.url, method, path, body, token=ada.access_token, headers=GZIP)
        assert "content-encoding" not in reply.headers
        assert reply.json


def test_a_reply_that_is_too_large_for_the_loop_is_sent_as_it_is(ada: Person) -> None:
    room = ada.make_room()["id"]
    for _ in range(50):
        ada.post(room, "😀" * 2_000)  # 8 KB each
    path = f"/messages?roomId={room}"
    for query, is_compressed in (({"limit": 30}, True), ({"limit": 50}, False)):
        reply = call(ada.url, "GET", path + f"&limit={query['limit']}", token=ada.access_token, headers=GZIP)
        assert ("content-encoding" in reply.headers) == is_compressed
