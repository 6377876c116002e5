"""A minute of one metric, as it is kept across restarts.

Owns the shape only: monitor makes them, a store keeps them.
"""

from __future__ import annotations

from msgspec import Struct


class MinutePoint(Struct, frozen=True):
    """What the samples of one minute were. `minute` is in minutes since the epoch; their mean is total / samples.

    With the total, and not the mean, two of one minute are joined by the least, the sum, the most: also by a store, in
    place.
    """

    metric: str
    minute: int
    least: float
    total: float
    most: float
    samples: int
