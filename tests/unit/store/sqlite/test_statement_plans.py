"""A statement that is run again with other values is not parsed again, which costs several times what a run costs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apsw
import pytest

from store.sqlite.connection import DATABASE_NAME, open_reading, open_writing
from tests.unit.store.conftest import StoreWithRoom

JOIN = "SELECT r.name FROM rooms r JOIN members m ON m.room_id = r.id AND m.user_id = ?2 WHERE r.id = ?1"


@pytest.mark.parametrize("opened", [open_reading, open_writing])
@pytest.mark.gen_test
async def test_a_statement_is_parsed_once_whatever_is_bound_to_it(
    room_store: StoreWithRoom, data_dir: Path, opened: Any
) -> None:
    connection: apsw.Connection = opened(data_dir / DATABASE_NAME, busy_timeout_s=1)
    parsed: list[tuple[object, ...]] = []

    def authorize(*parts: object) -> int:  # SQLite asks while it parses
        parsed.append(parts)
        return apsw.SQLITE_OK

    connection.authorizer = authorize
    connection.execute(JOIN, ("a", "b")).fetchall()
    assert parsed
    parsed.clear()
    for bound in (("b", "a"), (room_store.room_id, "c"), ("d", None)):
        connection.execute(JOIN, bound).fetchall()
    connection.authorizer = None
    connection.close()
    assert not parsed
