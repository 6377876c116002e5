"""The operation of the changes log that changes a room's settings."""

from __future__ import annotations

from common.rfc3339 import rfc3339
from store.audit_notes import settings_note
from store.models import Actor, RoomChange, RoomPatch
from store.mongo.database import Document
from store.mongo.documents import room_from
from store.mongo.members import role_in
from store.mongo.room_at_rev import ReadSet, RoomView
from store.room_rules import require_moderator
from store.room_settings import patched


class ChangeSettings:
    """The change of a room's settings by an actor."""

    def __init__(self, actor: Actor, patch: RoomPatch) -> None:
        self._actor = actor
        self._patch = patch
        self.read_set = ReadSet(members=(actor.user_id,))

    async def run(self, view: RoomView) -> RoomChange:
        """Raises Refused."""
        room = room_from(view.room)
        require_moderator(room, self._actor, role_in(view, self._actor.user_id))
        after = patched(room, self._patch, now=rfc3339(int(view.now)))
        if after == room:
            return RoomChange(room, False)
        settings: Document = {
            "name": after.name,
            "nameFolded": after.name.casefold(),
            "description": after.description,
            "isPrivate": after.is_private,
            "maxUsers": after.max_users,
            "slowModeS": after.slow_mode_s,
        }
        if (after.archived_at is None) != (room.archived_at is None):
            settings["archivedAt"] = None if after.archived_at is None else view.now
        view.record(settings=settings, is_settings=True, audit=settings_note(self._actor, room, after))
        return RoomChange(room_from(view.room), True)
