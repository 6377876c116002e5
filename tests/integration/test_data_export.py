"""The export of one's own data from outside: what is in it, what it costs, and who waits."""

from __future__ import annotations

import asyncio
import io
import json
import secrets
import socket
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from chat.data_export import CHECKED_EVERY_S
from monitor.observer import Observer
from store.models import MessageDraft, RoomDraft
from store.sqlite import open_store
from tests.integration.conftest import JWT, Start, embedded
from tests.support.client import Person, call, register
from tests.support.people import create_people, people_at
from tests.support.server import ServerProcess
from tests.support.uploads import upload
from tests.support.waiting import poll

FILES = ["profile.json", "settings.json", "sessions.json", "blocks.json", "rooms.json", "files.jsonl", "messages.jsonl"]
EXPORT = "/users/me/export"
LONG_MESSAGES = 6_000  # of 2,000 characters that cannot be packed well: more than a socket's buffers hold


def files_of(person: Person) -> dict[str, bytes]:
    reply = person.call("GET", EXPORT)
    assert (reply.status, reply.headers["content-type"]) == (200, "application/zip")
    assert reply.headers["content-disposition"].startswith("attachment;")
    archive = zipfile.ZipFile(io.BytesIO(reply.body))
    assert archive.testzip() is None
    assert archive.namelist() == FILES
    return {name: archive.read(name) for name in FILES}


def messages_in(files: dict[str, bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in files["messages.jsonl"].decode().splitlines()]


def test_everything_of_ones_own_is_in_it_and_nothing_of_others(server: ServerProcess) -> None:
    ann, bob = register(server.url), register(server.url)
    ann.call("PATCH", "/users/me", {"displayName": "Ännchen 😀"})
    ann.call("PATCH", "/users/me/settings", {"theme": "dark", "client": {"stars": ["r1"]}})
    direct = bob.call("POST", "/rooms/direct", {"userId": ann.id}).json["room"]["id"]
    ann.call("PUT", f"/users/me/blocks/{bob.id}")
    room, secret, left = bob.make_room()["id"], ann.make_room(isPrivate=True)["id"], bob.make_room()["id"]
    for one in (room, left):
        ann.join(one)
    own = [ann.post(one, f"a message\nof ünï in {one}") for one in (room, secret, left)]
    bob.post(room, "his words")
    ann.call("POST", f"/rooms/{left}/leave")
    described = [upload(ann, b"a file"), upload(ann, b"another")]
    upload(bob, b"his file")
    files = files_of(ann)
    assert sorted(json.loads(line)["id"] for line in files["files.jsonl"].splitlines()) == sorted(
        one["id"] for one in described
    )
    assert all(json.loads(line) in described for line in files["files.jsonl"].splitlines())
    assert json.loads(files["profile.json"]) == ann.call("GET", "/users/me").json["user"]
    assert json.loads(files["settings.json"]) == ann.call("GET", "/users/me/settings").json
    assert json.loads(files["sessions.json"]) == ann.call("GET", "/auth/sessions").json
    assert [user["id"] for user in json.loads(files["blocks.json"])["users"]] == [bob.id]
    assert {one["id"] for one in json.loads(files["rooms.json"])["rooms"]} == {room, secret, direct}
    peers = {one["id"]: one["peer"] for one in json.loads(files["rooms.json"])["rooms"]}
    assert (peers[direct]["id"], peers[room], peers[secret]) == (bob.id, None, None)
    assert sorted(messages_in(files), key=lambda message: message["roomId"]) == sorted(
        own, key=lambda message: message["roomId"]
    )
    assert b"his words" not in b"".join(files.values())


def test_who_has_nothing_gets_an_archive_too(server: ServerProcess) -> None:
    files = files_of(register(server.url))
    assert json.loads(files["rooms.json"]) == {"rooms": []}
    assert files["messages.jsonl"] == b""


@embedded
def test_a_stranger_gets_none_and_a_head_builds_none(server: ServerProcess) -> None:
    ann = register(server.url)
    assert call(server.url, "GET", EXPORT).code == "unauthorized"
    assert ann.call("POST", EXPORT).code == "method_not_allowed"
    for _ in range(5):  # a head takes nobody's place
        head = ann.call("HEAD", EXPORT)
        assert (head.status, head.headers["content-type"], head.body) == (200, "application/zip", b"")
    assert len(files_of(ann)) == len(FILES)


async def fill(data_dir: Path) -> list[Person]:
    """Three people, each with some 12 MB of messages."""
    people = await create_people(data_dir, 3, secret=JWT["JWT_SECRET"])
    store = await open_store(
        data_dir, timeout_s=60, group_commit=True, observer=Observer(), now_ms=lambda: time.time_ns() // 1_000_000
    )
    try:
        for one in people:
            room = (await store.rooms.create(RoomDraft("Room", None, False, 100), one.id)).room
            for start in range(0, LONG_MESSAGES, 500):
                await store.messages.append(
                    room.id,
                    [
                        MessageDraft(one.id, one.username, secrets.token_urlsafe(1500), f"c{number}")
                        for number in range(start, start + 500)
                    ],
                )
    finally:
        await store.close()
    return people


@contextmanager
def reader_that_stops(server: ServerProcess, person: Person) -> Iterator[socket.socket]:
    """A request for an export, of which the beginning is read and no more."""
    with socket.create_connection(("127.0.0.1", server.port), 30) as sock:
        sock.sendall(
            f"GET {EXPORT} HTTP/1.1\r\nHost: chat\r\nAuthorization: Bearer {person.access_token}\r\n\r\n".encode()
        )
        assert sock.recv(100).startswith(b"HTTP/1.1 200")
        yield sock


@embedded
@pytest.mark.gen_test
async def test_a_reader_that_stops_costs_a_place_and_no_memory_and_loses_it_with_the_login(
    tmp_path: Path, start: Start
) -> None:
    data_dir = tmp_path / "data"
    people = await fill(data_dir)
    server = start(data_dir, **JWT)
    people = people_at(server.url, people)
    await asyncio.to_thread(readers_stop, server, people)
    await asyncio.to_thread(export_ends_with_the_login, server, people[0])


def export_ends_with_the_login(server: ServerProcess, person: Person) -> None:
    """The login is asked for every 5 s: this waits for that period."""
    with reader_that_stops(server, person) as sock:
        began_s = time.monotonic()
        assert person.call("POST", "/auth/logout").status == 204
        poll(lambda: time.monotonic() - began_s > CHECKED_EVERY_S)
        received = b""
        while piece := sock.recv(1 << 20):
            received = received[-10:] + piece
    assert not received.endswith(b"0\r\n\r\n"), "what is cut off must not look complete"
    server.until_logged("an export was cut off: unauthorized")


def readers_stop(server: ServerProcess, people: list[Person]) -> None:
    first, second, third = people
    process = psutil.Process(server.pid)
    assert len(messages_in(files_of(first))) == LONG_MESSAGES
    before = process.memory_info().rss
    with reader_that_stops(server, first):
        assert (refused := first.call("GET", EXPORT)).status == 503
        assert (refused.code, "retry-after" in refused.headers) == ("unavailable", True)
        with reader_that_stops(server, second):
            assert third.call("GET", EXPORT).code == "unavailable"
            assert third.call("GET", "/users/me").status == 200
            assert process.memory_info().rss - before < 8 * 2**20
    for one in (third, first):
        poll(lambda one=one: one.call("HEAD", EXPORT).status == 200)
        poll(lambda one=one: call(server.url, "GET", EXPORT, token=one.access_token).status == 200)
    assert len(messages_in(files_of(third))) == LONG_MESSAGES
