"""The write path of messages: what one room receives in a loop turn becomes one append, one publish, and an answer for each.

One batch in flight a room; what arrives meanwhile is the next. So it gathers by itself, with no timer.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

import msgspec

from cache.contract import Bus, Cache
from cache.events import RoomMessages, UserEvent
from cache.keys import Keys
from handlers.chat.errors import ChatError
from handlers.chat.protocol import encode, event
from handlers.chat.topics import room_topic, user_topic
from store.contract import Store
from store.errors import StoreError
from store.lanes import Lanes
from store.models import Message, MessageDraft, MessagePage, Refusal

log = logging.getLogger(__name__)

MAX_BATCH = 500
NEWEST_PAGE = 100  # messages kept in the cached newest page of a room: what one request may ask for


class Posted(NamedTuple):
    """A stored message, encoded, and whether an earlier send had stored it."""

    message: bytes
    duplicate: bool


class Posting:
    """Appends drafts. `max_waiting` bounds the drafts of all rooms that are not settled yet."""

    def __init__(
        self,
        *,
        store: Store,
        cache: Cache,
        keys: Keys,
        bus: Bus,
        posted: Callable[[str, str], None],
        max_waiting: int = 10_000,
    ) -> None:
        self._store = store
        self._cache = cache
        self._keys = keys
        self._bus = bus
        self._posted = posted  # told (room id, user id): who wrote is no longer typing
        self._lanes: Lanes[MessageDraft, Posted] = Lanes(
            work=self._write, batch_max=MAX_BATCH, waiting_max=max_waiting
        )

    def post(self, room_id: str, draft: MessageDraft) -> Awaitable[Posted]:
        """Queue a draft. Raises StoreUnavailable when too many wait; the awaitable raises ChatError or StoreError."""
        return self._lanes.submit(room_id, draft)

    @property
    def waiting(self) -> int:
        return self._lanes.waiting

    async def _write(self, room_id: str, drafts: Sequence[MessageDraft]) -> Sequence[Posted | Exception]:
        try:
            return await self._write_batch(room_id, drafts)
        except StoreError:
            raise
        except Exception as error:
            log.exception("a batch of room %s failed", room_id)
            raise ChatError("internal") from error

    async def _write_batch(self, room_id: str, drafts: Sequence[MessageDraft]) -> Sequence[Posted | Exception]:
        fresh: list[Message] = []
        encoded: list[bytes] = []
        answers: list[Posted | Exception] = []
        for outcome in await self._store.messages.append(room_id, drafts):
            if isinstance(outcome, Refusal):
                answers.append(ChatError(outcome.value))
                continue
            message = encode(outcome.message)
            if not outcome.duplicate:
                fresh.append(outcome.message)
                encoded.append(message)
            answers.append(Posted(message, outcome.duplicate))
        if fresh:
            await self._tell(room_id, fresh, encoded)
        return answers

    async def _tell(self, room_id: str, fresh: list[Message], encoded: list[bytes]) -> None:
        keys = self._keys
        authors = {message.user_id for message in fresh}
        mentioned = {user_id for message in fresh for user_id in message.mentions}
        await self._cache.update(keys.page(room_id), lambda page: extended(page, fresh))
        await self._cache.invalidate(
            keys.stats(room_id), *(keys.membership(room_id, user_id) for user_id in authors | mentioned)
        )
        for author in authors:
            self._posted(room_id, author)
        await self._bus.publish(room_topic(room_id), RoomMessages(room_id, fresh[0].seq, tuple(encoded)))
        for message, payload in zip(fresh, encoded, strict=True):
            for user_id in message.mentions:
                if user_id != message.user_id:
                    hint = UserEvent(user_id, event("mention", b'{"message":%s}' % payload))
                    await self._bus.publish(user_topic(user_id), hint)

    async def close(self) -> None:
        """Let what was accepted settle, for a short time, then give up on the rest."""
        await self._lanes.close(within_s=5)


def extended(page: MessagePage, fresh: list[Message]) -> MessagePage | None:
    """The newest page with what was just stored; None if they do not meet."""
    head = page.messages[-1].seq if page.messages else 0
    new = [message for message in fresh if message.seq > head]
    if not new:
        return page
    if new[0].seq != head + 1:
        return None
    messages = (*page.messages, *new)
    return msgspec.structs.replace(
        page, messages=messages[-NEWEST_PAGE:], has_more=page.has_more or len(messages) > NEWEST_PAGE
    )
