"""The bans table: who may not become a member of a room. A ban ends a membership in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from store import room_rules
from store.audit_notes import ban_note, end_of_ban_note
from store.errors import Missing
from store.list_cursors import cursor_of_key, key_of_cursor
from store.models import Actor, Ban, BanChange
from store.sqlite.audit import record_audit
from store.sqlite.database import Database
from store.sqlite.members import end_membership, is_banned, membership_change, require_room, role_in
from store.sqlite.rows import USER_COLUMNS, Row, as_json, fetch, fetch_one, time_or_none, user_from

_COUNT = "SELECT count(*) FROM bans WHERE room_id = ? AND (expires_at IS NULL OR expires_at > ?)"
_PUT = """
INSERT OR REPLACE INTO bans (room_id, user_id, by_id, reason, banned_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)"""
_PAGE = f"""
SELECT {USER_COLUMNS}, b.by_id, b.reason, b.expires_at, b.banned_at FROM bans b JOIN users u ON u.id = b.user_id
WHERE b.room_id = ?1 AND (b.banned_at, b.user_id) < (?2, ?3) AND (b.expires_at IS NULL OR b.expires_at > ?4)
ORDER BY b.banned_at DESC, b.user_id DESC LIMIT ?5"""
_AMONG = """
SELECT wanted.key FROM json_each(?1) wanted
JOIN bans b ON b.room_id = wanted.value ->> 0 AND b.user_id = wanted.value ->> 1
WHERE b.expires_at IS NULL OR b.expires_at > ?2"""

_NEWEST = (1 << 62, "")


class SqliteBans:
    """store.contract.Bans on SQLite."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def add(
        self, room_id: str, user_id: str, *, reason: str | None, expires_at_ms: int | None, actor: Actor
    ) -> BanChange:
        def operation(connection: apsw.Connection) -> BanChange:
            now_ms = self._database.clock()
            return _add(connection, room_id, user_id, reason, expires_at_ms, actor=actor, now_ms=now_ms)

        return await self._database.write("bans.add", operation)

    async def lift(self, room_id: str, user_id: str, *, actor: Actor) -> BanChange:
        def operation(connection: apsw.Connection) -> BanChange:
            return _lift(connection, room_id, user_id, actor=actor, now_ms=self._database.clock())

        return await self._database.write("bans.lift", operation)

    async def page(self, room_id: str, *, limit: int, after: str | None) -> tuple[list[Ban], str | None]:
        key = key_of_cursor(after, tuple[int, str]) or _NEWEST

        def operation(connection: apsw.Connection) -> tuple[list[Ban], str | None]:
            rows = fetch(connection, _PAGE, (room_id, *key, self._database.clock.peek(), limit + 1))
            following = cursor_of_key((rows[limit - 1][-1], rows[limit - 1][0])) if len(rows) > limit else None
            return [_ban_from(row) for row in rows[:limit]], following

        return await self._database.read("bans.page", operation)

    async def among(self, pairs: Sequence[tuple[str, str]]) -> list[bool]:
        wanted = as_json(pairs)

        def operation(connection: apsw.Connection) -> list[bool]:
            banned = {row[0] for row in fetch(connection, _AMONG, (wanted, self._database.clock.peek()))}
            return [number in banned for number in range(len(pairs))]

        return await self._database.read("bans.among", operation)


def _add(
    connection: apsw.Connection,
    room_id: str,
    user_id: str,
    reason: str | None,
    expires_at_ms: int | None,
    *,
    actor: Actor,
    now_ms: int,
) -> BanChange:
    room = require_room(connection, room_id)
    room_rules.require_authority_over(
        room, actor, role_in(connection, room_id, actor.user_id), target_role=role_in(connection, room_id, user_id)
    )
    if fetch_one(connection, "SELECT 1 FROM users WHERE id = ?", (user_id,)) is None:
        raise Missing("user")
    if not is_banned(connection, room_id, user_id, now_ms=now_ms):
        room_rules.require_place_for_ban(fetch(connection, _COUNT, (room_id, now_ms))[0][0])
    connection.execute(_PUT, (room_id, user_id, actor.user_id, reason, now_ms, expires_at_ms))
    promoted = end_membership(connection, room_id, user_id)
    note = ban_note(actor, user_id, reason=reason, expires_at_ms=expires_at_ms)
    record_audit(connection, room_id, note, now_ms=now_ms)
    change = membership_change(connection, room, user_id, now_ms=now_ms, promoted=promoted or ())
    return BanChange(room=change.room, changed=True, rev=change.rev, membership=None if promoted is None else change)


def _lift(connection: apsw.Connection, room_id: str, user_id: str, *, actor: Actor, now_ms: int) -> BanChange:
    room = require_room(connection, room_id)
    room_rules.require_moderator(room, actor, role_in(connection, room_id, actor.user_id))
    was_banned = is_banned(connection, room_id, user_id, now_ms=now_ms)
    connection.execute("DELETE FROM bans WHERE room_id = ? AND user_id = ?", (room_id, user_id))
    if not was_banned:
        return BanChange(room=room, changed=False, rev=room.rev)
    record_audit(connection, room_id, end_of_ban_note(actor, user_id), now_ms=now_ms)
    change = membership_change(connection, room, user_id, now_ms=now_ms)
    return BanChange(room=change.room, changed=True, rev=change.rev)


def _ban_from(row: Row) -> Ban:
    by_id, reason, expires_at_ms = row[-4:-1]
    return Ban(user_from(row), by_id, reason, time_or_none(expires_at_ms))
