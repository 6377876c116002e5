"""Group commit: batches the writes of an event loop and commits each batch on one thread.

Owns the thread, the bounded queue and the deadlines. Knows no SQL and no driver: a Transactor commits the batches. One
batch is in flight; the writes that arrive during it make the next one. So batches grow with the load, and a single
write waits for no timer and no loop turn. docs/decisions/0020 says what is gathered here and what before.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from msgspec import Struct

from common.before_wait import call_before_wait
from monitor.observer import Observer
from store.errors import StoreTimeout, StoreUnavailable, failure_of
from store.write_operations import BatchWrite, Outcome, Transactor, Write

logger = logging.getLogger(__name__)

A = TypeVar("A")
C = TypeVar("C")
R = TypeVar("R")

OnSettled = Callable[[Any, Exception | None], None]  # called with a write's result, or with its error


class _Pending(Struct, eq=False):
    """An accepted write. `accepted_s` is on the loop's clock, in seconds.

    Its outcome goes to `on_settled`, or to `future` where that is None.
    """

    name: str
    write: Write[Any] | BatchWrite[Any]
    size_bytes: int
    accepted_s: float
    future: asyncio.Future[Any] | None = None
    on_settled: OnSettled | None = None

    @property
    def is_over(self) -> bool:
        """Whether nobody waits any more: settled by its deadline, or cancelled."""
        return self.on_settled is None if self.future is None else self.future.done()

    def settle(self, value: Any, error: Exception | None) -> None:
        """Pass the outcome on. To be called once, while the write is not over."""
        if self.future is None:
            on_settled, self.on_settled = self.on_settled, None
            assert on_settled is not None
            on_settled(value, error)
        elif error is None:
            self.future.set_result(value)
        else:
            self.future.set_exception(error)


class GroupCommitWriter(Generic[C]):
    """Runs writes on one thread, in order, many in a commit. Call its methods on the loop that it was created on.

    The queue is bounded by count and bytes: past either, `submit` raises StoreUnavailable("stalled").
    `batch_max_operations` 1 turns grouping off.
    """

    def __init__(
        self,
        *,
        transactor: Transactor,
        observer: Observer,
        timeout_s: float,
        batch_max_operations: int = 256,
        batch_max_bytes: int = 4 * 1024 * 1024,
        pending_max_operations: int = 10_000,
        pending_max_bytes: int = 64 * 1024 * 1024,
    ) -> None:
        self._transactor = transactor
        self._observer = observer
        self._timeout_s = timeout_s
        self._batch_max_operations = batch_max_operations
        self._batch_max_bytes = batch_max_bytes
        self._pending_max_operations = pending_max_operations
        self._pending_max_bytes = pending_max_bytes
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[_Pending] = deque()
        self._in_flight: list[_Pending] = []
        self._pending_bytes = 0
        self._is_commit_scheduled = False
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()
        self._inbox: SimpleQueue[list[_Pending] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    @property
    def pending(self) -> int:
        """Writes accepted and not yet settled."""
        return len(self._in_flight) + len(self._waiting)

    @property
    def pending_max(self) -> int:
        """The largest number of pending writes; further ones are refused."""
        return self._pending_max_operations

    def submit(
        self, name: str, operation: Callable[[C], R], *, size_bytes: int = 0, guarded: bool = True
    ) -> asyncio.Future[R]:
        """Accept a write.

        Its future completes when the write is durable, or with StoreError, or with the operation's error.

        Raises StoreUnavailable at once if the queue is full ("stalled") or closed. Cancelling the future drops a
        waiting write and does not stop one whose batch has begun.
        """
        future: asyncio.Future[R] = self._loop.create_future()
        self._accept(_Pending(name, Write(operation, guarded), size_bytes, self._loop.time(), future))
        return future

    def submit_batched(
        self, name: str, operation: Callable[[C, Sequence[A]], Sequence[R]], argument: A, *, size_bytes: int = 0
    ) -> asyncio.Future[R]:
        """Accept a write that shares one call with all others of the same `operation`; otherwise as `submit`."""
        future: asyncio.Future[R] = self._loop.create_future()
        self._accept(_Pending(name, BatchWrite(operation, argument), size_bytes, self._loop.time(), future))
        return future

    def submit_batched_then(
        self,
        name: str,
        operation: Callable[[C, Sequence[A]], Sequence[R]],
        argument: A,
        on_settled: OnSettled,
        *,
        size_bytes: int = 0,
    ) -> None:
        """As `submit_batched`, but `on_settled(result, error)` is called in the loop turn in which the commit ends.

        Whoever awaits a future goes on one turn later, and each turn asks the kernel for events: in the ordinary case,
        one message at a time, the turns cost as much as the message (docs/decisions/0040).
        """
        write = BatchWrite(operation, argument)
        self._accept(_Pending(name, write, size_bytes, self._loop.time(), on_settled=on_settled))

    def _accept(self, pending: _Pending) -> None:
        if self._closed:
            raise StoreUnavailable("closed")
        size_bytes = pending.size_bytes
        if self.pending >= self._pending_max_operations or self._pending_bytes + size_bytes > self._pending_max_bytes:
            self._observer.store_operation(pending.name, 0.0, "stalled")
            raise StoreUnavailable("stalled")
        self._waiting.append(pending)
        self._pending_bytes += size_bytes
        self._idle.clear()
        if self._timer is None:
            self._timer = self._loop.call_at(pending.accepted_s + self._timeout_s, self._expire)
        if not self._in_flight:
            self._schedule_commit()

    async def close(self) -> None:
        """Wait for the accepted writes, at most `timeout_s`, then end the thread. Idempotent."""
        self._closed = True
        try:
            await asyncio.wait_for(self._idle.wait(), self._timeout_s)
        except TimeoutError:
            logger.warning("the store's writer did not finish in time; %d writes are in doubt", self.pending)
        self._inbox.put(None)
        await asyncio.to_thread(self._thread.join, self._timeout_s)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _schedule_commit(self) -> None:
        """Start a commit once the loop has nothing else to do: then it holds all that has arrived together, and its
        thread does not contend with the loop for the interpreter.
        """
        if not self._is_commit_scheduled:
            self._is_commit_scheduled = True
            call_before_wait(self._loop, self._start_commit)

    def _start_commit(self) -> None:
        self._is_commit_scheduled = False
        batch: list[_Pending] = []
        size_bytes = 0
        while self._waiting and len(batch) < self._batch_max_operations:
            if self._waiting[0].is_over:
                self._release(self._waiting.popleft())
                continue
            size_bytes += self._waiting[0].size_bytes
            if batch and size_bytes > self._batch_max_bytes:
                break
            batch.append(self._waiting.popleft())
        self._in_flight = batch
        if batch:
            self._inbox.put(batch)
        else:
            self._idle.set()

    def _settle(self, batch: list[_Pending], outcomes: Sequence[Outcome], seconds: float) -> None:
        ended: list[tuple[_Pending, Outcome]] = []
        for pending, outcome in zip(batch, outcomes, strict=True):
            self._release(pending)
            if not pending.is_over:
                ended.append((pending, outcome))
        self._in_flight = []
        for pending, outcome in ended:
            _pass_on(pending, outcome)
        self._schedule_commit()
        # After the outcomes are passed on, so that an observer that raises delays no write.
        if any(outcome.error is None for outcome in outcomes):
            self._observer.store_commit(len(batch), seconds)
        self._report([(pending, failure_of(outcome.error)) for pending, outcome in ended])

    def _report(self, ended: Sequence[tuple[_Pending, str | None]]) -> None:
        now_s = self._loop.time()
        for pending, failure in ended:
            self._observer.store_operation(pending.name, now_s - pending.accepted_s, failure)

    def _expire(self) -> None:
        """Fail the writes whose deadline has passed.

        One timer serves all, because they are in the order of their deadlines.
        """
        self._timer = None
        now_s = self._loop.time()
        late: list[tuple[_Pending, str | None]] = []
        for pending in (*self._in_flight, *self._waiting):
            if pending.is_over:
                continue
            if pending.accepted_s + self._timeout_s > now_s:
                self._timer = self._loop.call_at(pending.accepted_s + self._timeout_s, self._expire)
                break
            late.append((pending, "timeout"))
        for pending, _ in late:
            _pass_on(pending, Outcome(error=StoreTimeout(pending.name)))
        while self._waiting and self._waiting[0].is_over:
            self._release(self._waiting.popleft())
        self._report(late)

    def _release(self, pending: _Pending) -> None:
        self._pending_bytes -= pending.size_bytes

    def _run(self) -> None:
        """The thread: commits one batch after another until the inbox returns None."""
        is_logged = False
        while (batch := self._inbox.get()) is not None:
            started_s = time.perf_counter()
            try:
                outcomes = self._transactor.transact([pending.write for pending in batch])
            except Exception as error:  # a defect; it must not leave callers waiting
                logger.exception("a batch of writes failed unexpectedly")
                outcomes = [Outcome(error=error)] * len(batch)
            self._hand_back(batch, outcomes, time.perf_counter() - started_s)
            del batch, outcomes
            try:
                self._transactor.maintain()
                is_logged = False
            except Exception:  # a defect; no write depends on it
                if not is_logged:
                    logger.exception("housekeeping of the store failed unexpectedly")
                is_logged = True
        self._transactor.close()

    def _hand_back(self, batch: list[_Pending], outcomes: Sequence[Outcome], seconds: float) -> None:
        try:
            self._loop.call_soon_threadsafe(self._settle, batch, outcomes, seconds)
        except RuntimeError:  # the loop was closed before this writer, so no caller is left
            logger.warning("the event loop ended before %d writes were settled", len(batch))


def _pass_on(pending: _Pending, outcome: Outcome) -> None:
    if pending.is_over:  # ended by what was done with another outcome
        return
    try:
        pending.settle(outcome.value, outcome.error)
    except Exception:  # a defect of who waited; the others must have their outcomes
        logger.exception("an outcome of %s was not handled", pending.name)
