"""The writer thread's side of SQLite: transactions, their failures, the check before an ack, checkpoints.

Knows no tables.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from store.errors import StoreUnavailable
from store.group_commit import BatchWrite, Outcome, Write
from store.sqlite.connection import reason_of

logger = logging.getLogger(__name__)

# A checkpoint every so many new WAL pages (4 KB each); past the second number it may wait a moment for readers.
CHECKPOINT_PAGES = 2000
CHECKPOINT_URGENT_PAGES = 16000
CHECKPOINT_WAIT_S = 0.1

Batch = Sequence[Write[apsw.Connection] | BatchWrite[apsw.Connection]]
_NOT_RUN = Outcome()


class _UnguardedWriteFailed(Exception):
    """An unguarded write failed on its own account: the batch must be run again with a savepoint around each."""


class Transactor:
    """Commits batches on one connection. For one thread after it was made.

    `failed` is read by other threads: "gone" once the files were replaced under us, which only reopening mends.
    """

    def __init__(
        self, *, path: Path, connection: apsw.Connection, queue_path: Path | None, busy_timeout_s: float
    ) -> None:
        self._connection = connection
        self._busy_timeout_s = busy_timeout_s
        self._file_identities = {name: _identity(name) for name in (str(path), f"{path}-wal")}
        # Committers of several processes starve each other in SQLite's own busy wait; with a flock they queue.
        self._queue = None if queue_path is None else os.open(queue_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._state: str | None = None
        self._wal_pages = 0
        self._checkpointed_pages = 0
        self._checkpoint_fails = False
        self.failed: str | None = None
        connection.set_wal_hook(self._on_commit)

    def transact(self, batch: Batch) -> Sequence[Outcome]:
        """Run the batch in one transaction; an outcome without error is durable."""
        if self.failed is not None:
            return _refused(batch, self.failed)
        try:
            with self._commit_turn():
                try:
                    outcomes = self._commit(batch, guard_all=False)
                except _UnguardedWriteFailed:
                    outcomes = self._commit(batch, guard_all=True)
        except apsw.Error as error:
            reason = reason_of(error)
            if reason is None:
                raise
            self._log_state(reason)
            return _refused(batch, reason)
        # In WAL mode SQLite goes on writing into files that were deleted or replaced, and says nothing.
        if any(_identity(name) != identity for name, identity in self._file_identities.items()):
            self.failed = "gone"
            # Closing would empty and remove the log by its name, which may be another database's by now.
            self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            self._log_state("gone")
            return _refused(batch, "gone")
        self._log_state(None)
        return outcomes

    def maintain(self) -> None:
        """Keep the WAL bounded: copy it into the file when it has grown, outside of anybody's commit."""
        if self.failed is not None or self._wal_pages - self._checkpointed_pages < CHECKPOINT_PAGES:
            return
        urgent = self._wal_pages >= CHECKPOINT_URGENT_PAGES
        try:
            if urgent:
                self._connection.set_busy_timeout(int(CHECKPOINT_WAIT_S * 1000))
            self._connection.wal_checkpoint(
                mode=apsw.SQLITE_CHECKPOINT_RESTART if urgent else apsw.SQLITE_CHECKPOINT_PASSIVE
            )
            self._checkpoint_fails = False
        except apsw.BusyError:
            pass  # readers or another process: the next growth tries again
        except apsw.Error as error:
            if not self._checkpoint_fails:
                logger.warning("store: checkpoint failed: %s", reason_of(error) or error)
            self._checkpoint_fails = True
        finally:
            if urgent:
                self._connection.set_busy_timeout(int(self._busy_timeout_s * 1000))
        self._checkpointed_pages = self._wal_pages

    def close(self) -> None:
        """Close the connection; as the last one it empties the WAL into the file."""
        if self._queue is not None:
            os.close(self._queue)
            self._queue = None
        try:
            self._connection.close()
        except apsw.Error as error:
            logger.warning("store: closing failed: %s", reason_of(error) or error)

    def _commit(self, batch: Batch, *, guard_all: bool) -> list[Outcome]:
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            outcomes = [self._run_guarded(write) for write in batch] if guard_all else self._run_batch(batch)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:  # an error left it open; FULL and IOERR may have rolled back by themselves
                connection.execute("ROLLBACK")
        return outcomes

    def _run_batch(self, batch: Batch) -> list[Outcome]:
        """Joined writes first, each kind in one call, then the others in their order."""
        outcomes = [_NOT_RUN] * len(batch)
        batched: dict[Callable[..., Any], list[tuple[int, Any]]] = {}
        for place, write in enumerate(batch):
            if isinstance(write, BatchWrite):
                batched.setdefault(write.operation, []).append((place, write.argument))
        for operation, arguments in batched.items():
            values = self._run_unguarded(operation, [argument for _, argument in arguments])
            for (place, _), value in zip(arguments, values, strict=True):
                outcomes[place] = Outcome(value)
        for place, write in enumerate(batch):
            if isinstance(write, Write):
                outcomes[place] = (
                    self._run_guarded(write) if write.guarded else Outcome(self._run_unguarded(write.operation))
                )
        return outcomes

    def _run_unguarded(self, operation: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return operation(self._connection, *arguments)
        except Exception as error:
            if reason_of(error) is not None:
                raise
            raise _UnguardedWriteFailed from error

    def _run_guarded(self, write: Write[apsw.Connection] | BatchWrite[apsw.Connection]) -> Outcome:
        connection = self._connection
        connection.execute("SAVEPOINT work")
        try:
            if isinstance(write, Write):
                outcome = Outcome(write.operation(connection))
            else:
                outcome = Outcome(write.operation(connection, [write.argument])[0])
        except Exception as error:
            if reason_of(error) is not None:
                raise
            connection.execute("ROLLBACK TO work")
            outcome = Outcome(error=error)
        connection.execute("RELEASE work")
        return outcome

    @contextmanager
    def _commit_turn(self) -> Iterator[None]:
        if self._queue is None:
            yield
            return
        fcntl.flock(self._queue, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(self._queue, fcntl.LOCK_UN)

    def _on_commit(self, _connection: apsw.Connection, _database: str, pages: int) -> int:
        if pages < self._wal_pages:  # the log was begun anew
            self._checkpointed_pages = 0
        self._wal_pages = pages
        return apsw.SQLITE_OK

    def _log_state(self, state: str | None) -> None:
        """One line at each change of state, not one a failure."""
        if state == self._state:
            return
        self._state = state
        if state is None:
            logger.warning("store: writes succeed again")
        else:
            logger.error("store: writes fail: %s", state)


def _refused(batch: Batch, reason: str) -> list[Outcome]:
    """An error of its own for each: an exception that several tasks raise would gather all their tracebacks."""
    return [Outcome(error=StoreUnavailable(reason)) for _ in batch]


def _identity(name: str) -> tuple[int, int] | None:
    try:
        status = os.stat(name)
    except OSError:
        return None
    return status.st_dev, status.st_ino
