"""The transactions of the writer thread: commits, errors, the check of the files before an ack, checkpoints.

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
from store.sqlite.connection import reason_of
from store.write_operations import BatchWrite, Outcome, Write

logger = logging.getLogger(__name__)

# A checkpoint runs after CHECKPOINT_PAGES new WAL pages (4 KB each). Past CHECKPOINT_URGENT_PAGES it may wait
# CHECKPOINT_WAIT_S for readers.
CHECKPOINT_PAGES = 2000
CHECKPOINT_URGENT_PAGES = 16000
CHECKPOINT_WAIT_S = 0.1

Batch = Sequence[Write[apsw.Connection] | BatchWrite[apsw.Connection]]
_NOT_RUN = Outcome()


class _UnguardedWriteFailed(Exception):
    """An unguarded write failed by its own error: the batch must run again, with a savepoint around each write."""


class Transactor:
    """Commits batches on one connection. All methods are for one thread.

    Other threads may read `failed`: "gone" once the database files were removed or replaced. Only a restart helps then.
    """

    def __init__(
        self, *, path: Path, connection: apsw.Connection, queue_path: Path | None, busy_timeout_s: float
    ) -> None:
        self._connection = connection
        self._busy_timeout_s = busy_timeout_s
        self._file_identities = {name: _file_identity(name) for name in (str(path), f"{path}-wal")}
        # Committers of several processes starve each other in SQLite's busy wait: 0.8-1.7 s were measured. With a flock
        # they queue: 12 ms.
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
        # In WAL mode SQLite writes into deleted or replaced files without an error.
        if any(_file_identity(name) != identity for name, identity in self._file_identities.items()):
            self.failed = "gone"
            # Closing would checkpoint and remove the WAL by its name, which may belong to another database now.
            self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
            self._log_state("gone")
            return _refused(batch, "gone")
        self._log_state(None)
        return outcomes

    def maintain(self) -> None:
        """Checkpoint the WAL when it has grown, between commits, so that it stays bounded."""
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
            pass  # readers or another process are active; the next growth tries again
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
            if connection.in_transaction:  # after an error; FULL and IOERR may have rolled it back already
                connection.execute("ROLLBACK")
        return outcomes

    def _run_batch(self, batch: Batch) -> list[Outcome]:
        """Run the batch writes first, one call for each operation, then the others in order."""
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
        if pages < self._wal_pages:  # the WAL was restarted
            self._checkpointed_pages = 0
        self._wal_pages = pages
        return apsw.SQLITE_OK

    def _log_state(self, state: str | None) -> None:
        """Log one line at each change of state, not one for each failure."""
        if state == self._state:
            return
        self._state = state
        if state is None:
            logger.warning("store: writes succeed again")
        else:
            logger.error("store: writes fail: %s", state)


def _refused(batch: Batch, reason: str) -> list[Outcome]:
    """One error object for each write: an exception that several tasks raise collects all their tracebacks."""
    return [Outcome(error=StoreUnavailable(reason)) for _ in batch]


def _file_identity(name: str) -> tuple[int, int] | None:
    try:
        status = os.stat(name)
    except OSError:
        return None
    return status.st_dev, status.st_ino
