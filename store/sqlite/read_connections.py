"""Reads: a few threads, each with its own read-only connection, and a bounded queue before them. Knows no tables.

This is the side of the loop; what a thread does is in read_thread.py.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import TypeVar

import apsw

from common.before_wait import call_before_wait
from monitor.observer import Observer
from store.errors import StoreTimeout, StoreUnavailable, failure_of
from store.sqlite.read_thread import Outcome, Read, ReadThread
from store.store_inspection import PoolState

logger = logging.getLogger(__name__)

R = TypeVar("R")

HELP_AFTER_S = 0.002  # a thread that was woken for several reads is helped by another one
CALM_S = 60.0  # without a failed read, before reads are logged as working again


class ReaderPool:
    """Runs each read on one snapshot, taken after the read was asked for. Call its methods on the loop that it was
    created on.

    Past `waiting_max` reads `read` raises StoreUnavailable("stalled"). A read past its deadline is interrupted.

    A thread is woken once for the reads that came together, when the loop has nothing else to do, and reports the
    outcomes of all that wait together: each hand-over of the interpreter between the two costs some 100 µs of CPU
    (`make bench SCENARIO=rest`).
    """

    def __init__(
        self,
        *,
        connections: Sequence[apsw.Connection],
        observer: Observer,
        timeout_s: float,
        failed: Callable[[], str | None],
        waiting_max: int = 2000,
        thread_name: str = "store-reader",
    ) -> None:
        self._observer = observer
        self._timeout_s = timeout_s
        self._failed = failed
        self._waiting_max = waiting_max
        self._loop = asyncio.get_running_loop()
        self._accepted = 0
        self._unsettled: dict[int, Read] = {}  # by number, so in order of deadline
        self._timer: asyncio.TimerHandle | None = None
        self._closed = False
        self._reason: str | None = None  # why reads fail, lately
        self._failed_at_s = 0.0
        self._waiting: deque[Read] = deque()  # not begun; the threads take them
        self._wakes: SimpleQueue[bool] = SimpleQueue()  # True wakes a thread, False ends one
        self._awake = 0  # threads that were woken, and have not reported yet that nothing waits
        self._is_wake_due = False
        self._help_timer: asyncio.TimerHandle | None = None
        self._threads = [
            ReadThread(
                connection=connection,
                waiting=self._waiting,
                wakes=self._wakes,
                accepted=lambda: self._accepted,
                report=self._report,
                name=f"{thread_name}-{number}",
            )
            for number, connection in enumerate(connections, 1)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pool(self) -> PoolState:
        pending = len(self._unsettled)
        busy = min(pending, len(self._threads))
        return PoolState(in_use=busy, waiting=pending - busy, limit=len(self._threads))

    async def read(self, name: str, operation: Callable[[apsw.Connection], R]) -> R:
        """Run `operation` on a snapshot. Raises StoreUnavailable, StoreTimeout, or the operation's error."""
        reason = "closed" if self._closed else self._failed()
        if reason is None and len(self._unsettled) >= self._waiting_max:
            reason = "stalled"
        if reason is not None:
            self._observer.store_operation(name, 0.0, reason)
            raise StoreUnavailable(reason)
        started_s = time.monotonic()
        future: asyncio.Future[R] = self._loop.create_future()
        self._accept(Read(self._accepted + 1, operation, future, started_s + self._timeout_s))
        failure: str | None = None
        try:
            return await future
        except Exception as error:
            failure = failure_of(error)
            raise
        finally:
            self._observer.store_operation(name, time.monotonic() - started_s, failure)

    async def close(self) -> None:
        """Finish the accepted reads and end the threads. Idempotent."""
        if not self._closed:
            self._closed = True
            for _ in self._threads:
                self._wakes.put(False)
        for thread in self._threads:
            await asyncio.to_thread(thread.join, self._timeout_s)
        for timer in (self._timer, self._help_timer):
            if timer is not None:
                timer.cancel()

    # ---- waking the threads --------------------------------------------------------------------------------------

    def _accept(self, read: Read) -> None:
        self._accepted = read.number
        self._unsettled[read.number] = read
        self._waiting.append(read)
        if self._timer is None:
            self._timer = self._loop.call_at(read.deadline_s, self._expire)
        self._wake_soon()

    def _wake_soon(self) -> None:
        """Wake a thread once the loop has handled all that is ready; before, both would contend for the interpreter."""
        if self._waiting and not self._is_wake_due and self._awake < len(self._threads):
            self._is_wake_due = True
            call_before_wait(self._loop, self._wake)

    def _wake(self) -> None:
        self._is_wake_due = False
        waiting = len(self._waiting)
        if waiting and self._awake < len(self._threads):
            self._awake += 1
            self._wakes.put(True)
            if waiting > 1 and self._awake < len(self._threads) and self._help_timer is None:
                self._help_timer = self._loop.call_later(HELP_AFTER_S, self._help)

    def _help(self) -> None:
        """Wake another thread where reads still wait: the one that was woken for all may have a long one."""
        self._help_timer = None
        self._wake()

    def _expire(self) -> None:
        """Fail the reads whose deadline has passed. One timer serves all: a timer for each read would cost more."""
        self._timer = None
        now_s = self._loop.time()
        for read in self._unsettled.values():
            if read.deadline_s > now_s:
                self._timer = self._loop.call_at(read.deadline_s, self._expire)
                return
            if not read.future.done():
                read.future.set_exception(StoreTimeout("read"))
        if self._unsettled:  # all are overdue, and their threads still have them
            self._timer = self._loop.call_later(self._timeout_s, self._expire)

    # ---- outcomes ------------------------------------------------------------------------------------------------

    def _report(self, outcomes: Sequence[Outcome], is_asleep: bool) -> None:
        """Called on a thread. Raises RuntimeError where the loop was closed before this pool."""
        self._loop.call_soon_threadsafe(self._settle, outcomes, is_asleep)

    def _settle(self, outcomes: Sequence[Outcome], is_asleep: bool) -> None:
        for read, value, error in outcomes:
            del self._unsettled[read.number]
            if error is None:
                self._log_recovery()
            elif isinstance(error, StoreUnavailable):
                self._log_failure(error.reason)
            if read.future.done():
                continue
            if error is None:
                read.future.set_result(value)
            else:
                read.future.set_exception(error)
        if is_asleep:
            self._awake -= 1
        self._wake_soon()

    def _log_failure(self, reason: str) -> None:
        """Log one line at each change of state, not one for each failure."""
        self._failed_at_s = self._loop.time()
        if reason != self._reason:
            self._reason = reason
            logger.error("store: a read failed: %s", reason)

    def _log_recovery(self) -> None:
        """Log the end of failures after CALM_S: with one damaged page most reads succeed."""
        if self._reason is not None and self._loop.time() - self._failed_at_s >= CALM_S:
            self._reason = None
            logger.warning("store: reads succeed again")
