"""Reads: a few threads, each with its own read-only connection, and a bounded queue before them. Knows no tables."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any, TypeVar

import apsw
from msgspec import Struct

from monitor.observer import Observer
from store.errors import StoreTimeout, StoreUnavailable, failure_of
from store.sqlite.connection import reason_of
from store.store_inspection import PoolState

logger = logging.getLogger(__name__)

R = TypeVar("R")

CALM_S = 60.0  # without a failed read, before reads are logged as working again
# How often a running statement checks its deadline, in virtual machine steps: about 2 ms of work.
PROGRESS_STEPS = 100_000


class _Read(Struct, eq=False):
    """One accepted read; `deadline_s` is on time.monotonic, which is the loop's clock too."""

    operation: Callable[[apsw.Connection], Any]
    future: asyncio.Future[Any]
    deadline_s: float


class ReaderPool:
    """Runs each read in one transaction, so on one snapshot. Call its methods on the loop that it was created on.

    Past `waiting_max` reads `read` raises StoreUnavailable("stalled"). A read past its deadline is interrupted.
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
        self._pending = 0
        self._closed = False
        self._reason: str | None = None  # why reads fail, lately
        self._failed_at_s = 0.0
        self._inbox: SimpleQueue[_Read | None] = SimpleQueue()
        self._threads = [
            threading.Thread(target=self._run, args=(connection,), name=f"{thread_name}-{number}", daemon=True)
            for number, connection in enumerate(connections, 1)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def pool(self) -> PoolState:
        busy = min(self._pending, len(self._threads))
        return PoolState(in_use=busy, waiting=self._pending - busy, limit=len(self._threads))

    async def read(self, name: str, operation: Callable[[apsw.Connection], R]) -> R:
        """Run `operation` on a snapshot. Raises StoreUnavailable, StoreTimeout, or the operation's error."""
        reason = "closed" if self._closed else self._failed()
        if reason is None and self._pending >= self._waiting_max:
            reason = "stalled"
        if reason is not None:
            self._observer.store_operation(name, 0.0, reason)
            raise StoreUnavailable(reason)
        started_s = time.monotonic()
        future: asyncio.Future[R] = self._loop.create_future()
        self._pending += 1
        self._inbox.put(_Read(operation, future, started_s + self._timeout_s))
        timer = self._loop.call_later(self._timeout_s, _expire, future)
        failure: str | None = None
        try:
            return await future
        except Exception as error:
            failure = failure_of(error)
            raise
        finally:
            timer.cancel()
            self._observer.store_operation(name, time.monotonic() - started_s, failure)

    async def close(self) -> None:
        """Finish the accepted reads and end the threads. Idempotent."""
        if not self._closed:
            self._closed = True
            for _ in self._threads:
                self._inbox.put(None)
        for thread in self._threads:
            await asyncio.to_thread(thread.join, self._timeout_s)

    def _settle(self, read: _Read, value: Any, error: Exception | None) -> None:
        self._pending -= 1
        if error is None:
            self._log_recovery()
        elif isinstance(error, StoreUnavailable):
            self._log_failure(error.reason)
        if read.future.done():
            return
        if error is None:
            read.future.set_result(value)
        else:
            read.future.set_exception(error)

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

    def _run(self, connection: apsw.Connection) -> None:
        snapshots = _Snapshots(connection)
        while (read := self._inbox.get()) is not None:
            value: Any = None
            error: Exception | None = StoreTimeout("read")  # its caller does not wait any more
            if not read.future.done():
                try:
                    value, error = snapshots.read(read.operation, read.deadline_s), None
                except Exception as caught:
                    error = _as_store_error(caught)
            try:
                self._loop.call_soon_threadsafe(self._settle, read, value, error)
            except RuntimeError:
                break  # the loop was closed before this pool
            del read, value, error
        connection.close()


class _Snapshots:
    """One connection's reads, each in its own transaction. For one thread."""

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self._deadline_s = math.inf
        connection.set_progress_handler(self._is_overdue, PROGRESS_STEPS)

    def _is_overdue(self) -> bool:
        return time.monotonic() > self._deadline_s

    def read(self, operation: Callable[[apsw.Connection], R], deadline_s: float) -> R:
        """Run `operation` in a transaction, which is always ended.

        Raises apsw.InterruptError past the deadline, and the operation's error.
        """
        connection = self._connection
        self._deadline_s = deadline_s
        try:
            connection.execute("BEGIN")
            return operation(connection)
        finally:
            # SQLite counts steps for each statement over all its runs, so the handler may also be called in a COMMIT.
            # An interrupted COMMIT would leave the transaction open, with a snapshot that blocks checkpoints.
            self._deadline_s = math.inf
            if connection.in_transaction:
                connection.execute("ROLLBACK")  # nothing was written, and unlike COMMIT it cannot fail


def _as_store_error(error: Exception) -> Exception:
    if isinstance(error, apsw.InterruptError):
        return StoreTimeout("read")
    reason = reason_of(error)
    return error if reason is None else StoreUnavailable(reason)


def _expire(future: asyncio.Future[Any]) -> None:
    if not future.done():
        future.set_exception(StoreTimeout("read"))
