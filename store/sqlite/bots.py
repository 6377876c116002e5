"""The bots table: bots, their users, logins and memberships. webhooks.py uses the same steps for its users."""

from __future__ import annotations

import apsw

from common.rfc3339 import rfc3339
from store.audit_notes import bot_note
from store.errors import Missing, Taken
from store.models import (
    BOTS_PER_ROOM_MAX,
    NEVER_MS,
    REVOKED_KEEP_MS,
    Actor,
    AuditAction,
    Bot,
    BotAdded,
    BotDraft,
    BotRemoved,
    MembershipChange,
    Role,
    Status,
)
from store.room_rules import require_moderator, require_place_for_bot
from store.sqlite.audit import record_audit
from store.sqlite.database import Database
from store.sqlite.members import end_membership, join, membership_change, require_room, role_in
from store.sqlite.rows import USER_COLUMNS, Row, fetch, fetch_one, user_from

_BOT = f"""
SELECT {USER_COLUMNS}, b.room_id, b.session_id, b.created_by, b.created_at
FROM bots b JOIN users u ON u.id = b.user_id"""
_LIST = f"{_BOT} WHERE b.room_id = ? ORDER BY b.created_at, b.user_id LIMIT ?"
_GET = f"{_BOT} WHERE b.room_id = ? AND b.user_id = ?"


class SqliteBots:
    """store.contract.Bots on SQLite."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def add(self, room_id: str, actor: Actor, draft: BotDraft) -> BotAdded:
        def operation(connection: apsw.Connection) -> BotAdded:
            now_ms = self._database.clock()
            require_moderator_of(connection, room_id, actor)
            require_place(connection, "bots", room_id, BOTS_PER_ROOM_MAX)
            change = join_as_bot(
                connection, room_id, draft.user_id, draft.username, display_name=draft.username, now_ms=now_ms
            )
            connection.execute(
                "INSERT INTO sessions (id, user_id, generation, rotated_at, expires_at, began_at)"
                " VALUES (?, ?, 1, ?, ?, ?)",
                (draft.session_id, draft.user_id, now_ms, NEVER_MS, now_ms),
            )
            connection.execute(
                "INSERT INTO bots (user_id, room_id, session_id, created_by, created_at) VALUES (?, ?, ?, ?, ?)",
                (draft.user_id, room_id, draft.session_id, actor.user_id, now_ms),
            )
            note = bot_note(actor, AuditAction.BOT_MADE, user_id=draft.user_id, username=draft.username)
            record_audit(connection, room_id, note, now_ms=now_ms)
            return BotAdded(_require(connection, room_id, draft.user_id), change)

        return await self._database.write("bots.add", operation)

    async def list(self, room_id: str) -> list[Bot]:
        return await self._database.read(
            "bots.list",
            lambda connection: [_bot(row) for row in fetch(connection, _LIST, (room_id, BOTS_PER_ROOM_MAX))],
        )

    async def remove(self, room_id: str, user_id: str, actor: Actor) -> BotRemoved:
        def operation(connection: apsw.Connection) -> BotRemoved:
            now_ms = self._database.clock()
            require_moderator_of(connection, room_id, actor)
            bot = _require(connection, room_id, user_id)
            connection.execute("DELETE FROM bots WHERE user_id = ?", (user_id,))
            revoke(connection, bot.session_id, now_ms)
            note = bot_note(actor, AuditAction.BOT_REVOKED, user_id=user_id, username=bot.user.username)
            record_audit(connection, room_id, note, now_ms=now_ms)
            return BotRemoved(bot, leave_as_bot(connection, room_id, user_id, now_ms=now_ms))

        return await self._database.write("bots.remove", operation)


def require_moderator_of(connection: apsw.Connection, room_id: str, actor: Actor) -> None:
    """Raises Missing("room"), Refused."""
    require_moderator(require_room(connection, room_id), actor, role_in(connection, room_id, actor.user_id))


def require_place(connection: apsw.Connection, table: str, room_id: str, most: int) -> None:
    """Raises Refused (conflict) where a room has `most` rows in this table."""
    (count,) = fetch(connection, f"SELECT count(*) FROM {table} WHERE room_id = ?", (room_id,))[0]
    require_place_for_bot(count, most=most)


def join_as_bot(
    connection: apsw.Connection, room_id: str, user_id: str, username: str, *, display_name: str, now_ms: int
) -> MembershipChange:
    """Insert the user of a bot or a webhook, and make it a member. Raises Taken, Refused, RoomFull.

    It has no password, and in place of an e-mail address, which must be unique, its id: no address is one.
    """
    folded = username.casefold()
    if fetch_one(connection, "SELECT 1 FROM users WHERE username_folded = ?", (folded,)) is not None:
        raise Taken("username")
    connection.execute(
        """INSERT INTO users (id, username, username_folded, email, email_folded, password_hash,
               display_name, display_folded, status, created_at, bot_room_id)
           VALUES (?, ?, ?, '', ?, '', ?, ?, ?, ?, ?)""",
        (user_id, username, folded, user_id,
         display_name, display_name.casefold(), Status.ONLINE.value, now_ms, room_id),
    )  # fmt: skip
    return join(connection, room_id, user_id, role=Role.MEMBER, now_ms=now_ms)


def leave_as_bot(connection: apsw.Connection, room_id: str, user_id: str, *, now_ms: int) -> MembershipChange:
    """End the membership of a bot's user for good. As a ban, that is an entry of the changes log in any case."""
    connection.execute("UPDATE users SET bot_room_id = '' WHERE id = ?", (user_id,))
    room = require_room(connection, room_id)
    promoted = end_membership(connection, room_id, user_id) or ()
    return membership_change(connection, room, user_id, now_ms=now_ms, promoted=promoted)


def revoke(connection: apsw.Connection, session_id: str, now_ms: int) -> None:
    """Revoke the login of a bot, and let it expire once every process has found that."""
    connection.execute(
        "UPDATE sessions SET revoked_at = coalesce(revoked_at, ?), expires_at = ? WHERE id = ?",
        (now_ms, now_ms + REVOKED_KEEP_MS, session_id),
    )


def _require(connection: apsw.Connection, room_id: str, user_id: str) -> Bot:
    row = fetch_one(connection, _GET, (room_id, user_id))
    if row is None:
        raise Missing("bot")
    return _bot(row)


def _bot(row: Row) -> Bot:
    room_id, session_id, created_by, created_at = row[-4:]
    return Bot(user_from(row), room_id, session_id, created_by, rfc3339(created_at))
