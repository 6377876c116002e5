"""The invites table: links that make people members."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from store.audit_notes import link_made_note, link_revoked_note
from store.errors import Missing
from store.models import (
    INVITES_PER_ROOM_MAX,
    Actor,
    AuditNote,
    Invite,
    InviteChange,
    MembershipChange,
    Role,
    Room,
)
from store.room_rules import (
    is_moderator,
    require_author_or_moderator,
    require_inviter,
    require_known,
    require_open_to_new,
    require_place_for_invite,
)
from store.sqlite.audit import record_audit
from store.sqlite.changes import record
from store.sqlite.database import Database
from store.sqlite.members import join, require_room, role_in
from store.sqlite.rows import Row, fetch, fetch_one, time_or_none

_COLUMNS = "i.code, i.room_id, i.maker_id, i.uses, i.max_uses, i.expires_at"
_LIVE = "coalesce(i.expires_at > ?1, 1)"
_LEFT = "coalesce(i.uses < i.max_uses, 1)"
_GOOD = f"{_LIVE} AND {_LEFT}"
_FIND = f"""
SELECT {_COLUMNS} FROM invites i JOIN rooms r ON r.id = i.room_id
LEFT JOIN members m ON m.room_id = i.room_id AND m.user_id = ?3
WHERE i.code = ?2 AND {_LIVE} AND ({_LEFT} OR m.user_id IS NOT NULL)"""
_LIST = f"""
SELECT {_COLUMNS} FROM invites i WHERE i.room_id = ?2 AND {_GOOD} AND (?3 IS NULL OR i.maker_id = ?3)
ORDER BY i.created_at DESC, i.code LIMIT ?4"""
_COUNT = f"SELECT count(*) FROM invites i WHERE i.room_id = ?2 AND {_GOOD}"
_INSERT = """
INSERT INTO invites (code, room_id, maker_id, max_uses, expires_at, created_at) VALUES (?, ?, ?, ?, ?, ?)"""
# A use that is given back makes a used-up link good again.
_USES = """
UPDATE invites SET uses = max(uses + ?2, 0), used_up_at = CASE WHEN uses + ?2 >= max_uses THEN ?3 END WHERE code = ?1"""


class SqliteInvites:
    """store.contract.Invites on SQLite."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def create(
        self, room_id: str, code: str, *, actor: Actor, max_uses: int | None, expires_in_ms: int | None
    ) -> InviteChange:
        def operation(connection: apsw.Connection) -> InviteChange:
            now_ms = self._database.clock()
            room = require_room(connection, room_id)
            require_inviter(room, actor, role_in(connection, room_id, actor.user_id))
            require_place_for_invite(fetch(connection, _COUNT, (now_ms, room_id))[0][0])
            expires_at = None if expires_in_ms is None else now_ms + expires_in_ms
            connection.execute(_INSERT, (code, room_id, actor.user_id, max_uses, expires_at, now_ms))
            rev = _record(connection, room, link_made_note(actor, max_uses=max_uses), now_ms)
            invite = Invite(code, room_id, actor.user_id, 0, max_uses, time_or_none(expires_at))
            return InviteChange(invite, rev)

        return await self._database.write("invites.create", operation)

    async def list(self, room_id: str, *, actor: Actor) -> Sequence[Invite]:
        def operation(connection: apsw.Connection) -> Sequence[Invite]:
            room, role = require_room(connection, room_id), role_in(connection, room_id, actor.user_id)
            require_known(room, actor, role)
            maker = None if is_moderator(actor, role) else actor.user_id
            bindings = (self._database.clock.peek(), room_id, maker, INVITES_PER_ROOM_MAX)
            return [_invite_from(row) for row in fetch(connection, _LIST, bindings)]

        return await self._database.read("invites.list", operation)

    async def revoke(self, room_id: str, code: str, *, actor: Actor) -> int:
        def operation(connection: apsw.Connection) -> int:
            room, role = require_room(connection, room_id), role_in(connection, room_id, actor.user_id)
            require_known(room, actor, role)
            row = fetch_one(connection, "SELECT maker_id FROM invites WHERE code = ? AND room_id = ?", (code, room_id))
            if row is None:
                raise Missing("invite")
            require_author_or_moderator(actor, role, author_id=row[0])
            connection.execute("DELETE FROM invites WHERE code = ?", (code,))
            return _record(connection, room, link_revoked_note(actor, maker_id=row[0]), self._database.clock())

        return await self._database.write("invites.revoke", operation)

    async def find(self, code: str, *, member_id: str | None = None) -> Invite | None:
        def operation(connection: apsw.Connection) -> Invite | None:
            return _find(connection, code, member_id, self._database.clock.peek())

        return await self._database.read("invites.find", operation)

    async def use(self, code: str, user_id: str) -> MembershipChange:
        def operation(connection: apsw.Connection) -> MembershipChange:
            now_ms = self._database.clock()
            invite = _require(connection, code, user_id, now_ms)
            change = join(connection, invite.room_id, user_id, role=Role.MEMBER, now_ms=now_ms)
            if change.changed:
                _count_use(connection, code, 1, now_ms)
            return change

        return await self._database.write("invites.use", operation)

    async def claim(self, code: str) -> Invite:
        def operation(connection: apsw.Connection) -> Invite:
            now_ms = self._database.clock()
            invite = _require(connection, code, None, now_ms)
            require_open_to_new(require_room(connection, invite.room_id))
            _count_use(connection, code, 1, now_ms)
            return invite

        return await self._database.write("invites.claim", operation)

    async def release(self, code: str) -> None:
        clock = self._database.clock
        await self._database.write("invites.release", lambda connection: _count_use(connection, code, -1, clock()))


def _invite_from(row: Row) -> Invite:
    code, room_id, maker_id, uses, max_uses, expires_at = row
    return Invite(code, room_id, maker_id, uses, max_uses, time_or_none(expires_at))


def _find(connection: apsw.Connection, code: str, member_id: str | None, now_ms: int) -> Invite | None:
    row = fetch_one(connection, _FIND, (now_ms, code, member_id))
    return None if row is None else _invite_from(row)


def _require(connection: apsw.Connection, code: str, member_id: str | None, now_ms: int) -> Invite:
    found = _find(connection, code, member_id, now_ms)
    if found is None:
        raise Missing("invite")
    return found


def _record(connection: apsw.Connection, room: Room, note: AuditNote, now_ms: int) -> int:
    """Add an entry to the changes log and one to the audit trail. Returns the rev."""
    rev = room.rev + 1
    record(connection, room.id, rev=rev, now_ms=now_ms)
    record_audit(connection, room.id, note, now_ms=now_ms)
    return rev


def _count_use(connection: apsw.Connection, code: str, more: int, now_ms: int) -> None:
    connection.execute(_USES, (code, more, now_ms))
