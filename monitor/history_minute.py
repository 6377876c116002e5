"""The aggregate of one metric over one minute, as a store keeps it across restarts. Owns the shape only."""

from __future__ import annotations

from msgspec import Struct


class MinutePoint(Struct, frozen=True):
    """The samples of one minute. `minute` is in minutes since the epoch; the mean is total / samples.

    It has the total instead of the mean, so that a store can merge two points of one minute in place: by minimum, sum
    and maximum.
    """

    metric: str
    minute: int
    least: float
    total: float
    most: float
    samples: int
