"""A thread that reads: takes what waits, runs it on its own connection, reports the outcomes. Knows no tables."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from queue import SimpleQueue
from typing import Any

import apsw
from msgspec import Struct

from store.errors import StoreTimeout, StoreUnavailable
from store.sqlite.connection import reason_of

# How often a running statement checks its deadline, in virtual machine steps: about 2 ms of work.
PROGRESS_STEPS = 100_000
REPORTED_MAX = 64  # outcomes at once, so that the loop's turn stays short
NO_SNAPSHOT = -1


class Read(Struct, eq=False):
    """One accepted read; `number` counts them. `deadline_s` is on time.monotonic, which is the loop's clock too."""

    number: int
    operation: Callable[[apsw.Connection], Any]
    future: asyncio.Future[Any]
    deadline_s: float


Outcome = tuple[Read, Any, Exception | None]


class ReadThread(threading.Thread):
    """Each True of `wakes` makes it run all reads of `waiting`, False also ends it; other threads do the same.

    `accepted()` is the number of the newest read. `report` is called with outcomes, and whether it sleeps now; it may
    raise RuntimeError, which ends the thread.
    """

    def __init__(
        self,
        *,
        connection: apsw.Connection,
        waiting: deque[Read],
        wakes: SimpleQueue[bool],
        accepted: Callable[[], int],
        report: Callable[[Sequence[Outcome], bool], None],
        name: str,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._connection = connection
        self._waiting = waiting
        self._wakes = wakes
        self._accepted = accepted
        self._report = report
        self._snapshot = (
            NO_SNAPSHOT  # the number of the newest read that was accepted before the open transaction began
        )
        self._deadline_s = math.inf
        self._outcomes: list[Outcome] = []
        connection.set_progress_handler(self._on_progress, PROGRESS_STEPS)

    def run(self) -> None:
        try:
            while self._wakes.get():
                self._run_waiting()
            self._run_waiting()
        except RuntimeError:
            pass  # the loop was closed before the pool
        finally:
            self._connection.close()

    def _run_waiting(self) -> None:
        while True:
            try:
                read = self._waiting.popleft()
            except IndexError:
                break
            outcome = self._outcome(read)  # which may replace the list
            self._outcomes.append(outcome)
            if len(self._outcomes) >= REPORTED_MAX:
                self._report_outcomes()
            del read, outcome
        self._end_snapshot()
        outcomes, self._outcomes = self._outcomes, []
        self._report(outcomes, True)

    def _report_outcomes(self) -> None:
        if self._outcomes:
            outcomes, self._outcomes = self._outcomes, []
            self._report(outcomes, False)

    def _outcome(self, read: Read) -> Outcome:
        if read.future.done():  # its caller does not wait any more
            return read, None, StoreTimeout("read")
        try:
            if read.number > self._snapshot:
                self._begin_snapshot()
            self._deadline_s = read.deadline_s
            return read, read.operation(self._connection), None
        except Exception as caught:
            self._end_snapshot()
            return read, None, _as_store_error(caught)
        finally:
            # SQLite counts steps for each statement over all its runs, so the handler may also be called at the end of
            # the transaction. If that was interrupted, its snapshot would block checkpoints.
            self._deadline_s = math.inf

    def _begin_snapshot(self) -> None:
        """Begin a transaction that all reads share that were accepted before it."""
        self._end_snapshot()
        newest = self._accepted()
        self._connection.execute("BEGIN")
        self._snapshot = newest

    def _end_snapshot(self) -> None:
        self._snapshot = NO_SNAPSHOT
        self._deadline_s = math.inf
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")  # nothing was written, and unlike COMMIT it cannot fail

    def _on_progress(self) -> bool:
        """A statement takes long: nothing that is finished waits for it. Returns whether it is past its deadline."""
        self._report_outcomes()
        return time.monotonic() > self._deadline_s


def _as_store_error(error: Exception) -> Exception:
    if isinstance(error, apsw.InterruptError):
        return StoreTimeout("read")
    reason = reason_of(error)
    return error if reason is None else StoreUnavailable(reason)
