"""The use cases that change messages: edit, delete, react; and the history of one message.

One batch of changes of a room is under way; those that arrive during it are the next, so no timer is needed. What a
batch wrote is published at once, in rev order: reactions that share an entry are one event.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct

from cache.contract import Cache
from cache.keys_and_ttls import Keys
from chat.codec import Codec
from chat.delivery.event_order import changed_event
from chat.errors import ChatError, as_refusal
from chat.outsiders import banned_are_told
from chat.request_results.messages import ChangedMessage, HistoryView
from cluster.contract import Bus
from cluster.events import RoomChanges
from cluster.topics import room_topic
from store.contract import Store
from store.errors import StoreTimeout, StoreUnavailable
from store.ids import place_of
from store.keyed_batcher import KeyedBatcher
from store.models import Actor, Change, MessageChange

log = logging.getLogger(__name__)

MAX_BATCH = 500


class _Write(Struct, frozen=True):
    """A change that somebody asks for."""

    run: Callable[[], Awaitable[MessageChange]]
    is_reaction: bool = False


class MessageChanges:
    """Changes messages and publishes what changed. Who may do it is decided by the store, in the write itself.

    `max_waiting` bounds the unsettled changes of all rooms; a change waits at most `timeout_s`.
    `on_uncertain(room id)` is called for a change that failed and may have been stored.
    """

    def __init__(
        self,
        *,
        store: Store,
        cache: Cache,
        keys: Keys,
        bus: Bus,
        codec: Codec,
        on_uncertain: Callable[[str], None] = lambda room_id: None,
        timeout_s: float,
        max_waiting: int = 10_000,
    ) -> None:
        self.max_waiting = max_waiting
        self._store = store
        self._messages = store.messages
        self._cache = cache
        self._keys = keys
        self._bus = bus
        self._codec = codec
        self._on_uncertain = on_uncertain
        self._batcher: KeyedBatcher[_Write, ChangedMessage] = KeyedBatcher(
            work=self._write, batch_max=MAX_BATCH, waiting_max=max_waiting, timeout_s=timeout_s
        )

    @property
    def waiting(self) -> int:
        """How many changes are not settled yet."""
        return self._batcher.waiting

    async def edit(self, actor: Actor, message_id: str, content: str) -> ChangedMessage:
        """Replace a message's content; its mentions stay.

        Raises ChatError message_not_found, not_member, banned, muted, forbidden, unavailable; StoreError.
        """
        return await self._change(
            actor, message_id, _Write(lambda: self._messages.edit(message_id, content, actor=actor))
        )

    async def delete(self, actor: Actor, message_id: str) -> ChangedMessage:
        """Leave a tombstone of a message.

        Raises ChatError message_not_found, not_member, banned, forbidden, unavailable; StoreError.
        """
        return await self._change(actor, message_id, _Write(lambda: self._messages.delete(message_id, actor=actor)))

    async def react(self, actor: Actor, message_id: str, emoji: str, *, on: bool) -> ChangedMessage:
        """Add (`on`) or remove the actor's reaction.

        Raises ChatError message_not_found, not_member, banned, muted, forbidden, conflict (too many kinds); StoreError.
        """
        write = _Write(lambda: self._messages.react(message_id, emoji, actor=actor, on=on), is_reaction=True)
        return await self._change(actor, message_id, write)

    async def history(self, actor: Actor, message_id: str) -> HistoryView:
        """Return the texts that a message had, the newest first.

        Raises ChatError message_not_found, not_member, banned, forbidden; StoreError.
        """
        async with banned_are_told(self._store, _room_of(message_id), actor.user_id):
            history = await self._messages.history(message_id, actor=actor)
        return HistoryView(history.message, history.replaced)

    async def close(self) -> None:
        """Wait up to 5 s for the accepted changes, then fail the rest."""
        await self._batcher.close(within_s=5)

    async def _change(self, actor: Actor, message_id: str, write: _Write) -> ChangedMessage:
        room_id = _room_of(message_id)
        async with banned_are_told(self._store, room_id, actor.user_id):
            return await self._batcher.submit(room_id, write)

    async def _write(self, room_id: str, writes: Sequence[_Write]) -> Sequence[ChangedMessage | Exception]:
        try:
            return await self._write_batch(room_id, writes)
        except Exception as error:
            log.exception("a batch of changes of room %s failed", room_id)
            raise ChatError("internal") from error

    async def _write_batch(self, room_id: str, writes: Sequence[_Write]) -> Sequence[ChangedMessage | Exception]:
        outcomes = await asyncio.gather(*(write.run() for write in writes), return_exceptions=True)
        encoded: dict[tuple[int, int], bytes] = {}  # by seq and rev: the entries of a batch are read by many
        events: dict[int, bytes | None] = {}
        answers: list[ChangedMessage | Exception] = []
        for write, outcome in zip(writes, outcomes, strict=True):
            if isinstance(outcome, BaseException):
                answers.append(_failed(room_id, outcome))
                continue
            message = outcome.message
            key = message.seq, message.rev
            if key not in encoded:
                encoded[key] = self._codec.encode(message)
            if outcome.changed and message.rev not in events:
                change = Change(message.rev, message, write.is_reaction)
                events[message.rev] = changed_event(change, encoded[key], codec=self._codec)
            answers.append(ChangedMessage(encoded[key]))
        is_uncertain = any(isinstance(outcome, StoreTimeout | StoreUnavailable) for outcome in outcomes)
        if is_uncertain:
            self._on_uncertain(room_id)
        if events or is_uncertain:
            await self._cache.invalidate(self._keys.page(room_id))
        if events:
            self._bus.publish(room_topic(room_id), RoomChanges(room_id, tuple(sorted(events.items()))))
        return answers


def _room_of(message_id: str) -> str:
    """Raises ChatError message_not_found."""
    place = place_of(message_id)
    if place is None:
        raise ChatError("message_not_found")
    return place[0]


def _failed(room_id: str, error: BaseException) -> Exception:
    """What the caller of a change that failed is told. A defect is logged; the others of the batch are not harmed."""
    if not isinstance(error, Exception):
        raise error
    if as_refusal(error) is not None:
        return error
    log.error("a change of a message of room %s failed", room_id, exc_info=error)
    return ChatError("internal")
