"""The write path of messages: gathers a room's drafts into one append, publishes the stored messages, answers senders.

One append of a room is in flight; the drafts that arrive during it are the next one, so no timer is needed. The store
commits appends, of many rooms at once where it can (docs/decisions/0020).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct

from cache import message_page, room_totals
from cache.contract import Cache
from cache.keys_and_ttls import Keys
from chat.codec import Codec
from chat.errors import ChatError
from chat.events import Mention
from chat.request_results.messages import PostedMessage
from cluster.contract import Bus
from cluster.events import AllMentioned, RoomMessages, UserEvent
from cluster.topics import EVERYONE, room_topic, user_topic
from monitor.observer import Observer
from monitor.part_metrics import PartMetrics
from store.contract import Store
from store.errors import StoreError, StoreTimeout, StoreUnavailable
from store.keyed_batcher import KeyedBatcher
from store.models import ROOM_MENTION, Message, MessageDraft, Refusal, Stored, TooSoon

log = logging.getLogger(__name__)

MAX_BATCH = 500


class Accepted(Struct, frozen=True):
    """A draft with the time at which it was accepted and its transport.

    `at_ms` is in milliseconds of the wall clock, because the process that delivers the message compares it.
    """

    draft: MessageDraft
    at_ms: float
    transport: str


class MessageWriter:
    """Appends drafts, and publishes the stored messages.

    `max_waiting` bounds the unsettled drafts of all rooms; a draft waits at most `timeout_s`. `on_posted(room id, user
    id, whether by REST)` is called for each author of a batch, and `on_newest(room id, seq)` for each batch.
    `on_uncertain(room id)` is called for a batch that failed and may have been stored.
    """

    def __init__(
        self,
        *,
        store: Store,
        cache: Cache,
        keys: Keys,
        bus: Bus,
        codec: Codec,
        on_posted: Callable[[str, str, bool], None],
        on_newest: Callable[[str, int], None],
        on_uncertain: Callable[[str], None] = lambda room_id: None,
        observer: Observer,
        timeout_s: float,
        max_waiting: int = 10_000,
    ) -> None:
        self.max_waiting = max_waiting
        self._store = store
        self._cache = cache
        self._keys = keys
        self._bus = bus
        self._codec = codec
        self._observer = observer
        self._on_posted = on_posted
        self._on_newest = on_newest
        self._on_uncertain = on_uncertain
        self._batcher: KeyedBatcher[Accepted, PostedMessage] = KeyedBatcher(
            work=self._write, batch_max=MAX_BATCH, waiting_max=max_waiting, timeout_s=timeout_s
        )

    def post(self, room_id: str, draft: MessageDraft, *, transport: str = "ws") -> Awaitable[PostedMessage]:
        """Queue a draft. Raises StoreUnavailable when too many wait; the awaitable raises ChatError or StoreError."""
        return self._batcher.submit(room_id, Accepted(draft, time.time() * 1000, transport))

    @property
    def waiting(self) -> int:
        """How many drafts are not settled yet."""
        return self._batcher.waiting

    def metrics(self) -> PartMetrics:
        return PartMetrics(gauges={"store_queue": self.waiting, "store_queue_max": self.max_waiting})

    async def _write(self, room_id: str, accepted: Sequence[Accepted]) -> Sequence[PostedMessage | Exception]:
        try:
            return await self._write_batch(room_id, accepted)
        except (StoreTimeout, StoreUnavailable):
            self._on_uncertain(room_id)
            raise
        except StoreError:
            raise
        except Exception as error:
            log.exception("a batch of room %s failed", room_id)
            raise ChatError("internal") from error

    async def _write_batch(self, room_id: str, accepted: Sequence[Accepted]) -> Sequence[PostedMessage | Exception]:
        fresh: list[Message] = []
        encoded: list[bytes] = []
        rest_authors: set[str] = set()
        answers: list[PostedMessage | Exception] = []
        by_rest = duplicates = duplicates_by_rest = 0
        outcomes = await self._store.messages.append(room_id, [one.draft for one in accepted])
        for one, outcome in zip(accepted, outcomes, strict=True):
            if not isinstance(outcome, Stored):
                answers.append(_refusal(outcome))
                continue
            message = self._codec.encode(outcome.message)
            if outcome.duplicate:
                duplicates += 1
                duplicates_by_rest += one.transport == "rest"
            else:
                if one.transport == "rest":
                    by_rest += 1
                    rest_authors.add(outcome.message.user_id)
                fresh.append(outcome.message)
                encoded.append(message)
            answers.append(PostedMessage(message, outcome.duplicate))
        # Counted here and not at the answer: the sender may have gone by then.
        self._observer.messages_stored(ws=len(fresh) - by_rest, rest=by_rest)
        if duplicates:
            self._observer.messages_duplicate(ws=duplicates - duplicates_by_rest, rest=duplicates_by_rest)
        if fresh:
            await self._publish(room_id, fresh, encoded, accepted[0].at_ms, rest_authors)
        return answers

    async def _publish(
        self, room_id: str, fresh: list[Message], encoded: list[bytes], accepted_ms: float, rest_authors: set[str]
    ) -> None:
        keys = self._keys
        authors = {message.user_id for message in fresh}
        runs = consecutive(fresh, encoded)
        for first_seq, messages in runs:
            await self._cache.update(keys.page(room_id), message_page.append(first_seq, messages))
        newest = max(fresh, key=lambda message: message.seq)
        await self._cache.update(keys.stats(room_id), room_totals.advance(newest.seq, newest.created_at))
        for author in authors:
            self._on_posted(room_id, author, author in rest_authors)
        for first_seq, messages in runs:
            await self._bus.publish(room_topic(room_id), RoomMessages(room_id, first_seq, messages, accepted_ms))
        self._on_newest(room_id, newest.seq)
        for message, payload in zip(fresh, encoded, strict=True):
            if message.mentions:
                await self._publish_mentions(message, self._codec.event(Mention(payload)))

    async def _publish_mentions(self, message: Message, event: bytes) -> None:
        """Tell who is mentioned, the author excepted; of a message that mentions all, nobody is told twice."""
        if ROOM_MENTION in message.mentions:
            await self._bus.publish(EVERYONE, AllMentioned(message.room_id, event, message.user_id))
            return
        for user_id in message.mentions:
            if user_id != message.user_id:
                await self._bus.publish(user_topic(user_id), UserEvent(user_id, event))

    async def close(self) -> None:
        """Wait up to 5 s for the accepted drafts, then fail the rest."""
        await self._batcher.close(within_s=5)


def _refusal(outcome: Refusal | TooSoon) -> ChatError:
    if isinstance(outcome, TooSoon):
        return ChatError("rate_limited", "The room is in slow mode.", retry_after_s=outcome.retry_after_s)
    return ChatError(outcome.value)


def consecutive(messages: Sequence[Message], encoded: Sequence[bytes]) -> list[tuple[int, tuple[bytes, ...]]]:
    """Return the encoded messages as runs of consecutive seqs, since other processes may have written in between."""
    runs: list[tuple[int, list[bytes]]] = []
    following = None
    for message, payload in sorted(zip(messages, encoded, strict=True), key=lambda pair: pair[0].seq):
        if message.seq != following:
            runs.append((message.seq, []))
        runs[-1][1].append(payload)
        following = message.seq + 1
    return [(first_seq, tuple(payloads)) for first_seq, payloads in runs]
