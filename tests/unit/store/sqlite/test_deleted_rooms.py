"""Deleted rooms on SQLite: every table that belongs to rooms is emptied, and finds its rows by the room."""

from __future__ import annotations

import apsw
import pytest

from store.sqlite.deleted_rooms import _TABLES
from store.sqlite.schema_version import migrate


@pytest.fixture
def connection() -> apsw.Connection:
    connection = apsw.Connection(":memory:")
    migrate(connection)
    return connection


def test_every_table_with_a_room_is_found_with_its_key(connection: apsw.Connection) -> None:
    found = dict(connection.execute(_TABLES))
    assert {"changes", "mentions", "reactions", "file_posts", "members", "bans", "audit", "reports"} <= set(found)
    assert found["reactions"] == "room_id, seq, emoji, user_id"


def test_no_slice_reads_a_whole_table(connection: apsw.Connection) -> None:
    for table, key in [*connection.execute(_TABLES), ("messages", "row")]:
        statement = f"EXPLAIN QUERY PLAN SELECT {key} FROM {table} WHERE room_id = ? LIMIT 9"
        plan = " ".join(row[3] for row in connection.execute(statement, ("r",)))
        assert "SEARCH" in plan, (table, plan)
