"""Formats and parses times as clients and logs have them (RFC 3339). Knows no clock."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

_DAY_MS = 86_400_000


def rfc3339(epoch_ms: int) -> str:
    """Format milliseconds since the epoch in UTC, e.g. `2026-01-31T12:00:00.123Z`; such texts sort by time."""
    day, millis = divmod(epoch_ms, _DAY_MS)
    seconds, millis = divmod(millis, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    # A day of history has 1,440 of these: making a calendar date for each would double the cost
    return f"{_date(day)}T{hours:02d}:{minutes:02d}:{seconds:02d}.{millis:03d}Z"


def rfc3339_from_s(epoch_s: float) -> str:
    """Format seconds since the epoch, rounded to the nearest millisecond, as `rfc3339` does."""
    return rfc3339(round(epoch_s * 1000))


def epoch_ms_of(text: str) -> int:
    """Parse a text that `rfc3339` made to milliseconds since the epoch. Raises ValueError."""
    return round(datetime.fromisoformat(text).timestamp() * 1000)


@lru_cache(maxsize=64)
def _date(day: int) -> str:
    return datetime.fromtimestamp(day * (_DAY_MS // 1000), UTC).date().isoformat()
