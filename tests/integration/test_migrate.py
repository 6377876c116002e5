"""An embedded store copied into MongoDB by `server.py migrate`: everything is kept, and clients can go on."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pymongo
import pytest

from common.startup_error import StartupError
from monitor.observer import Observer
from store.ids import make_id, thumbnail_key
from store.models import (
    Actor,
    BotDraft,
    FileDraft,
    MessageDraft,
    RoomDraft,
    RoomPatch,
    Session,
    Stored,
    User,
    WebhookDraft,
)
from store.mongo import MongoOptions
from store.mongo import open_store as open_mongo
from store.mongo.database_lease import BEAT_S
from store.sqlite import DirectoryLock, SqliteExporter
from store.sqlite import open_store as open_sqlite
from store.sqlite.rows import fetch
from store.store_copy import Digest, Report, copy_store
from tests.support.actors import ADMIN
from tests.support.client import call, register
from tests.support.mongo import drop_database
from tests.support.server import ROOT, command, serving

SECRET = "a secret of the tests, thirty-two bytes or more"
START_MS = 1_800_000_000_000
FILE = b"0123456789" * 60_000


async def pieces(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def fill_directory(data_dir: Path, *, messages: int = 3000) -> dict[str, Any]:
    """Fill a DATA_DIR with every kind of record that a store can hold."""
    clock = iter(range(START_MS, START_MS + 10**9, 7))
    store = await open_sqlite(
        data_dir, timeout_s=60, group_commit=True, observer=Observer(), now_ms=lambda: next(clock)
    )
    people = [
        await store.users.create(username=f"Üser{n}", email=f"u{n}@example.org", password_hash="hash") for n in range(5)
    ]
    await store.sessions.create(Session("s1", people[0].id, 3, START_MS, 2 * START_MS, user_agent="an agent"))
    await store.sessions.create(Session("gone", people[0].id, 3, START_MS, 1))
    room = (await store.rooms.create(RoomDraft("Räum", "about", False, 50), people[0].id)).room
    direct, _ = await store.rooms.direct(people[0].id, people[1].id)
    for one in people[1:4]:
        await store.members.add(room.id, one.id)
    await store.members.remove(room.id, people[3].id)
    file_id = make_id("f")
    written = await store.files.write(file_id, pieces(FILE))
    await store.files.write(file_id, pieces(b"small"), thumbnail=True)
    await store.files.create(
        FileDraft(file_id, people[0].id, "ö.png", written.size, "image/png", written.sha256, 3, 4, True)
    )
    avatar_id = make_id("f")
    written = await store.files.write(avatar_id, pieces(b"me"))
    await store.files.create(FileDraft(avatar_id, people[1].id, "me.png", 2, "image/png", written.sha256))
    await store._database.write(  # type: ignore[attr-defined]
        "test", lambda connection: fetch(connection, "UPDATE files SET is_avatar = 1 WHERE id = ?", (avatar_id,))
    )
    mentions = (people[1].id,)  # one message in fifty
    for start in range(0, messages, 500):
        drafts = [
            MessageDraft(author.id, author.username, f"message {n} 👋", f"c{n}", mentions=mentions[n % 50 : 1])
            for n, author in ((n, people[n % 3]) for n in range(start, min(messages, start + 500)))
        ]
        await store.messages.append(room.id, drafts)
    first = f"{room.id}-1"
    (answer,) = await store.messages.append(
        room.id,
        [MessageDraft(people[0].id, people[0].username, "with all", "all", first, first, (file_id,), (people[2].id,))],
    )
    assert isinstance(answer, Stored)
    for content in ("edited", "edited again"):
        await store.messages.edit(first, content, actor=ADMIN)
    ended = await store.users.create(username="Gone", email="gone@example.org", password_hash="hash")
    eve = await store.users.create(username="Eve", email="eve@example.org", password_hash="hash")
    await store.rooms.direct(ended.id, eve.id)  # which both stay in
    await store.members.add(room.id, ended.id)
    drafts = [MessageDraft(ended.id, "Gone", content, content) for content in ("one", "two")]
    for answer in await store.messages.append(room.id, drafts):
        assert isinstance(answer, Stored)
    await store.messages.edit(answer.message.id, "edited", actor=ADMIN)
    await store.members.remove(room.id, ended.id)
    await store.ended_accounts.end(ended.id, before="hash")
    await store.ended_accounts.erase(ended.id)
    for one in people[:3]:
        await store.messages.react(f"{room.id}-2", "a.$b", actor=Actor(one.id), on=True)
    await store.messages.delete(f"{room.id}-3", actor=ADMIN)
    await store.members.mark_read(room.id, people[1].id, messages // 2)
    await store.settings.merge(people[0].id, {"theme": "dark", "client": {"a.$b": "ü"}})
    for one in people[1:3]:
        await store.blocks.add(people[0].id, one.id)
    owner = Actor(people[0].id)
    for name in ("robbie", "marvin"):
        await store.bots.add(room.id, owner, BotDraft(f"u-{name}", name, f"b-{name}"))
        await store.webhooks.add(room.id, owner, WebhookDraft(f"u-{name}-hook", f"{name}-hook", "CI", f"hash-{name}"))
    await store.bots.remove(room.id, "u-marvin", owner)
    await moderate(store, room.id, owner, people)
    await store.rooms.update(room.id, owner, RoomPatch(description="changed", slow_mode_s=30, archived=True))
    users = [*(one.id for one in people), eve.id, "u-robbie", "u-marvin", "u-robbie-hook"]
    seen = await visible_to(store, room.id, users)
    await store.close()
    return {
        "room": room.id,
        "direct": direct.room.id,
        "people": users,
        "file": file_id,
        "avatar": avatar_id,
        "seen": seen,
    }


async def moderate(store: Any, room_id: str, owner: Actor, people: list[User]) -> None:
    """Fill a room with bans, a kept mute, reports and entries of the audit trail."""
    until_ms = START_MS + 10**10
    await store.members.add(room_id, people[4].id)
    await store.moderation.mute(room_id, people[4].id, until_ms, actor=owner)
    for one, end_ms in ((people[3], None), (people[4], until_ms)):
        await store.bans.add(room_id, one.id, reason="a.$b", expires_at_ms=end_ms, actor=owner)
    message = await store.messages.get(f"{room_id}-1")
    for one in people[:2]:
        await store.reports.add(message, one.id, "it is rude")


async def visible_to(store: Any, room_id: str, people: list[str]) -> dict[str, Any]:
    """What all users see of a room and of their own accounts."""
    head = (await store.rooms.heads([room_id]))[room_id]
    return {
        "head": head,
        "messages": await store.messages.newest_between(room_id, after=0, upto=head.seq, limit=100_000),
        "history": await store.messages.history(f"{room_id}-1", actor=ADMIN),
        "changes": await store.changes.page(room_id, since=0, limit=1000),
        "rooms": [await store.rooms.list_for(one, mine=False, query=None, limit=9, after=None) for one in people],
        "members": [
            await store.members.list(of, limit=99, after=None)
            for one in people
            for of in sorted(await store.rooms.joined_by(one))
        ],
        "memberships": [await store.members.get(room_id, one) for one in people],
        "accounts": [await store.users.account(one) for one in people],
        "session": await store.sessions.get("s1"),
        "name": await store.users.account_by_login(username="gone"),
        "ending": await store.ended_accounts.unfinished(ended_before_ms=10 * START_MS, limit=9),
        "settings": [await store.settings.get(one) for one in people],
        "blocks": [await store.blocks.list(one) for one in people],
        "sessions": [await store.sessions.get(one) for one in ("s1", "b-robbie")],
        "bots": await store.bots.list(room_id),
        "webhooks": await store.webhooks.list(room_id),
        "webhook": await store.webhooks.by_token("hash-marvin"),
        "stats": await store.rooms.stats(room_id),
        "bans": await store.bans.page(room_id, limit=9, after=None),
        "reports": await store.reports.page(room_id, limit=9, after=None),
        "audit": (await store.audit.page(room_id, limit=99, after=None))[0],
    }


@pytest.fixture
def target(mongo_uri: str) -> Iterator[dict[str, str]]:
    """The variables of an empty database."""
    name = make_id("migrate-")
    yield {"MONGO_URI": mongo_uri, "MONGO_DB_NAME": name, "JWT_SECRET": SECRET}
    drop_database(mongo_uri, name)


async def visible_in_target(target: dict[str, str], filled: dict[str, Any]) -> dict[str, Any]:
    options = MongoOptions(uri=target["MONGO_URI"], db_name=target["MONGO_DB_NAME"])
    store = await open_mongo(
        options, timeout_s=60, group_commit=True, observer=Observer(), now_ms=lambda: START_MS + 10**9
    )
    try:
        for thumbnail, content in ((False, FILE), (True, b"small")):
            assert b"".join([piece async for piece in store.files.read(filled["file"], thumbnail=thumbnail)]) == content
        readers = [one for one in filled["people"] if await store.files.may_read(filled["file"], one)]
        assert readers == [*filled["people"][:3], "u-robbie", "u-robbie-hook"]
        assert all([await store.files.may_read(filled["avatar"], one) for one in filled["people"]])
        return await visible_to(store, filled["room"], filled["people"])
    finally:
        await store.close()


def start_migration(env: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a migration without waiting."""
    program = [sys.executable, str(ROOT / "server.py"), "migrate"]
    return subprocess.Popen(program, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.mark.gen_test
async def test_everything_is_there_as_it_was(tmp_path: Path, target: dict[str, str]) -> None:
    filled = await fill_directory(tmp_path / "data")
    run = await asyncio.to_thread(command, "migrate", env={**target, "DATA_DIR": str(tmp_path / "data")})
    assert run.returncode == 0, run.stderr
    counts = {line.split()[0]: line.split()[1] for line in run.stdout.splitlines()}
    assert (counts["users"], counts["rooms"], counts["messages"], counts["files"]) == ("11", "3", "3,003", "2")
    assert await visible_in_target(target, filled) == filled["seen"]


@pytest.mark.slow
@pytest.mark.gen_test
async def test_cut_off_by_a_kill_it_goes_on_where_it_was(tmp_path: Path, target: dict[str, str]) -> None:
    filled = await fill_directory(tmp_path / "data", messages=20_000)
    env = {**target, "DATA_DIR": str(tmp_path / "data")}
    with pymongo.MongoClient[dict[str, Any]](target["MONGO_URI"]) as client:
        stored = client[target["MONGO_DB_NAME"]].messages
        for wanted in (2_000, 9_000):
            first = start_migration(env)
            while first.poll() is None and stored.estimated_document_count() < wanted:
                await asyncio.sleep(0.01)  # the poll's pace
            first.kill()
            first.communicate()
            assert wanted <= stored.estimated_document_count() < 20_001
    run = await asyncio.to_thread(command, "migrate", env=env)
    assert run.returncode == 0, run.stderr
    assert await visible_in_target(target, filled) == filled["seen"]


@pytest.mark.gen_test
async def test_the_conversation_goes_on(tmp_path: Path, target: dict[str, str]) -> None:
    env = {"JWT_SECRET": SECRET}
    with serving(tmp_path / "data", env) as server:
        ada = register(server.url)
        room = ada.make_room()["id"]
        ada.post(room, "before", clientId="c1")
    assert (
        await asyncio.to_thread(command, "migrate", env={**target, "DATA_DIR": str(tmp_path / "data")})
    ).returncode == 0
    with serving(tmp_path / "data", target) as server:
        headers = {"Authorization": f"Bearer {ada.access_token}"}
        assert call(server.url, "GET", "/rooms", headers=headers, mine="true").json["rooms"][0]["id"] == room
        again = call(
            server.url, "POST", "/messages", {"roomId": room, "content": "x", "clientId": "c1"}, headers=headers
        )
        assert again.json["duplicate"] is True
        following = call(server.url, "POST", "/messages", {"roomId": room, "content": "after"}, headers=headers)
        assert following.json["message"]["seq"] == 2
        newer = call(server.url, "POST", "/rooms", {"name": "Newer"}, headers=headers).json["room"]["id"]
        found = call(server.url, "GET", "/rooms", headers=headers).json["rooms"]
        assert [one["id"] for one in found] == [newer, room], "rooms made later come first"


@pytest.mark.gen_test
async def test_what_cannot_be_migrated_is_refused_in_one_line(tmp_path: Path, target: dict[str, str]) -> None:
    def refused(data_dir: Path, env: dict[str, str]) -> str:
        run = command("migrate", env={**env, "DATA_DIR": str(data_dir)})
        lines = [line for line in run.stderr.splitlines() if " WARNING " not in line]
        assert (run.returncode, len(lines)) == (1, 1), run.stderr
        return lines[0]

    assert "MONGO_URI" in refused(tmp_path / "data", {})
    assert "holds no" in refused(tmp_path / "none", target)
    await fill_directory(tmp_path / "data", messages=10)
    with DirectoryLock(tmp_path / "data", shared=False):
        assert "in use" in refused(tmp_path / "data", target)
    with pymongo.MongoClient[dict[str, Any]](target["MONGO_URI"]) as client:
        client[target["MONGO_DB_NAME"]].users.insert_one({"_id": "u1", "usernameFolded": "x", "emailFolded": "x"})
        assert "not empty" in refused(tmp_path / "data", target)


async def migrate_here(data_dir: Path, target: dict[str, str], report: Report) -> None:
    """Run the migration in this process, with `report` called at each of its steps."""
    options = MongoOptions(uri=target["MONGO_URI"], db_name=target["MONGO_DB_NAME"])
    store = await open_mongo(
        options, timeout_s=60, group_commit=True, observer=Observer(), now_ms=lambda: START_MS + 10**9
    )
    source = SqliteExporter(data_dir)
    try:
        await copy_store(source, store.importer(), source_id=source.source_id(), read_back=store, report=report)
    finally:
        await source.close()
        await store.close()


@pytest.mark.gen_test
async def test_a_difference_is_found_in_the_end(tmp_path: Path, target: dict[str, str]) -> None:
    await fill_directory(tmp_path / "data", messages=2_000)
    with pymongo.MongoClient[dict[str, Any]](target["MONGO_URI"]) as client:
        messages = client[target["MONGO_DB_NAME"]].messages

        def tamper(what: str, done: int, _total: int) -> None:
            if (what, done) == ("messages", 1000):  # half of the messages are copied
                messages.update_one({"seq": 5}, {"$set": {"content": "tampered with"}})

        with pytest.raises(StartupError, match="messages differ"):
            await migrate_here(tmp_path / "data", target, tamper)


@pytest.mark.gen_test
async def test_a_difference_that_was_made_before_a_second_run_is_found_by_it(
    tmp_path: Path, target: dict[str, str]
) -> None:
    await fill_directory(tmp_path / "data", messages=2_000)

    def cut_off(what: str, done: int, _total: int) -> None:
        if (what, done) == ("messages", 1000):
            raise InterruptedError

    with pytest.raises(InterruptedError):
        await migrate_here(tmp_path / "data", target, cut_off)
    with pymongo.MongoClient[dict[str, Any]](target["MONGO_URI"]) as client:
        client[target["MONGO_DB_NAME"]].messages.update_one({"seq": 5}, {"$set": {"content": "tampered with"}})
    run = await asyncio.to_thread(command, "migrate", env={**target, "DATA_DIR": str(tmp_path / "data")})
    assert (run.returncode, "messages differ" in run.stderr) == (1, True), run.stderr


def damage(what: str, data_dir: Path, chunks: Any, file_id: str) -> None:
    if what == "a byte":
        chunk = chunks.find_one({"files_id": file_id, "n": 1})
        chunks.update_one({"_id": chunk["_id"]}, {"$set": {"data": b"!" + chunk["data"][1:]}})
    elif what == "a chunk":
        chunks.delete_one({"files_id": file_id, "n": 1})
    elif what == "the thumbnail":
        chunks.update_one({"files_id": thumbnail_key(file_id)}, {"$set": {"data": b"other"}})
    else:
        (source,) = [path for path in (data_dir / "files").rglob("*") if path.name == file_id]
        source.write_bytes(b"changed meanwhile")


@pytest.mark.parametrize("what", ["a byte", "a chunk", "the thumbnail", "the source"])
@pytest.mark.gen_test
async def test_a_files_bytes_are_compared_in_the_end(tmp_path: Path, target: dict[str, str], what: str) -> None:
    filled = await fill_directory(tmp_path / "data", messages=10)
    with pymongo.MongoClient[dict[str, Any]](target["MONGO_URI"]) as client:
        chunks = client[target["MONGO_DB_NAME"]]["uploads.chunks"]

        def report(step: str, *_: int) -> None:
            if step == "comparing users":  # everything is copied, no file compared
                damage(what, tmp_path / "data", chunks, filled["file"])

        with pytest.raises(StartupError, match=f"the bytes of file {filled['file']}.* differ") as refused:
            await migrate_here(tmp_path / "data", target, report)
        assert "\n" not in str(refused.value)


@pytest.mark.gen_test
async def test_the_bar_of_a_second_run_begins_where_the_first_was_cut_off(
    tmp_path: Path, target: dict[str, str]
) -> None:
    filled = await fill_directory(tmp_path / "data", messages=3000)

    def cut_off(what: str, done: int, _total: int) -> None:
        if (what, done) == ("messages", 2000):
            raise InterruptedError

    with pytest.raises(InterruptedError):
        await migrate_here(tmp_path / "data", target, cut_off)
    seen: list[tuple[str, int, int]] = []
    await migrate_here(tmp_path / "data", target, lambda *step: seen.append(step))
    assert [step for step in seen if step[0] == "users"] == [("users", 11, 11)]
    assert [step for step in seen if step[0] == "messages"] == [("messages", done, 3003) for done in (2000, 3000, 3003)]
    assert await visible_in_target(target, filled) == filled["seen"]


@pytest.mark.gen_test
async def test_who_loses_the_lease_ends_with_a_line(tmp_path: Path, target: dict[str, str]) -> None:
    await fill_directory(tmp_path / "data", messages=20_000)
    with pymongo.MongoClient[dict[str, Any]](target["MONGO_URI"]) as client:
        database = client[target["MONGO_DB_NAME"]]
        run = start_migration({**target, "DATA_DIR": str(tmp_path / "data")})
        while run.poll() is None and database.messages.estimated_document_count() < 1000:
            await asyncio.sleep(0.005)  # the poll's pace
        run.send_signal(signal.SIGSTOP)
        database.leases.update_one({}, {"$set": {"holder": "somebody else"}})
        await asyncio.sleep(BEAT_S)  # so that the next renewal of the lease is due when it continues
        run.send_signal(signal.SIGCONT)
        _, said = await asyncio.to_thread(run.communicate)
    lines = [line for line in said.decode().splitlines() if line.startswith("migrate: ")]
    assert run.returncode == 1, said
    assert lines == ["migrate: another process has taken the database's lease: stop it, and run this again"], said
    assert b"Traceback" not in said


def test_a_checksum_does_not_depend_on_the_order() -> None:
    records = [Session(f"s{number}", "u", 1, 2, 3) for number in range(5)]
    one, other, less = Digest(), Digest(), Digest()
    for record in records:
        one.add(record)
    for record in reversed(records):
        other.add(record)
    for record in [*records[:4], records[0]]:
        less.add(record)
    assert (one.count, one.checksum) == (other.count, other.checksum)
    assert (one.count, one.checksum) != (less.count, less.checksum)
