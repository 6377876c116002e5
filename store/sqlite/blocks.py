"""The blocks table: whom each user blocked."""

from __future__ import annotations

import apsw

from store.errors import Missing, Refused
from store.models import BLOCKS_MAX, Refusal, User
from store.sqlite.database import Database
from store.sqlite.rows import USER_COLUMNS, fetch, fetch_one, user_from

_LIST = f"""
SELECT {USER_COLUMNS} FROM blocks b JOIN users u ON u.id = b.blocked_id
WHERE b.user_id = ? ORDER BY b.created_at DESC, b.blocked_id LIMIT ?"""


class SqliteBlocks:
    """store.contract.Blocks on SQLite."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def add(self, user_id: str, blocked_id: str) -> None:
        def operation(connection: apsw.Connection) -> None:
            if has_blocked(connection, user_id, blocked_id):
                return
            known = fetch(connection, "SELECT 1 FROM users WHERE id IN (?, ?)", (user_id, blocked_id))
            if len(known) < len({user_id, blocked_id}):
                raise Missing("user")
            (count,) = fetch(connection, "SELECT count(*) FROM blocks WHERE user_id = ?", (user_id,))[0]
            if count >= BLOCKS_MAX:
                raise Refused(Refusal.CONFLICT)
            connection.execute("INSERT INTO blocks VALUES (?, ?, ?)", (user_id, blocked_id, self._database.clock()))

        await self._database.write("blocks.add", operation)

    async def remove(self, user_id: str, blocked_id: str) -> None:
        await self._database.write(
            "blocks.remove",
            lambda connection: fetch(
                connection, "DELETE FROM blocks WHERE user_id = ? AND blocked_id = ?", (user_id, blocked_id)
            ),
        )

    async def list(self, user_id: str) -> list[User]:
        def operation(connection: apsw.Connection) -> list[User]:
            return [user_from(row) for row in fetch(connection, _LIST, (user_id, BLOCKS_MAX))]

        return await self._database.read("blocks.list", operation)


def has_blocked(connection: apsw.Connection, user_id: str, blocked_id: str) -> bool:
    """Whether the first user blocked the second."""
    found = fetch_one(connection, "SELECT 1 FROM blocks WHERE user_id = ? AND blocked_id = ?", (user_id, blocked_id))
    return found is not None
