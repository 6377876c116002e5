"""When pending messages are indexed: soon after the commit, some hundred at once, and before a search.

Lives on the event loop; what is indexed is pending_rows.py's. Knows no tables.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Sequence

import apsw

from store.errors import StoreError
from store.sqlite.database import Database
from store.sqlite.pending_rows import SLICE_ROWS, index_slice

INDEXED_AFTER_S = 5.0  # at most, where few come
SEARCH_WAITS_S = 1.0
CLOSE_WAITS_S = 2.0


class SearchIndexing:
    """Has pending messages indexed by the writer: when `rows` are, else `after_s` after the first, and for searches.

    Call its methods on one event loop. An attempt that fails is repeated after `after_s`, or with the next search.
    """

    def __init__(self, *, database: Database, rows: int = SLICE_ROWS, after_s: float = INDEXED_AFTER_S) -> None:
        self._database = database
        self._rows = rows
        self._after_s = after_s
        self._unindexed = 0  # messages appended since the newest slice was asked for
        self._slices = 0  # asked for and not done
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def appended(self, messages: int) -> None:
        """So many messages have been stored, or may have been, by a commit that has ended."""
        self._unindexed += messages
        if self._task is None and self._unindexed >= self._rows:
            self._start()
        elif self._timer is None:
            self._schedule()

    async def catch_up(self, within_s: float = SEARCH_WAITS_S) -> None:
        """Wait until what was appended before this call is indexed, `within_s` seconds at most."""
        if not self._unindexed and not self._slices:
            return
        try:
            async with asyncio.timeout(within_s):
                await self._index_all()
        except (TimeoutError, StoreError):
            self._schedule()  # and the caller goes on with what there is

    async def close(self) -> None:
        """Index what is pending, if it takes a moment only: else who opens the file next does it."""
        self._closed = True
        self._stop_timer()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.catch_up(CLOSE_WAITS_S)

    def _schedule(self) -> None:
        if self._timer is None and not self._closed:
            self._timer = asyncio.get_running_loop().call_later(self._after_s, self._start)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _start(self) -> None:
        self._stop_timer()
        if self._unindexed and self._task is None and not self._closed:
            # An empty context: whose message it is that starts it, their deadline is not that of the index.
            self._task = asyncio.get_running_loop().create_task(self._run(), context=contextvars.Context())

    async def _run(self) -> None:
        try:
            await self._index_all()
        except StoreError:
            pass  # the store has logged it
        finally:
            self._task = None
            if self._unindexed:
                self._schedule()

    async def _index_all(self) -> None:
        is_more = True
        while is_more:
            asked_for, self._unindexed = self._unindexed, 0
            self._slices += 1
            try:
                is_more = await self._database.write_batched("store.index", _index, None, size_bytes=0)
            except BaseException:
                self._unindexed += asked_for
                raise
            finally:
                self._slices -= 1
            if is_more:
                self._unindexed += 1


def _index(connection: apsw.Connection, requests: Sequence[None]) -> list[bool]:
    """One slice for all who ask at once."""
    return [index_slice(connection)] * len(requests)
