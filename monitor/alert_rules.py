"""Which alerts there are, of which metrics, with which thresholds: one table. docs/operations.md says what each one
means and what to do.

How long a thing must last is told in samples, `interval_s` apart. Half an interval less is waited for: samples come
when the loop has time for them, and one that is a millisecond early must not cost a whole interval. All is raised by
the second bad sample at the latest, so within three intervals of what happened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from monitor.alerts import CRITICAL, WARNING, Measure, Rule, Sample

READS_THAT_MEAN_SOMETHING = 100
# The cache is empty at the start, and all who come back miss: of 540 requests in the first second a quarter of the
# reads
COLD_SAMPLES = 2
ANSWERS_THAT_MEAN_SOMETHING = 50
LOOP_LAG_MS = 250.0
STORE_QUEUE_PERCENT = 50.0
DATABASE_WAIT_MS = 100.0  # at p95: a burst fills two readers for a few milliseconds, which nobody feels
DISK_USED_PERCENT = 95.0
DISK_FREE_PLENTY_BYTES = 20e9  # 5 % of a large disk is no reason to wake anybody
ERROR_PERCENT = 5.0


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Those that an operator sets."""

    cpu_percent: float
    memory_percent: float
    connections: float
    slow_query_ms: float
    cache_miss_percent: float
    pool_percent: float


def rules(thresholds: Thresholds, *, interval_s: float) -> tuple[Rule, ...]:
    """All rules, for samples that come each `interval_s`."""

    def rule(
        name: str,
        severity: str,
        threshold: float,
        measure: Measure,
        *,
        clear: float | None = None,
        bad: int = 2,
        good: int = 4,
        skipped: int = 0,
    ) -> Rule:
        """`bad` samples at or over the threshold raise it, `good` samples under 90 % of it (or `clear`) resolve it."""
        return Rule(
            name=name,
            severity=severity,
            threshold=threshold,
            clear=0.9 * threshold if clear is None else clear,
            for_s=max(0.0, (bad - 1.5) * interval_s),
            clear_for_s=max(0.0, (good - 1.5) * interval_s),
            measure=measure,
            skipped=skipped,
        )

    return (
        rule("cpu", WARNING, thresholds.cpu_percent, _newest("cpu")),
        rule(
            "memory",
            CRITICAL,
            thresholds.memory_percent,
            _newest("memoryPercent"),
            clear=0.95 * thresholds.memory_percent,
        ),
        rule("connections", WARNING, thresholds.connections, _newest("connections")),
        # One slow query is one, so the first sample that has it raises this; another within the next minute (at 5 s)
        # prolongs it.
        rule("slow_query", WARNING, thresholds.slow_query_ms, _slowest, clear=thresholds.slow_query_ms, bad=1, good=12),
        # This and `errors` look at a window of samples, which is their for-duration.
        rule("cache_misses", WARNING, thresholds.cache_miss_percent, _miss_percent, bad=1, skipped=COLD_SAMPLES),
        rule("pool", CRITICAL, thresholds.pool_percent, _fullest_pool),
        rule("loop_lag", WARNING, LOOP_LAG_MS, _newest("loopLagMs"), clear=0.5 * LOOP_LAG_MS),
        rule(
            "store_queue", CRITICAL, STORE_QUEUE_PERCENT, _newest("storeQueuePercent"), clear=0.5 * STORE_QUEUE_PERCENT
        ),
        # The bus has waited itself before it says that it is lost.
        rule("bus", CRITICAL, 1.0, _newest("busLost"), bad=1),
        rule("disk", CRITICAL, DISK_USED_PERCENT, _disk_used_percent, clear=DISK_USED_PERCENT - 1),
        rule("errors", CRITICAL, ERROR_PERCENT, _error_percent, clear=0.5 * ERROR_PERCENT, bad=1),
    )


def _newest(metric: str) -> Measure:
    return lambda window: window[-1].get(metric)


def _slowest(window: Sequence[Sample]) -> float | None:
    """Where only the number of slow queries is told, none is as good as a quick one."""
    newest = window[-1]
    slowest = newest.get("slowestQueryMs")
    return 0.0 if slowest is None and newest.get("slowQueries") == 0 else slowest


def _miss_percent(window: Sequence[Sample]) -> float | None:
    """Over the window; 0 where too few reads say anything, which also ends an alert that nobody can feel any more."""
    if "cacheReads" not in window[-1]:
        return None
    reads, misses = _sum(window, "cacheReads"), _sum(window, "cacheMisses")
    return 100 * misses / reads if reads >= READS_THAT_MEAN_SOMETHING else 0.0


def _error_percent(window: Sequence[Sample]) -> float | None:
    """As _miss_percent, of requests and commands that were answered."""
    if "answers" not in window[-1]:
        return None
    answers, failed = _sum(window, "answers"), _sum(window, "answersFailed")
    return 100 * failed / answers if answers >= ANSWERS_THAT_MEAN_SOMETHING else 0.0


def _fullest_pool(window: Sequence[Sample]) -> float | None:
    """WebSockets' places, or the database's connections:
    those only count while somebody waits for one, and that long.
    """
    newest = window[-1]
    places, connections = newest.get("poolPercent"), newest.get("databasePoolPercent")
    # Where no operation ended at all there is no percentile: that is long, too.
    is_felt = newest.get("databaseWaiting") and newest.get("databaseP95Ms", DATABASE_WAIT_MS) >= DATABASE_WAIT_MS
    if connections is not None and not is_felt:
        connections = 0.0
    known = [percent for percent in (places, connections) if percent is not None and isfinite(percent)]
    return max(known, default=None)


def _disk_used_percent(window: Sequence[Sample]) -> float | None:
    newest = window[-1]
    free = newest.get("diskFreePercent")
    if free is None:
        return None
    return 0.0 if newest.get("diskFreeBytes", 0.0) >= DISK_FREE_PLENTY_BYTES else 100 - free


def _sum(window: Sequence[Sample], metric: str) -> float:
    return sum(value for sample in window if isfinite(value := sample.get(metric, 0.0)))
