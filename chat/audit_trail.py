"""What moderators read of what was done in their room."""

from __future__ import annotations

from chat.errors import cursor_of_listing
from chat.member_moderation import require_moderated_room
from chat.request_inputs.rooms import Listing
from chat.request_results.moderation import AuditPage
from store.contract import Store
from store.models import Actor


class AuditTrail:
    """The use case of the audit trail."""

    def __init__(self, *, store: Store) -> None:
        self._store = store

    async def page(self, actor: Actor, room_id: str, query: Listing) -> AuditPage:
        """A page of the room's audit trail, the newest first.

        Raises ChatError room_not_found, not_member, banned, validation_failed (the cursor); Refused, StoreError.
        """
        await require_moderated_room(self._store, actor, room_id)
        with cursor_of_listing():
            entries, cursor = await self._store.audit.page(room_id, limit=query.limit, after=query.cursor)
        return AuditPage(entries, cursor)
