"""Formats and parses times as clients and logs have them (RFC 3339). Knows no clock."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated

import msgspec

_DAY_MS = 86_400_000
_Time = Annotated[datetime, msgspec.Meta(tz=True)]


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


def normalized(text: str) -> str:
    """A time in any form that RFC 3339 has, as `rfc3339` writes it. Raises ValueError, also for one past the year 9999
    in UTC.
    """
    try:
        return rfc3339(round(msgspec.convert(text, _Time).timestamp() * 1000))
    except msgspec.ValidationError as error:
        raise ValueError("takes an RFC 3339 time") from error
    except (ValueError, OverflowError) as error:
        raise ValueError("takes a time up to the year 9999") from error


@lru_cache(maxsize=64)
def _date(day: int) -> str:
    return datetime.fromtimestamp(day * (_DAY_MS // 1000), UTC).date().isoformat()
