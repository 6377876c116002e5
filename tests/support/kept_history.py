"""A history as an earlier process would have kept it, for tests of what needs hours of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from app.composition.monitoring import ALONE
from monitor.history_minute import MinutePoint
from monitor.observer import Observer
from store.sqlite import open_store


async def keep_history(data_dir: Path, metric: str, value: Callable[[float], float], *, hours: float) -> None:
    """Write a point for each minute of the last `hours` to the embedded store of `data_dir`, which no server may have
    open. `value` gets the hours before now, which are negative.
    """
    now_s = time.time()
    store = await open_store(
        data_dir,
        timeout_s=60,
        group_commit=True,
        observer=Observer(),
        now_ms=lambda: int(time.time() * 1000),
        slow_ms=60_000,
    )
    try:
        values = {int(now_s // 60) - ago: value(-ago / 60) for ago in range(int(hours * 60), 0, -1)}
        points = [MinutePoint(metric, minute, one, one, one, 1) for minute, one in values.items()]
        await store.monitoring.append(ALONE, points)
    finally:
        await store.close()
