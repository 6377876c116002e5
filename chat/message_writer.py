"""The write path of messages: gathers a room's drafts into one append, publishes the stored messages, answers authors.

One append of a room is in flight; the drafts that arrive during it are the next one, so no timer is needed. The store
commits appends, of many rooms at once where it can (docs/decisions/0020). From a commit's end to the last send there is
no task and no loop turn (docs/decisions/0040).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import takewhile
from typing import Protocol

from chat.errors import ChatError
from chat.message_authors import Accepted, Author
from chat.message_publisher import MessagePublisher
from chat.request_results.messages import PostedMessage
from common.before_wait import call_before_wait
from monitor.part_metrics import PartMetrics
from store.contract import Store
from store.errors import StoreError, StoreTimeout, StoreUnavailable
from store.models import AppendOutcome, MessageDraft

log = logging.getLogger(__name__)

MAX_BATCH = 500
DEADLINE_CHECKS = 8  # in one timeout: a draft fails at most an eighth of it too late


class Delivery(Protocol):
    """What delivers to the connections of this process, see chat/delivery/fan_out_to_connections.py."""

    def cork(self) -> None: ...

    def uncork(self) -> None: ...


class _RoomQueue:
    """The drafts of a room in order of arrival: those of the append in flight, and those that wait."""

    __slots__ = ("in_flight", "room_id", "waiting")

    def __init__(self, room_id: str) -> None:
        self.room_id = room_id
        self.in_flight: list[Accepted] = []
        self.waiting: deque[Accepted] = deque()


class MessageWriter:
    """Appends drafts, and publishes the stored messages.

    `max_waiting` bounds the unanswered drafts of all rooms; a draft waits at most `timeout_s`, and fails then with
    StoreTimeout if its append has begun, else with StoreUnavailable("stalled"). `on_uncertain(room id)` is called for a
    batch that failed and may have been stored.
    """

    def __init__(
        self,
        *,
        store: Store,
        publisher: MessagePublisher,
        delivery: Delivery,
        on_uncertain: Callable[[str], None] = lambda room_id: None,
        timeout_s: float,
        max_waiting: int = 10_000,
    ) -> None:
        self.max_waiting = max_waiting
        self._store = store
        self._publisher = publisher
        self._delivery = delivery
        self._on_uncertain = on_uncertain
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._queues: dict[str, _RoomQueue] = {}
        self._due: dict[str, _RoomQueue] = {}  # those whose next append begins before the loop waits
        self._waiting = 0
        self._timer: asyncio.TimerHandle | None = None
        self._idle: asyncio.Future[None] | None = None  # while `close` waits
        self._is_closed = False

    def post(self, room_id: str, draft: MessageDraft, author: Author, *, transport: str) -> None:
        """Queue a draft, whose outcome `author` gets, perhaps before this returns. Raises StoreUnavailable where too
        many wait, or where this is closed.
        """
        if self._is_closed:
            raise StoreUnavailable("closed")
        if self._waiting >= self.max_waiting:
            raise StoreUnavailable("stalled")
        queue = self._queues.get(room_id)
        if queue is None:
            queue = self._queues[room_id] = _RoomQueue(room_id)
        queue.waiting.append(Accepted(draft, author, transport, self._loop.time()))
        self._waiting += 1
        if self._timer is None:
            self._timer = self._loop.call_later(self._timeout_s / DEADLINE_CHECKS, self._check_deadlines)
        if not queue.in_flight:
            self._schedule_append(queue)

    @property
    def waiting(self) -> int:
        """How many drafts are not answered yet."""
        return self._waiting

    def metrics(self) -> PartMetrics:
        return PartMetrics(gauges={"store_queue": self.waiting, "store_queue_max": self.max_waiting})

    # ---- from the queue to the store -----------------------------------------------------------------------------

    def _schedule_append(self, queue: _RoomQueue) -> None:
        """Append what waits once the loop has nothing else to do: a room's messages that arrive together share it."""
        if not self._due:
            call_before_wait(self._loop, self._begin_appends)
        self._due[queue.room_id] = queue

    def _begin_appends(self) -> None:
        due, self._due = self._due, {}
        for queue in due.values():
            self._begin_append(queue)

    def _begin_append(self, queue: _RoomQueue) -> None:
        """Append what waits. If nothing does, the room's queue ends."""
        waiting = queue.waiting
        batch: list[Accepted] = []
        while waiting and len(batch) < MAX_BATCH:
            accepted = waiting.popleft()
            if accepted.is_answered:
                continue
            if accepted.author.is_gone:
                self._settle(accepted)
            else:
                batch.append(accepted)
        if not batch:
            del self._queues[queue.room_id]
            return
        queue.in_flight = batch
        drafts = [accepted.draft for accepted in batch]
        try:
            self._store.messages.append_then(queue.room_id, drafts, partial(self._on_appended, queue))
        except Exception as error:  # a defect, but for StoreUnavailable; other rooms are due behind this one
            self._loop.call_soon(self._on_appended, queue, None, error)

    def _on_appended(
        self, queue: _RoomQueue, outcomes: Sequence[AppendOutcome] | None, error: Exception | None
    ) -> None:
        if outcomes is None:
            assert error is not None
            if not isinstance(error, StoreError):
                log.error("a batch of room %s failed", queue.room_id, exc_info=error)
                error = ChatError("internal")
            self._fail(queue, error)
            return
        if self._is_closed:
            return
        self._delivery.cork()
        try:
            self._publish_and_answer(queue, outcomes)
        finally:
            self._delivery.uncork()

    def _fail(self, queue: _RoomQueue, error: Exception) -> None:
        """Answer a batch with an error. Where the store is away, those behind it fail too, or each would wait for a
        deadline of its own.
        """
        behind: list[Accepted] = []
        if isinstance(error, StoreTimeout | StoreUnavailable):
            self._on_uncertain(queue.room_id)
            behind = list(queue.waiting)
            queue.waiting.clear()
        answers: list[tuple[Accepted, PostedMessage | Exception]] = [(one, error) for one in queue.in_flight]
        self._answer(queue, answers + [(one, StoreUnavailable("stalled")) for one in behind])

    # ---- from the store to all who hear of it --------------------------------------------------------------------

    def _publish_and_answer(self, queue: _RoomQueue, outcomes: Sequence[AppendOutcome]) -> None:
        batch = queue.in_flight
        answers: Sequence[PostedMessage | Exception]
        try:
            answers = self._publisher.publish(queue.room_id, batch, outcomes)
        except Exception:  # a defect: what publishes raises nothing
            log.exception("a batch of room %s was stored and not published", queue.room_id)
            answers = [ChatError("internal")] * len(batch)
        self._answer(queue, list(zip(batch, answers, strict=True)))

    def _answer(self, queue: _RoomQueue, answers: Sequence[tuple[Accepted, PostedMessage | Exception]]) -> None:
        """Answer the authors, begin the room's next append, deliver, and let the authors go on."""
        answered: list[Accepted] = []
        for accepted, outcome in answers:
            if not accepted.is_answered:
                self._settle(accepted)
                _answer(accepted, outcome)
                answered.append(accepted)
        queue.in_flight = []
        if queue.waiting:
            self._schedule_append(queue)
        else:
            del self._queues[queue.room_id]
        self._delivery.uncork()
        for accepted in answered:
            _resume(accepted)

    def _settle(self, accepted: Accepted) -> None:
        accepted.is_answered = True
        self._waiting -= 1
        if not self._waiting and self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    # ---- deadlines and the end -----------------------------------------------------------------------------------

    def _check_deadlines(self) -> None:
        self._timer = None
        late_s = self._loop.time() - self._timeout_s
        for queue in list(self._queues.values()):
            late = list(takewhile(lambda one: one.accepted_s <= late_s, queue.in_flight))
            self._fail_each(late, StoreTimeout("stalled"))  # they may still be stored, and published
            late = []
            while queue.waiting and queue.waiting[0].accepted_s <= late_s:
                late.append(queue.waiting.popleft())
            self._fail_each(late, StoreUnavailable("stalled"))
        if self._waiting and self._timer is None:  # an author who went on may have set it
            self._timer = self._loop.call_later(self._timeout_s / DEADLINE_CHECKS, self._check_deadlines)

    def _fail_each(self, drafts: Iterable[Accepted], error: StoreError) -> None:
        for accepted in drafts:
            if not accepted.is_answered:
                self._settle(accepted)
                _answer(accepted, error)
                _resume(accepted)

    async def close(self, *, within_s: float = 5.0) -> None:
        """Wait up to `within_s` for the accepted drafts, then fail the rest: StoreUnavailable("closed")."""
        if self._waiting:
            self._idle = self._loop.create_future()
            await asyncio.wait([self._idle], timeout=within_s)
        self._is_closed = True
        for queue in list(self._queues.values()):
            self._fail_each((*queue.in_flight, *queue.waiting), StoreUnavailable("closed"))
            queue.waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _answer(accepted: Accepted, outcome: PostedMessage | Exception) -> None:
    try:
        accepted.author.answer(outcome)
    except Exception:  # a defect of the author; the others must have their answers, and the room its next append
        log.exception("the outcome of a message was not handled")


def _resume(accepted: Accepted) -> None:
    try:
        accepted.author.resume()
    except Exception:
        log.exception("the author of a message did not go on")
