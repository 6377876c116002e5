"""The use cases of reports: a member tells the moderators of a message."""

from __future__ import annotations

from chat.errors import ChatError, invalid
from chat.messages import Messages
from chat.outsiders import banned_are_told
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

        Raises ChatError message_not_found (also of a deleted one), not_member; Refused (conflict), StoreError.
        """
        message = await self._messages.get(message_id, user_id)
        if message.deleted_at is not None:
            raise ChatError("message_not_found")
        await self._store.reports.add(message, user_id, reason)

    async def page(self, actor: Actor, room_id: str, query: Listing) -> ReportPage:
        """A page of the room's reports, the newest first. Raises ChatError room_not_found; Refused, StoreError."""
        standing = await self._store.rooms.get_for(room_id, actor.user_id)
        if standing is None:
            raise ChatError("room_not_found")
        role = None if standing.membership is None else standing.membership.role
        async with banned_are_told(self._store, room_id, actor.user_id):
            require_report_reader(standing.room, actor, role)
        try:
            reports, cursor = await self._store.reports.page(room_id, limit=query.limit, after=query.cursor)
        except ValueError as error:
            raise invalid(cursor="takes a nextCursor of this listing") from error
        return ReportPage(reports, cursor)
