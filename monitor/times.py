"""Times as clients read them. Knows no clock."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

_DAY_MS = 86_400_000


def rfc3339(epoch_s: float) -> str:
    """RFC 3339 in UTC with milliseconds, e.g. `2026-01-31T12:00:00.123Z`."""
    day, millis = divmod(round(epoch_s * 1000), _DAY_MS)
    seconds, millis = divmod(millis, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    # A day of history has 1,440 of these: a calendar date made for each would double what it costs.
    return f"{_date(day)}T{hours:02d}:{minutes:02d}:{seconds:02d}.{millis:03d}Z"


@lru_cache(maxsize=64)
def _date(day: int) -> str:
    return datetime.fromtimestamp(day * (_DAY_MS // 1000), UTC).date().isoformat()
