"""Changes of a room's settings: one transaction with the row and an entry in the changes log."""

from __future__ import annotations

import apsw

from common.rfc3339 import rfc3339
from store.audit_notes import settings_note
from store.models import Actor, RoomChange, RoomPatch
from store.room_rules import require_moderator
from store.room_settings import patched
from store.sqlite.audit import record_audit
from store.sqlite.changes import record
from store.sqlite.members import require_room, role_in

_UPDATE = """
UPDATE rooms SET name = ?2, name_folded = ?3, description = ?4, is_private = ?5, max_users = ?6, slow_mode_s = ?7,
archived_at = CASE WHEN ?8 THEN coalesce(archived_at, ?9) END WHERE id = ?1"""


def update_settings(
    connection: apsw.Connection, room_id: str, actor: Actor, patch: RoomPatch, now_ms: int
) -> RoomChange:
    """As store.contract.Rooms.update says, in the caller's transaction."""
    room = require_room(connection, room_id)
    require_moderator(room, actor, role_in(connection, room_id, actor.user_id))
    after = patched(room, patch, now=rfc3339(now_ms))
    if after == room:
        return RoomChange(room, False)
    connection.execute(
        _UPDATE,
        (room_id, after.name, after.name.casefold(), after.description, int(after.is_private), after.max_users,
         after.slow_mode_s, int(after.archived_at is not None), now_ms),
    )  # fmt: skip
    record(connection, room_id, rev=room.rev + 1, now_ms=now_ms, is_settings=True)
    record_audit(connection, room_id, settings_note(actor, room, after), now_ms=now_ms)
    return RoomChange(require_room(connection, room_id), True)
