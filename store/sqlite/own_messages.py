"""All messages of one author, for the export of their data: a walk through the table in slices.

No index has them: it would cost each message, for what is asked seldom.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator

import apsw

from store.models import Message
from store.sqlite.database import Database
from store.sqlite.rows import MESSAGE_COLUMNS, fetch, message_from

ROWS_A_READ = 5_000  # looked at, in about a millisecond
MESSAGES_A_READ = 200

_LAST_ROW = "SELECT coalesce(max(row), 0) FROM messages"
_SLICE = f"""
SELECT {MESSAGE_COLUMNS}, room_id, row FROM messages
WHERE row > ?1 AND row <= ?2 AND user_id = ?3 ORDER BY row LIMIT ?4"""


async def messages_by(database: Database, user_id: str) -> AsyncGenerator[list[Message], None]:
    """As store.contract.Messages.by_author says."""
    last_row = await database.read("messages.by_author", lambda connection: int(fetch(connection, _LAST_ROW)[0][0]))
    after = 0
    while after < last_row:
        messages, after = await _slice(database, user_id, after, min(after + ROWS_A_READ, last_row))
        if messages:
            yield messages


async def _slice(database: Database, user_id: str, after: int, upto: int) -> tuple[list[Message], int]:
    """The messages of a slice of the table, and the row after which the next one begins."""

    def operation(connection: apsw.Connection) -> tuple[list[Message], int]:
        rows = fetch(connection, _SLICE, (after, upto, user_id, MESSAGES_A_READ))
        messages = [message_from(row[-2], row) for row in rows]
        return messages, rows[-1][-1] if len(rows) == MESSAGES_A_READ else upto

    return await database.read("messages.by_author", operation)
