"""The use case of threads: read the replies of one."""

from __future__ import annotations

from chat.messages import Messages
from chat.request_inputs.messages import ThreadPart
from chat.request_results.messages import ThreadView
from store.contract import Store
from store.ids import place_of


class Threads:
    """Reads threads for members of their rooms."""

    def __init__(self, *, store: Store, messages: Messages) -> None:
        self._store = store
        self._messages = messages

    async def page(self, message_id: str, user_id: str, query: ThreadPart) -> ThreadView:
        """Return replies of the thread that the message began or belongs to, above the seq `after`.

        Raises ChatError message_not_found, not_member, banned; StoreError.
        """
        message = await self._messages.get(message_id, user_id)
        place = place_of(message.thread_id or message.id)
        assert place is not None
        page = await self._store.messages.thread(*place, after=query.after, limit=query.limit)
        return ThreadView(page.messages, page.count, page.has_more)
