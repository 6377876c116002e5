from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from common.startup_error import StartupError
from store.sqlite.connection import DATABASE_NAME, SQLITE_MINIMUM, open_writing, require_sound_sqlite
from store.sqlite.schema_version import COMPATIBLE_FROM, MIGRATIONS, migrate, version_of
from tests.unit.store.conftest import Open, StoreWithRoom

ONE = "CREATE TABLE a (x); INSERT INTO a VALUES (1);"
TWO = "ALTER TABLE a ADD COLUMN y; UPDATE a SET y = x + 1;"
OLD_USER = """
INSERT INTO users (id, username, username_folded, email, email_folded, password_hash, display_name, display_folded,
status, created_at)
VALUES ('u1', 'ann', 'ann', 'a@b', 'a@b', 'hash', 'ann', 'ann', 'online', 1)"""
OLD_SESSION = "INSERT INTO sessions (id, user_id, generation, rotated_at, expires_at) VALUES (?, 'u1', 1, ?, ?)"
BROKEN = "CREATE TABLE b (x); INSERT INTO nowhere VALUES (1);"


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[apsw.Connection]:
    path = tmp_path / "some.db"
    path.touch()
    opened = open_writing(path, busy_timeout_s=1)
    yield opened
    opened.close()


def rows(connection: apsw.Connection) -> list[tuple[object, ...]]:
    return connection.execute("SELECT * FROM a").fetchall()


def test_an_empty_file_gets_every_script_in_order(connection: apsw.Connection) -> None:
    assert migrate(connection, (ONE, TWO)) == 0
    assert rows(connection) == [(1, 2)]
    assert version_of(connection) == 2


def test_an_older_file_gets_only_the_scripts_it_lacks_and_keeps_its_rows(connection: apsw.Connection) -> None:
    migrate(connection, (ONE,))
    connection.execute("INSERT INTO a VALUES (7)")
    assert migrate(connection, (ONE, TWO)) == 1
    assert rows(connection) == [(1, 2), (7, 8)]
    assert migrate(connection, (ONE, TWO)) == 2
    assert rows(connection) == [(1, 2), (7, 8)]


def test_a_script_that_fails_leaves_the_file_as_it_was(connection: apsw.Connection) -> None:
    migrate(connection, (ONE,))
    with pytest.raises(apsw.SQLError):
        migrate(connection, (ONE, TWO, BROKEN))
    assert rows(connection) == [(1,)]
    assert version_of(connection) == 1
    assert migrate(connection, (ONE, TWO)) == 1


def test_a_newer_file_is_refused_and_not_touched(connection: apsw.Connection) -> None:
    migrate(connection, (ONE, TWO))
    with pytest.raises(StartupError, match="version 2, this program knows 1"):
        migrate(connection, (ONE,))
    assert version_of(connection) == 2


@pytest.mark.gen_test
async def test_a_store_of_a_newer_program_refuses_the_start_in_one_line(
    room_store: StoreWithRoom, open_sqlite: Open, data_dir: Path
) -> None:
    await room_store.store.close()
    connection = apsw.Connection(str(data_dir / DATABASE_NAME))
    connection.pragma("user_version", len(MIGRATIONS) + 1)
    connection.close()
    with pytest.raises(StartupError, match="upgrade") as refused:
        await open_sqlite()
    assert "\n" not in str(refused.value)


def test_an_older_program_runs_on_a_newer_file_that_is_marked_compatible_and_leaves_it_as_it_is(
    connection: apsw.Connection,
) -> None:
    migrate(connection, (ONE, TWO), compatible_from=1)
    assert migrate(connection, (ONE,), compatible_from=1) == 2
    assert version_of(connection) == 2
    assert connection.pragma("user_version") == 1, "a program that knows this number alone runs on it too"
    assert migrate(connection, (ONE, TWO), compatible_from=1) == 2
    assert rows(connection) == [(1, 2)]
    assert migrate(connection, (ONE, TWO, "INSERT INTO a VALUES (9, 9);"), compatible_from=3) == 2
    with pytest.raises(StartupError, match="version 3, this program knows 2"):
        migrate(connection, (ONE, TWO), compatible_from=1)
    assert version_of(connection) == 3


@pytest.mark.gen_test
async def test_the_store_opens_a_newer_file_that_is_marked_compatible_and_works(
    room_store: StoreWithRoom, open_sqlite: Open, data_dir: Path
) -> None:
    await room_store.store.close()
    connection = apsw.Connection(str(data_dir / DATABASE_NAME))
    migrate(
        connection, (*MIGRATIONS, "CREATE TABLE later (x); ALTER TABLE users ADD COLUMN later TEXT;"), compatible_from=3
    )
    connection.close()
    store = await open_sqlite()
    assert await store.users.create(username="eve", email="eve@example.org", password_hash="hash")


@pytest.mark.gen_test
async def test_sessions_of_before_begin_when_they_get_a_beginning_and_a_program_of_before_still_writes(
    open_sqlite: Open, data_dir: Path
) -> None:
    data_dir.mkdir()
    path = data_dir / DATABASE_NAME
    path.touch()
    connection = open_writing(path, busy_timeout_s=1)
    migrate(connection, MIGRATIONS[:2])
    connection.execute(OLD_USER)
    connection.execute(OLD_SESSION, ("s1", 1, 2_000_000_000_000))
    before_ms = time.time_ns() // 1_000_000
    store = await open_sqlite()
    session = await store.sessions.get("s1")
    assert session is not None
    assert session.began_at_ms is not None
    assert before_ms - 1 <= session.began_at_ms <= time.time_ns() // 1_000_000
    connection.execute(OLD_SESSION, ("s2", 7, 2_000_000_000_000))
    connection.close()
    session = await store.sessions.get("s2")
    assert session is not None
    assert (session.began_at_ms, session.began_ms) == (None, 7)
    assert COMPATIBLE_FROM == 2


def test_the_library_here_has_the_fix_and_an_older_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    require_sound_sqlite()
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.51.2")
    with pytest.raises(StartupError, match=r"3\.51\.2 .* 3\.51\.3"):
        require_sound_sqlite()
    assert SQLITE_MINIMUM == (3, 51, 3)
