"""Writes the minutes of the history to where they survive a restart: each once, in one batch per minute.

Knows neither store nor metric. No caller waits for it. Minutes that cannot be written stay in the history for a day and
are written with a later batch.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from common.task_shutdown import finish_or_cancel
from monitor.history import DAY_MINUTES, History
from monitor.history_minute import MinutePoint

BATCH_MINUTES = 30
FORGET_EVERY_S = 3600.0
FORGET_SLICES_MAX = 200
CLOSE_WITHIN_S = 2.0

log = logging.getLogger(__name__)

Append = Callable[[Sequence[MinutePoint]], Awaitable[object]]
# Removes a slice of the points before that minute; returns their number.
Forget = Callable[[int], Awaitable[int]]


class HistoryWriter:
    """`now` is the wall clock, in seconds. With `retention_days` 0 nothing is written, and all points are removed."""

    def __init__(
        self,
        *,
        history: History,
        append: Append,
        forget: Forget,
        retention_days: int,
        now: Callable[[], float],
        close_within_s: float = CLOSE_WITHIN_S,
    ) -> None:
        self._history = history
        self._append = append
        self._forget = forget
        self._retention_days = retention_days
        self._now = now
        self._close_within_s = close_within_s
        self._forgot_at_s: float | None = None
        self._is_failing = False
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def on_minute_over(self) -> None:
        """Start writing the minute that ended. Returns at once.

        While the last batch is still under way nothing is started: the next batch includes the minute.
        """
        if self._closed or self._task is not None:
            return
        if self._retention_days or self._forgot_at_s is None:
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def _work(self) -> None:
        try:
            await self._write(self._history.minutes_begun - 1)
            await self._forget_old()
        except Exception as error:
            if not self._is_failing:
                log.warning("the history is not kept: %s", error)
            self._is_failing = True
        else:
            if self._is_failing:
                log.info("the history is kept again")
            self._is_failing = False
        finally:
            self._task = None

    async def _write(self, until: int) -> None:
        """Write the minutes before this number.

        A minute that was written twice, because an answer was lost, still has the right least, mean and most.
        """
        history = self._history
        while self._retention_days and history.minutes_written < until:
            batch_until = min(history.minutes_written + BATCH_MINUTES, until)
            if points := history.minutes(history.minutes_written, batch_until):
                await self._append(points)
            history.mark_written(batch_until)

    async def _forget_old(self) -> None:
        now_s = self._now()
        if self._forgot_at_s is not None and 0 <= now_s - self._forgot_at_s < FORGET_EVERY_S:
            return
        # With no day to keep, the present minute is removed, too: another process may have written to it.
        before = int(now_s // 60) - self._retention_days * DAY_MINUTES + (not self._retention_days)
        for _ in range(FORGET_SLICES_MAX):
            if not await self._forget(before):
                break
        self._forgot_at_s = now_s

    async def settle(self) -> None:
        """Wait for the batch that is being written."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def close(self) -> None:
        """Write what is left, the unfinished minute included, within twice `close_within_s`. Idempotent."""
        if self._closed:
            return
        self._closed = True
        await finish_or_cancel(self._task, within_s=self._close_within_s)
        try:
            async with asyncio.timeout(self._close_within_s):
                await self._write(self._history.minutes_begun)
        except Exception as error:
            log.warning("the last of the history is not kept: %s", str(error) or "no answer")
