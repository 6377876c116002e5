"""Times as clients and logs read them (RFC 3339): written and read. Knows no clock."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

_DAY_MS = 86_400_000


def rfc3339(epoch_ms: int) -> str:
    """Milliseconds since the epoch in UTC, e.g. `2026-01-31T12:00:00.123Z`; these sort as text."""
    day, millis = divmod(epoch_ms, _DAY_MS)
    seconds, millis = divmod(millis, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    # A day of history has 1,440 of these: a calendar date made for each would double what it costs.
    return f"{_date(day)}T{hours:02d}:{minutes:02d}:{seconds:02d}.{millis:03d}Z"


def rfc3339_from_s(epoch_s: float) -> str:
    """Seconds since the epoch, rounded to the nearest millisecond, as `rfc3339` writes them."""
    return rfc3339(round(epoch_s * 1000))


def epoch_ms_of(text: str) -> int:
    """The milliseconds since the epoch that `rfc3339` made `text` of. Raises ValueError for what is no such text."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


@lru_cache(maxsize=64)
def _date(day: int) -> str:
    return datetime.fromtimestamp(day * (_DAY_MS // 1000), UTC).date().isoformat()
