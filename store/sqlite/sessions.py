"""The sessions table: logins and the rotation of their refresh tokens."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from store.errors import Missing
from store.models import SESSIONS_LISTED_MAX, Account, Session
from store.sqlite.database import Database
from store.sqlite.rows import as_json, fetch, fetch_one
from store.sqlite.users import accounts_of

_SELECT = """
SELECT id, user_id, generation, rotated_at, expires_at, revoked_at, began_at, user_agent FROM sessions WHERE """
_WANTED = f"{_SELECT} id IN (SELECT value FROM json_each(?1) AS wanted)"
_LIVE_OF = f"{_SELECT} user_id = ?1 AND revoked_at IS NULL AND expires_at > ?2 ORDER BY rotated_at DESC, id LIMIT ?3"

# Far above what one head check can find. The newest come first, so the limit cuts those announced long ago.
_REVOKED_MAX = 100_000


class SqliteSessions:
    """store.contract.Sessions on SQLite."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def create(self, session: Session) -> None:
        """Raises Missing("user")."""

        def operation(connection: apsw.Connection) -> None:
            if fetch_one(connection, "SELECT 1 FROM users WHERE id = ?", (session.user_id,)) is None:
                raise Missing("user")
            connection.execute(
                """INSERT INTO sessions (id, user_id, generation, rotated_at, expires_at, revoked_at, began_at,
                       user_agent)
                   VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
                (session.id, session.user_id, session.generation, session.rotated_at_ms, session.expires_at_ms,
                 session.revoked_at_ms, session.began_at_ms, session.user_agent),
            )  # fmt: skip

        await self._database.write("sessions.create", operation)

    async def get(self, session_id: str) -> Session | None:
        return await self._database.read("sessions.get", lambda connection: _get(connection, session_id))

    async def with_accounts(self, keys: Sequence[tuple[str, str]]) -> list[tuple[Session | None, Account | None]]:
        session_ids, user_ids = as_json([key[0] for key in keys]), as_json([key[1] for key in keys])

        def operation(connection: apsw.Connection) -> list[tuple[Session | None, Account | None]]:
            sessions = {row[0]: Session(*row) for row in fetch(connection, _WANTED, (session_ids,))}
            accounts = accounts_of(connection, user_ids)
            return [(sessions.get(session_id), accounts.get(user_id)) for session_id, user_id in keys]

        return await self._database.read("sessions.with_accounts", operation)

    async def rotate(
        self, session_id: str, *, generation: int, now_ms: int, grace_ms: int, expires_at_ms: int, max_age_ms: int
    ) -> Session | None:
        def operation(connection: apsw.Connection) -> Session | None:
            session = _get(connection, session_id)
            if session is None or session.revoked_at_ms is not None or session.expires_at_ms <= now_ms:
                return session
            if generation == session.generation:
                connection.execute(
                    "UPDATE sessions SET generation = ?, rotated_at = ?, expires_at = ?, began_at = ? WHERE id = ?",
                    (
                        generation + 1,
                        now_ms,
                        min(expires_at_ms, session.began_ms + max_age_ms),
                        session.began_ms,
                        session_id,
                    ),
                )
            elif generation != session.generation - 1 or now_ms - session.rotated_at_ms > grace_ms:
                connection.execute("UPDATE sessions SET revoked_at = ? WHERE id = ?", (now_ms, session_id))
            return _get(connection, session_id)

        return await self._database.write("sessions.rotate", operation)

    async def revoke(self, session_id: str, *, now_ms: int) -> bool:
        def operation(connection: apsw.Connection) -> bool:
            connection.execute(
                "UPDATE sessions SET revoked_at = ?1 WHERE id = ?2 AND revoked_at IS NULL AND expires_at > ?1",
                (now_ms, session_id),
            )
            return connection.changes() > 0

        return await self._database.write("sessions.revoke", operation)

    async def live_of(self, user_id: str, *, now_ms: int) -> list[Session]:
        def operation(connection: apsw.Connection) -> list[Session]:
            return [Session(*row) for row in fetch(connection, _LIVE_OF, (user_id, now_ms, SESSIONS_LISTED_MAX))]

        return await self._database.read("sessions.live_of", operation)

    async def revoked_since(self, since_ms: int) -> list[str]:
        def operation(connection: apsw.Connection) -> list[str]:
            found = connection.execute(
                "SELECT id FROM sessions WHERE revoked_at >= ? ORDER BY revoked_at DESC LIMIT ?",
                (since_ms, _REVOKED_MAX),
            )
            return [session_id for (session_id,) in found]

        return await self._database.read("sessions.revoked_since", operation)

    async def not_live(self, session_ids: Sequence[str]) -> list[str]:
        wanted = as_json(session_ids)

        def operation(connection: apsw.Connection) -> list[str]:
            found = connection.execute(
                """SELECT w.value FROM json_each(?) w LEFT JOIN sessions s ON s.id = w.value
                   WHERE s.id IS NULL OR s.revoked_at IS NOT NULL""",
                (wanted,),
            )
            return [session_id for (session_id,) in found]

        return await self._database.read("sessions.not_live", operation)


def _get(connection: apsw.Connection, session_id: str) -> Session | None:
    row = fetch_one(connection, _SELECT + "id = ?", (session_id,))
    return None if row is None else Session(*row)
