"""What moderators do to others: roles, mutes, removals. Each is one transaction, with its entry in the audit trail."""

from __future__ import annotations

import apsw

from common.rfc3339 import rfc3339
from store.errors import Missing, Refused
from store.models import Actor, AuditAction, AuditNote, MembershipChange, Refusal, Role, Room
from store.room_rules import require_authority_over, require_owner
from store.sqlite.audit import record_audit
from store.sqlite.database import Database
from store.sqlite.members import end_membership, membership_change, membership_of, require_room, role_in
from store.sqlite.rows import fetch_one


class SqliteModeration:
    """store.contract.Moderation on SQLite."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def set_role(self, room_id: str, user_id: str, role: Role, *, actor: Actor) -> MembershipChange:
        def operation(connection: apsw.Connection) -> MembershipChange:
            return _set_role(connection, room_id, user_id, role, actor=actor, now_ms=self._database.clock())

        return await self._database.write("moderation.set_role", operation)

    async def mute(self, room_id: str, user_id: str, until_ms: int | None, *, actor: Actor) -> MembershipChange:
        def operation(connection: apsw.Connection) -> MembershipChange:
            return _mute(connection, room_id, user_id, until_ms, actor=actor, now_ms=self._database.clock())

        return await self._database.write("moderation.mute", operation)

    async def remove(self, room_id: str, user_id: str, *, actor: Actor) -> MembershipChange:
        def operation(connection: apsw.Connection) -> MembershipChange:
            return _remove(connection, room_id, user_id, actor=actor, now_ms=self._database.clock())

        return await self._database.write("moderation.remove", operation)


def is_bot(connection: apsw.Connection, user_id: str) -> bool:
    """Whether a user is the user of a bot or a webhook."""
    return fetch_one(connection, "SELECT 1 FROM users WHERE id = ? AND bot_room_id IS NOT NULL", (user_id,)) is not None


def _set_role(
    connection: apsw.Connection, room_id: str, user_id: str, role: Role, *, actor: Actor, now_ms: int
) -> MembershipChange:
    room = require_room(connection, room_id)
    require_owner(room, actor, role_in(connection, room_id, actor.user_id))
    before = role_in(connection, room_id, user_id)
    if before is None:
        raise Missing("user")
    if is_bot(connection, user_id):
        raise Refused(Refusal.FORBIDDEN)
    if before is role:
        return _unchanged(connection, room, user_id)
    if user_id == room.owner_id:
        raise Refused(Refusal.CONFLICT)
    demoted: tuple[str, ...] = ()
    if role is Role.OWNER:
        if room.owner_id is not None and role_in(connection, room_id, room.owner_id) is Role.OWNER:
            demoted = (room.owner_id,)
            _write_role(connection, room_id, room.owner_id, Role.MODERATOR)
        connection.execute("UPDATE rooms SET owner_id = ? WHERE id = ?", (user_id, room_id))
    _write_role(connection, room_id, user_id, role)
    note = AuditNote(actor.user_id, AuditAction.ROLE, user_id, {"role": role.value, "before": before.value})
    return _changed(connection, room, user_id, note, now_ms=now_ms, demoted=demoted)


def _mute(
    connection: apsw.Connection, room_id: str, user_id: str, until_ms: int | None, *, actor: Actor, now_ms: int
) -> MembershipChange:
    room = require_room(connection, room_id)
    target_role = role_in(connection, room_id, user_id)
    require_authority_over(room, actor, role_in(connection, room_id, actor.user_id), target_role=target_role)
    if target_role is None:
        raise Missing("user")
    place = (room_id, user_id)
    until_ms = None if until_ms is None or until_ms <= now_ms else until_ms
    row = fetch_one(connection, "SELECT muted_until FROM members WHERE room_id = ? AND user_id = ?", place)
    before_ms = None if row is None or (row[0] or 0) <= now_ms else row[0]
    if before_ms == until_ms:
        return _unchanged(connection, room, user_id)
    connection.execute("UPDATE members SET muted_until = ? WHERE room_id = ? AND user_id = ?", (until_ms, *place))
    note = (
        AuditNote(actor.user_id, AuditAction.UNMUTE, user_id)
        if until_ms is None
        else AuditNote(actor.user_id, AuditAction.MUTE, user_id, {"mutedUntil": rfc3339(until_ms)})
    )
    return _changed(connection, room, user_id, note, now_ms=now_ms)


def _remove(connection: apsw.Connection, room_id: str, user_id: str, *, actor: Actor, now_ms: int) -> MembershipChange:
    room = require_room(connection, room_id)
    target_role = role_in(connection, room_id, user_id)
    require_authority_over(room, actor, role_in(connection, room_id, actor.user_id), target_role=target_role)
    if target_role is None:
        raise Missing("user")
    promoted = end_membership(connection, room_id, user_id) or ()
    note = AuditNote(actor.user_id, AuditAction.REMOVE, user_id)
    return _changed(connection, room, user_id, note, now_ms=now_ms, promoted=promoted)


def _write_role(connection: apsw.Connection, room_id: str, user_id: str, role: Role) -> None:
    connection.execute("UPDATE members SET role = ? WHERE room_id = ? AND user_id = ?", (role.value, room_id, user_id))


def _unchanged(connection: apsw.Connection, room: Room, user_id: str) -> MembershipChange:
    return MembershipChange(
        room=room, membership=membership_of(connection, room.id, user_id), changed=False, rev=room.rev
    )


def _changed(
    connection: apsw.Connection,
    room: Room,
    user_id: str,
    note: AuditNote,
    *,
    now_ms: int,
    promoted: tuple[str, ...] = (),
    demoted: tuple[str, ...] = (),
) -> MembershipChange:
    """Add the entries to the changes log and the audit trail. `room` is as it was before."""
    record_audit(connection, room.id, note, now_ms=now_ms)
    return membership_change(connection, room, user_id, now_ms=now_ms, promoted=promoted, demoted=demoted)
