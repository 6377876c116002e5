"""What becomes of stored messages: each is encoded once, put into cached values, and sent to all processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from cache import message_page, room_totals
from cache.contract import Cache
from cache.keys_and_ttls import Keys
from chat.codec import Codec
from chat.errors import ChatError
from chat.events import Mention
from chat.message_authors import Accepted
from chat.request_results.messages import PostedMessage
from cluster.contract import Bus
from cluster.events import AllMentioned, RoomMessages, UserEvent
from cluster.topics import EVERYONE, room_topic, user_topic
from monitor.observer import Observer
from store.models import ROOM_MENTION, AppendOutcome, Message, Refusal, Stored, TooSoon

Answer = PostedMessage | ChatError


class MessagePublisher:
    """Publishes what an append has stored.

    `on_posted(room id, user id, whether by REST)` is called for each author of a batch, and `on_newest(room id, seq)`
    for each batch.
    """

    def __init__(
        self,
        *,
        cache: Cache,
        keys: Keys,
        bus: Bus,
        codec: Codec,
        on_posted: Callable[[str, str, bool], None],
        on_newest: Callable[[str, int], None],
        observer: Observer,
    ) -> None:
        self._cache = cache
        self._keys = keys
        self._bus = bus
        self._codec = codec
        self._on_posted = on_posted
        self._on_newest = on_newest
        self._observer = observer

    def publish(self, room_id: str, batch: Sequence[Accepted], outcomes: Sequence[AppendOutcome]) -> list[Answer]:
        """Publish the messages that `batch` has stored. Returns the answer to each of its authors, in order."""
        answers: list[Answer] = []
        fresh: list[Message] = []
        encoded: list[bytes] = []
        rest_authors: set[str] = set()
        by_rest = duplicates = duplicates_by_rest = 0
        for one, outcome in zip(batch, outcomes, strict=True):
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
        # Counted here and not at the answer: the author may have gone by then.
        self._observer.messages_stored(ws=len(fresh) - by_rest, rest=by_rest)
        if duplicates:
            self._observer.messages_duplicate(ws=duplicates - duplicates_by_rest, rest=duplicates_by_rest)
        if fresh:
            self._publish(room_id, fresh, encoded, batch[0].at_ms, rest_authors)
        return answers

    def _publish(
        self, room_id: str, fresh: list[Message], encoded: list[bytes], accepted_ms: float, rest_authors: set[str]
    ) -> None:
        keys = self._keys
        authors = {message.user_id for message in fresh}
        runs = consecutive(fresh, encoded)
        for first_seq, messages in runs:
            self._cache.update(keys.page(room_id), message_page.append(first_seq, messages))
        newest = max(fresh, key=lambda message: message.seq)
        self._cache.update(keys.stats(room_id), room_totals.advance(newest.seq, newest.created_at))
        for author in authors:
            self._on_posted(room_id, author, author in rest_authors)
        for first_seq, messages in runs:
            self._bus.publish(room_topic(room_id), RoomMessages(room_id, first_seq, messages, accepted_ms))
        self._on_newest(room_id, newest.seq)
        for message, payload in zip(fresh, encoded, strict=True):
            if message.mentions:
                self._publish_mentions(message, self._codec.event(Mention(payload)))

    def _publish_mentions(self, message: Message, event: bytes) -> None:
        """Tell who is mentioned, the author excepted; of a message that mentions all, nobody is told twice."""
        if ROOM_MENTION in message.mentions:
            self._bus.publish(EVERYONE, AllMentioned(message.room_id, event, message.user_id))
            return
        for user_id in message.mentions:
            if user_id != message.user_id:
                self._bus.publish(user_topic(user_id), UserEvent(user_id, event))


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
