"""What moderators do to others: roles, mutes, removals. Each is one transaction, with its entry in the audit trail."""

from __future__ import annotations

import apsw

from store.audit_notes import mute_note, removal_note, role_note
from store.models import Actor, AuditNote, MembershipChange, Role, Room
from store.room_rules import require_authority_over_member, role_change, standing_mute
from store.sqlite.audit import record_audit
from store.sqlite.database import Database
from store.sqlite.members import end_membership, membership_change, membership_of, require_room, role_in
from store.sqlite.rows import fetch, fetch_one


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


def _is_bot(connection: apsw.Connection, user_id: str) -> bool:
    """Whether a user is the user of a bot or a webhook."""
    return fetch_one(connection, "SELECT 1 FROM users WHERE id = ? AND bot_room_id IS NOT NULL", (user_id,)) is not None


def _set_role(
    connection: apsw.Connection, room_id: str, user_id: str, role: Role, *, actor: Actor, now_ms: int
) -> MembershipChange:
    room = require_room(connection, room_id)
    before = role_in(connection, room_id, user_id)
    change = role_change(
        room,
        actor,
        role_in(connection, room_id, actor.user_id),
        user_id=user_id,
        before=before,
        after=role,
        is_bot=_is_bot(connection, user_id),
        owner_role=None if room.owner_id is None else role_in(connection, room_id, room.owner_id),
    )
    if before is None or change is None:
        return _unchanged(connection, room, user_id)
    demoted = () if change.demoted_id is None else (change.demoted_id,)
    for owner_id in demoted:
        _write_role(connection, room_id, owner_id, Role.MODERATOR)
    if change.takes_over:
        connection.execute("UPDATE rooms SET owner_id = ? WHERE id = ?", (user_id, room_id))
    _write_role(connection, room_id, user_id, role)
    note = role_note(actor, user_id, before=before, after=role)
    return _changed(connection, room, user_id, note, now_ms=now_ms, demoted=demoted)


def _mute(
    connection: apsw.Connection, room_id: str, user_id: str, until_ms: int | None, *, actor: Actor, now_ms: int
) -> MembershipChange:
    room = require_room(connection, room_id)
    _require_authority(connection, room, actor, user_id)
    place = (room_id, user_id)
    (before_ms,) = fetch(connection, "SELECT muted_until FROM members WHERE room_id = ? AND user_id = ?", place)[0]
    until_ms = standing_mute(until_ms, now_ms=now_ms)
    if standing_mute(before_ms, now_ms=now_ms) == until_ms:
        return _unchanged(connection, room, user_id)
    connection.execute("UPDATE members SET muted_until = ? WHERE room_id = ? AND user_id = ?", (until_ms, *place))
    return _changed(connection, room, user_id, mute_note(actor, user_id, until_ms), now_ms=now_ms)


def _remove(connection: apsw.Connection, room_id: str, user_id: str, *, actor: Actor, now_ms: int) -> MembershipChange:
    room = require_room(connection, room_id)
    _require_authority(connection, room, actor, user_id)
    promoted = end_membership(connection, room_id, user_id) or ()
    return _changed(connection, room, user_id, removal_note(actor, user_id), now_ms=now_ms, promoted=promoted)


def _require_authority(connection: apsw.Connection, room: Room, actor: Actor, user_id: str) -> None:
    """As room_rules.require_authority_over_member. Raises Missing("user"), Refused."""
    require_authority_over_member(
        room,
        actor,
        role_in(connection, room.id, actor.user_id),
        target_role=role_in(connection, room.id, user_id),
    )


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
