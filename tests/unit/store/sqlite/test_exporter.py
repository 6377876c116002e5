"""Exporting a whole SQLite store, to copy it to another backend."""

from __future__ import annotations

import asyncio
from pathlib import Path

import apsw
import pytest

from common.startup_error import StartupError
from monitor.observer import Observer
from store import sqlite
from store.models import Actor, RoomDraft
from store.sqlite.connection import DATABASE_NAME
from store.sqlite.schema_version import MIGRATIONS, migrate


@pytest.mark.gen_test
async def test_it_is_closed_while_a_read_that_nobody_waits_for_any_longer_goes_on(tmp_path: Path) -> None:
    store = await sqlite.open_store(
        tmp_path, timeout_s=5, group_commit=True, observer=Observer(), now_ms=lambda: 1_700_000_000_000
    )
    for number in range(50):
        await store.users.create(username=f"u{number}", email=f"{number}@example.com", password_hash="x")
    await store.close()
    for turns in range(100):
        source = sqlite.SqliteExporter(tmp_path)
        reading = asyncio.ensure_future(source.batch("users", None, 50))
        for _ in range(turns):
            await asyncio.sleep(0)
        reading.cancel()
        await source.close()
        await asyncio.gather(reading, return_exceptions=True)


@pytest.mark.gen_test
async def test_a_newer_file_that_is_marked_compatible_is_read_as_a_server_runs_on_it(tmp_path: Path) -> None:
    store = await sqlite.open_store(
        tmp_path, timeout_s=5, group_commit=True, observer=Observer(), now_ms=lambda: 1_700_000_000_000
    )
    user = await store.users.create(username="ann", email="ann@example.com", password_hash="x")
    await store.close()
    connection = apsw.Connection(str(tmp_path / DATABASE_NAME))
    newer = (*MIGRATIONS, "CREATE TABLE later (x); ALTER TABLE users ADD COLUMN later TEXT;")
    migrate(connection, newer, compatible_from=len(MIGRATIONS))
    source = sqlite.SqliteExporter(tmp_path)
    records, _ = await source.batch("users", None, 10)
    assert [record.id for record in records] == [user.id]
    await source.close()
    migrate(connection, (*newer, "CREATE TABLE much_later (x);"))
    connection.close()
    with pytest.raises(
        StartupError,
        match=f"has schema version {len(MIGRATIONS) + 2}, this program knows {len(MIGRATIONS)}: upgrade it",
    ):
        sqlite.SqliteExporter(tmp_path)


@pytest.mark.parametrize("version", [0, 2, len(MIGRATIONS) - 1])
def test_an_older_file_is_refused_until_a_server_has_run_on_it(tmp_path: Path, version: int) -> None:
    connection = apsw.Connection(str(tmp_path / DATABASE_NAME))
    migrate(connection, MIGRATIONS[:version])
    connection.close()
    with pytest.raises(StartupError, match="start the server on it once"):
        sqlite.SqliteExporter(tmp_path)


@pytest.mark.gen_test
async def test_a_kept_mute_of_somebody_who_is_a_member_is_left_out(tmp_path: Path) -> None:
    store = await sqlite.open_store(
        tmp_path, timeout_s=5, group_commit=True, observer=Observer(), now_ms=lambda: 1_700_000_000_000
    )
    ann, bob = [await store.users.create(username=name, email=name, password_hash="x") for name in ("ann", "bob")]
    room_id = (await store.rooms.create(RoomDraft("Room", None, False, 9), ann.id)).room.id
    await store.close()
    connection = apsw.Connection(str(tmp_path / DATABASE_NAME))
    for user in (ann, bob):
        connection.execute("INSERT INTO kept_mutes VALUES (?, ?, 1800000000000)", (room_id, user.id))
    connection.close()
    source = sqlite.SqliteExporter(tmp_path)
    records, _ = await source.batch("kept_mutes", None, 10)
    assert [record.user_id for record in records] == [bob.id]
    assert await source.count("kept_mutes") == 1
    await source.close()


@pytest.mark.gen_test
async def test_invite_links_that_are_used_up_are_left_out(tmp_path: Path) -> None:
    store = await sqlite.open_store(
        tmp_path, timeout_s=5, group_commit=True, observer=Observer(), now_ms=lambda: 1_700_000_000_000
    )
    ann = await store.users.create(username="ann", email="ann@example.com", password_hash="x")
    room_id = (await store.rooms.create(RoomDraft("Room", None, False, 9), ann.id)).room.id
    for code, max_uses in (("a", 1), ("b", 2), ("c", None)):
        await store.invites.create(room_id, code, actor=Actor(ann.id), max_uses=max_uses, expires_in_ms=None)
        await store.invites.claim(code)
    await store.close()
    source = sqlite.SqliteExporter(tmp_path)
    records, _ = await source.batch("invites", None, 10)
    assert [record.code for record in records] == ["b", "c"]
    assert await source.count("invites") == 2
    await source.close()
