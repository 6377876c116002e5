"""The use cases of reports: a member tells the moderators of a message."""

from __future__ import annotations

from chat.errors import ChatError, cursor_of_listing
from chat.member_moderation import require_moderated_room
from chat.messages import Messages
from chat.request_inputs.rooms import Listing
from chat.request_results.moderation import ReportPage
from store.contract import Store
from store.models import Actor
from store.room_rules import require_report_reader


class Reports:
    """Stores and lists reports."""

    def __init__(self, *, store: Store, messages: Messages) -> None:
        self._store = store
        self._messages = messages

    async def add(self, user_id: str, message_id: str, reason: str) -> None:
        """Report a message that the user may read; again, it changes nothing.

        Raises ChatError message_not_found (also of a deleted one), not_member, banned; Refused (conflict), StoreError.
        """
        message = await self._messages.get(message_id, user_id)
        if message.deleted_at is not None:
            raise ChatError("message_not_found")
        await self._store.reports.add(message, user_id, reason)

    async def page(self, actor: Actor, room_id: str, query: Listing) -> ReportPage:
        """A page of the room's reports, the newest first.

        Raises ChatError room_not_found, not_member, banned, validation_failed (the cursor); Refused, StoreError.
        """
        await require_moderated_room(self._store, actor, room_id, require=require_report_reader)
        with cursor_of_listing():
            reports, cursor = await self._store.reports.page(room_id, limit=query.limit, after=query.cursor)
        return ReportPage(reports, cursor)
