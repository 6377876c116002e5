"""Whether a quantity grew during a long run: the median of its last quarter beside that of its second.

The first quarter does not count, because caches fill then. Medians, because a single sample may have met a burst.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import msgspec

SAMPLES_MIN = 8  # two in each quarter


class Limit(msgspec.Struct, frozen=True):
    """How much more the last quarter may have: a share of the second quarter's value, and something besides."""

    name: str
    unit: str
    share_percent: float
    besides: float

    def growth(self, samples: Sequence[float]) -> Growth:
        """Raises ValueError for fewer than SAMPLES_MIN samples."""
        if len(samples) < SAMPLES_MIN:
            raise ValueError(f"{self.name}: {len(samples)} samples, and {SAMPLES_MIN} are needed")
        quarter = len(samples) // 4
        early = statistics.median(samples[quarter : 2 * quarter])
        late = statistics.median(samples[-quarter:])
        return Growth(self, early, late)


class Growth(msgspec.Struct, frozen=True):
    """The two medians, and what was allowed."""

    limit: Limit
    early: float
    late: float

    @property
    def allowed(self) -> float:
        return self.early * (1 + self.limit.share_percent / 100) + self.limit.besides

    @property
    def is_leak(self) -> bool:
        return self.late > self.allowed

    @property
    def verdict(self) -> str:
        return "GREW" if self.is_leak else "ok"
