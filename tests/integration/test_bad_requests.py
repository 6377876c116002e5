"""Wrong requests to every route of the route table: no fault of ours, and every refusal in the contract's form.

The routes are read from the table, and the fields from the inputs, so that a new one is tried without a line here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from msgspec import Struct

from chat.errors import ERROR_KINDS
from chat.request_inputs.fields import Input
from tests.integration.conftest import StoreEnv
from tests.support.authorization.served_operations import WEBSOCKET, served_operations
from tests.support.client import Person, Reply, call, register
from tests.support.server import ServerProcess, serving

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "BREW")
PLACES = ("{id}", "{name}")
HUGE = 10**30
# No JSON, JSON that is no object, and an object in which everything is missing
BODIES = (b"", b"{", b"\xff", b"null", b"true", b"5", b'"text"', b"[]", b"[{}]", b"{}", b"[" * 5_000, b'{"a":' * 5_000)
VALUES = (None, True, -1, HUGE, 1.5, "", "x" * 3_000, "\0", "\ud800", [], {}, [[]], {"a": {"b": []}})
TEXTS = ("", "0", "-1", "²", str(HUGE), "x" * 600, "\0", "a\u0301", "true", "[]", "1e400")
NO_IDS = ("nowhere", "%00", "%ff", "%F0%9F%98%80", "x" * 300, "..%2f..%2fetc", "%2e%2e", "-", "%20")

OPERATIONS = sorted(name.split(" ") for name in served_operations() if not name.startswith(f"{WEBSOCKET} "))
ROUTES = sorted({path for _, path in OPERATIONS})


class Scene(Struct, frozen=True):
    """Who asks, and ids of what is theirs, of what is another's, and of the wrong kind."""

    person: Person
    ids: tuple[str, ...]

    def own(self, path: str) -> str:
        """The path with an id of the asker's own room in each place."""
        for place in PLACES:
            path = path.replace(place, self.ids[0])
        return path

    def with_wrong_ids(self, path: str) -> Iterator[str]:
        """The path with each wrong id in each place, the own room's in the others."""
        parts = path.split("/")
        for number, part in enumerate(parts):
            if part in PLACES:
                for wrong in (*NO_IDS, *self.ids):
                    yield self.own("/".join([*parts[:number], wrong, *parts[number + 1 :]]))


def field_names() -> list[str]:
    """The names of all fields that any input has."""

    def inputs(base: type[Input]) -> Iterator[type[Input]]:
        for one in base.__subclasses__():
            yield one
            yield from inputs(one)

    return sorted({name for one in inputs(Input) for name in one.__struct_encode_fields__})


FIELDS = field_names()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, store_env: StoreEnv) -> Iterator[ServerProcess]:
    """A server without rate limits, whose log must be clean at the end."""
    data_dir = tmp_path_factory.mktemp("bad") / "data"
    with serving(data_dir, {**store_env(data_dir), "RATE_LIMIT_ENABLED": "false"}) as one:
        yield one


@pytest.fixture(scope="module")
def foreign_ids(server: ServerProcess) -> tuple[str, ...]:
    eve = register(server.url)
    room = eve.make_room(isPrivate=True)["id"]
    return room, eve.post(room, "secret")["id"], eve.id


@pytest.fixture
def scene(server: ServerProcess, foreign_ids: tuple[str, ...]) -> Scene:
    """A person of the test's own, since a request may end a login or a room."""
    ada = register(server.url)
    room = ada.make_room()["id"]
    return Scene(ada, (room, ada.post(room, "hello")["id"], ada.id, *foreign_ids))


def wrong_requests(scene: Scene, path: str) -> Iterator[tuple[str, str, bytes | None]]:
    """Method, path with query, and body."""
    served = {method for method, route in OPERATIONS if route == path}
    for method in METHODS:
        if method not in served:
            yield method, scene.own(path), b"{}"
    for method in sorted(served):
        for wrong in scene.with_wrong_ids(path):
            yield method, wrong, None if method == "GET" else b"{}"
        if method == "GET":
            for text in TEXTS:
                yield method, f"{scene.own(path)}?{urlencode(dict.fromkeys(FIELDS, text))}", None
            continue
        objects = (json.dumps(dict.fromkeys(FIELDS, value)).encode() for value in VALUES)
        for body in (*BODIES, *objects):
            yield method, scene.own(path), body


def fault_of(reply: Reply) -> str | None:
    """What is wrong with a reply: a fault of ours, or a refusal that is not in the contract's form."""
    if reply.status < 400:
        return None
    try:
        error = reply.json["error"]
        code = error["code"]
    except (ValueError, KeyError, TypeError):
        return "no error of the contract's form"
    if set(error) != {"code", "message", "details", "requestId"} or not isinstance(error["details"], dict):
        return f"fields {sorted(error)}"
    if code not in ERROR_KINDS or ERROR_KINDS[code].status != reply.status:
        return f"{code} with status {reply.status}"
    return f"status {reply.status}" if reply.status >= 500 else None


@pytest.mark.parametrize("path", ROUTES)
def test_no_wrong_request_is_answered_with_a_fault_of_ours(server: ServerProcess, scene: Scene, path: str) -> None:
    faults = []
    for method, target, body in wrong_requests(scene, path):
        reply = call(server.url, method, target, body, token=scene.person.access_token)
        fault = fault_of(reply)
        if method not in {one for one, route in OPERATIONS if route == path} and reply.status != 405:
            fault = f"{reply.status} for a method that there is not"
        if fault is not None:
            faults.append(f"{method} {target[:100]} {(body or b'')[:80]!r}: {fault} {reply.body[:200]!r}")
    assert not faults, "\n".join(faults)
    server.assert_log_is_clean()
