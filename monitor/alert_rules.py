"""The rules of the alerts: which metric each one compares with which threshold, in one table. docs/operations.md says
what each one means and what to do.

The duration of a condition is counted in samples, which are `interval_s` apart. A rule waits for half an interval less:
the time of a sample varies by milliseconds, and an early one must not delay the alert by a whole interval. The second
bad sample at the latest raises an alert, so it is raised within three intervals of its cause.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from monitor.alert_thresholds import Thresholds
from monitor.alerts import CRITICAL, WARNING, Measure, Rule
from monitor.forecaster import HOURS_LEFT
from monitor.sample_values import Sample

# The cache is empty after a start, so all clients that reconnect cause misses. Measured: with 540 requests in the first
# second a quarter of the reads missed.
COLD_SAMPLES = 2
# A forecast is made once a minute, and one is not made for some minutes where the newest points are noisier.
FORECAST_CLEAR_S = 900.0


def rules(thresholds: Thresholds, *, interval_s: float) -> tuple[Rule, ...]:
    """Return all rules, for samples that come every `interval_s`."""

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

    memory, slow_query = thresholds.memory_percent, thresholds.slow_query_ms
    loop_lag, store_queue = thresholds.loop_lag_alert_ms, thresholds.store_queue_percent
    disk, errors = thresholds.disk_used_percent, thresholds.error_percent
    return (
        rule("cpu", WARNING, thresholds.cpu_percent, _newest("cpu")),
        rule("memory", CRITICAL, memory, _newest("memoryPercent"), clear=0.95 * memory),
        rule("connections", WARNING, thresholds.connections, _newest("connections")),
        # The first sample with a slow query raises this; another one within the next minute (at 5 s) prolongs it.
        rule("slow_query", WARNING, slow_query, _slowest, clear=slow_query, bad=1, good=12),
        # This and `errors` measure a window of samples, which takes the place of a duration.
        rule(
            "cache_misses",
            WARNING,
            thresholds.cache_miss_percent,
            _miss_percent(thresholds.cache_reads_min),
            bad=1,
            skipped=COLD_SAMPLES,
        ),
        rule("pool", CRITICAL, thresholds.pool_percent, _fullest_pool(thresholds.database_wait_ms)),
        rule("loop_lag", WARNING, loop_lag, _newest("loopLagMs"), clear=0.5 * loop_lag),
        rule("store_queue", CRITICAL, store_queue, _newest("storeQueuePercent"), clear=0.5 * store_queue),
        # The bus itself waits before it reports that events may be lost.
        rule("bus", CRITICAL, 1.0, _newest("busLost"), bad=1),
        rule("disk", CRITICAL, disk, _disk_used_percent(thresholds.disk_free_plenty_bytes), clear=disk - 1),
        rule("errors", CRITICAL, errors, _error_percent(thresholds.answers_min), clear=0.5 * errors, bad=1),
        Rule(
            name="forecast",
            severity=WARNING,
            threshold=thresholds.hours_left,
            clear=thresholds.hours_left / 0.9,
            for_s=0.5 * interval_s,
            clear_for_s=FORECAST_CLEAR_S,
            measure=_fewest_hours_left,
            is_low_bad=True,
            subject=_nearest_limit,
        ),
    )


def _newest(metric: str) -> Measure:
    return lambda window: window[-1].get(metric)


def _slowest(window: Sequence[Sample]) -> float | None:
    """The slowest store operation in ms; 0 where the sample has only the number of slow ones, and that is 0."""
    newest = window[-1]
    slowest = newest.get("slowestQueryMs")
    return 0.0 if slowest is None and newest.get("slowQueries") == 0 else slowest


def _miss_percent(reads_min: int) -> Measure:
    """Misses over the window; 0 with fewer reads than `reads_min`, so that an alert ends when the reads do."""

    def measure(window: Sequence[Sample]) -> float | None:
        if "cacheReads" not in window[-1]:
            return None
        reads, misses = _sum(window, "cacheReads"), _sum(window, "cacheMisses")
        return 100 * misses / reads if reads >= reads_min else 0.0

    return measure


def _error_percent(answers_min: int) -> Measure:
    """Failed answers to requests and commands over the window; 0 with fewer answers than `answers_min`."""

    def measure(window: Sequence[Sample]) -> float | None:
        if "answers" not in window[-1]:
            return None
        answers, failed = _sum(window, "answers"), _sum(window, "answersFailed")
        return 100 * failed / answers if answers >= answers_min else 0.0

    return measure


def _fullest_pool(database_wait_ms: float) -> Measure:
    """The fuller of two pools: places for WebSockets, and connections to the database.

    The latter count only while an operation waits for one, and its wait is at least `database_wait_ms` at p95.
    """

    def measure(window: Sequence[Sample]) -> float | None:
        newest = window[-1]
        places, connections = newest.get("poolPercent"), newest.get("databasePoolPercent")
        # Without an operation that ended there is no percentile: that counts as a long wait, too.
        is_felt = newest.get("databaseWaiting") and newest.get("databaseP95Ms", database_wait_ms) >= database_wait_ms
        if connections is not None and not is_felt:
            connections = 0.0
        known = [percent for percent in (places, connections) if percent is not None and isfinite(percent)]
        return max(known, default=None)

    return measure


def _disk_used_percent(free_plenty_bytes: float) -> Measure:
    """The used share of the disk; 0 while `free_plenty_bytes` are free."""

    def measure(window: Sequence[Sample]) -> float | None:
        newest = window[-1]
        free = newest.get("diskFreePercent")
        if free is None:
            return None
        return 0.0 if newest.get("diskFreeBytes", 0.0) >= free_plenty_bytes else 100 - free

    return measure


def _hours_left(window: Sequence[Sample]) -> dict[str, float]:
    """Return the hours until each limit whose forecast is known, by resource."""
    newest = window[-1]
    return {resource: newest[key] for resource, key in HOURS_LEFT.items() if key in newest}


def _fewest_hours_left(window: Sequence[Sample]) -> float | None:
    return min(_hours_left(window).values(), default=None)


def _nearest_limit(window: Sequence[Sample]) -> str | None:
    left = _hours_left(window)
    return min(left, key=left.__getitem__, default=None)


def _sum(window: Sequence[Sample], metric: str) -> float:
    return sum(value for sample in window if isfinite(value := sample.get(metric, 0.0)))
