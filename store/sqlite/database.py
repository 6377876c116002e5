"""The file handle that all collections share: `write` by group commit, `read` and `search` on a snapshot.

Knows no tables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import apsw

from store.group_commit import GroupCommitWriter, OnSettled
from store.monotonic_clock import MonotonicClock
from store.sqlite.read_connections import ReaderPool
from store.store_inspection import PoolState

A = TypeVar("A")
R = TypeVar("R")


class Database:
    """The shared database handle. `clock` is for operations on the writer's thread, `clock.peek` for reads."""

    __slots__ = ("_readers", "_searchers", "_writer", "clock")

    def __init__(
        self,
        *,
        writer: GroupCommitWriter[apsw.Connection],
        readers: ReaderPool,
        searchers: ReaderPool,
        clock: MonotonicClock,
    ) -> None:
        self._writer = writer
        self._readers = readers
        self._searchers = searchers
        self.clock = clock

    @property
    def pending_writes(self) -> int:
        return self._writer.pending

    @property
    def pending_writes_max(self) -> int:
        return self._writer.pending_max

    @property
    def pool(self) -> PoolState:
        """The readers."""
        return self._readers.pool

    async def write(
        self, name: str, operation: Callable[[apsw.Connection], R], *, size_bytes: int = 0, guarded: bool = True
    ) -> R:
        """Run `operation` in a shared transaction. Returns once it is durable. See GroupCommitWriter.submit."""
        return await self._writer.submit(name, operation, size_bytes=size_bytes, guarded=guarded)

    async def write_batched(
        self,
        name: str,
        operation: Callable[[apsw.Connection, Sequence[A]], Sequence[R]],
        argument: A,
        *,
        size_bytes: int,
    ) -> R:
        """As `write`, in one call for all writes of the same `operation`. See GroupCommitWriter.submit_batched."""
        return await self._writer.submit_batched(name, operation, argument, size_bytes=size_bytes)

    def write_batched_then(
        self,
        name: str,
        operation: Callable[[apsw.Connection, Sequence[A]], Sequence[R]],
        argument: A,
        on_settled: OnSettled,
        *,
        size_bytes: int,
    ) -> None:
        """As `write_batched`, with a callback. See GroupCommitWriter.submit_batched_then."""
        self._writer.submit_batched_then(name, operation, argument, on_settled, size_bytes=size_bytes)

    async def read(self, name: str, operation: Callable[[apsw.Connection], R]) -> R:
        """Run `operation` on one snapshot, beside the writer. See ReaderPool.read."""
        return await self._readers.read(name, operation)

    async def search(self, name: str, operation: Callable[[apsw.Connection], R]) -> R:
        """As `read`, for what may take long: it has threads of its own, so that other reads never wait for it."""
        return await self._searchers.read(name, operation)

    async def close(self) -> None:
        """Wait for the accepted operations. Closes the readers first: the last connection to close empties the WAL."""
        await self._searchers.close()
        await self._readers.close()
        await self._writer.close()
