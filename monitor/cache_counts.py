"""Counts cache reads by kind of key and outcome since the start. Bounded by the number of kinds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from monitor.observer import Observer

OUTCOMES = ("hit", "miss", "renewal", "stale_fill", "error")


class CacheCounts(Observer):
    """An Observer that counts cache reads only."""

    __slots__ = ("_counts", "_seconds")

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._seconds: defaultdict[str, float] = defaultdict(float)

    def cache_read(self, kind: str, outcome: str, seconds: float = 0.0) -> None:
        self._counts[kind, outcome] += 1
        self._seconds[kind] += seconds

    def reads(self) -> Iterable[tuple[str, str, int]]:
        """Return (kind, outcome, number of reads)."""
        return [(kind, outcome, count) for (kind, outcome), count in sorted(self._counts.items())]

    def seconds(self) -> Iterable[tuple[str, float]]:
        """Return (kind, total seconds of all reads)."""
        return sorted(self._seconds.items())

    def by_kind(self) -> dict[str, dict[str, object]]:
        """Return the counts as `by_kind` (below) does."""
        return by_kind(self._counts, self._seconds)

    def totals(self) -> tuple[int, int]:
        """Return the number of hits and misses, without renewals, and the number of misses."""
        hits, misses = (
            sum(count for (_, counted), count in self._counts.items() if counted == outcome)
            for outcome in ("hit", "miss")
        )
        return hits + misses, misses


def by_kind(counts: Mapping[tuple[str, str], float], seconds: Mapping[str, float]) -> dict[str, dict[str, object]]:
    """Return `{kind: {hits, misses, staleFills, errors, meanMs}}`; `meanMs` is the mean duration of a read.

    Here a renewal counts as a miss; in the hit rate of all kinds it does not count.
    """
    table: dict[str, dict[str, object]] = {}
    for kind in sorted({kind for kind, _ in counts}):
        hits, misses, renewals, stale_fills, errors = (counts.get((kind, outcome), 0) for outcome in OUTCOMES)
        misses += renewals
        asked = hits + misses + errors
        mean_ms = round(1000 * seconds.get(kind, 0.0) / asked, 4) if asked else None
        table[kind] = {"hits": hits, "misses": misses, "staleFills": stale_fills, "errors": errors, "meanMs": mean_ms}
    return table
