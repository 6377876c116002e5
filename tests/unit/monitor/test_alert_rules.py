"""Each alert: which samples raise it, and which resolve it. tests/integration causes the real conditions."""

from __future__ import annotations

from math import inf

import pytest

from monitor.alert_rules import COLD_SAMPLES, FORECAST_CLEAR_S, rules
from monitor.alerts import RAISED, RESOLVED, WINDOW_SAMPLES, Alerts
from monitor.sample_values import Sample
from tests.support.thresholds import THRESHOLDS

INTERVAL_S = 5.0
START_S = 1_800_000_000.0
WELL: Sample = {
    "cpu": 20.0,
    "memoryPercent": 30.0,
    "connections": 100.0,
    "slowQueries": 0.0,
    "slowestQueryMs": 5.0,
    "cacheReads": 200.0,
    "cacheMisses": 4.0,
    "poolPercent": 1.0,
    "databasePoolPercent": 10.0,
    "databaseWaiting": 0.0,
    "loopLagMs": 1.0,
    "storeQueuePercent": 0.0,
    "busLost": 0.0,
    "diskFreePercent": 60.0,
    "diskFreeBytes": 9e9,
    "answers": 100.0,
    "answersFailed": 0.0,
    "memoryHoursLeft": 40.0,
    "diskHoursLeft": inf,
}
BAD: dict[str, tuple[str, Sample]] = {
    "cpu": ("warning", {"cpu": 80.0}),
    "memory": ("critical", {"memoryPercent": 85.0}),
    "connections": ("warning", {"connections": 5000.0}),
    "slow_query": ("warning", {"slowQueries": 1.0, "slowestQueryMs": 1000.0}),
    "cache_misses": ("warning", {"cacheMisses": 180.0}),
    "pool": ("critical", {"poolPercent": 90.0}),
    "loop_lag": ("warning", {"loopLagMs": 250.0}),
    "store_queue": ("critical", {"storeQueuePercent": 50.0}),
    "bus": ("critical", {"busLost": 1.0}),
    "disk": ("critical", {"diskFreePercent": 4.0}),
    "errors": ("critical", {"answersFailed": 30.0}),
    "forecast": ("warning", {"memoryHoursLeft": 24.0}),
}


class SampledAlerts:
    """Alerts, and samples one interval apart, each a little early or late."""

    def __init__(self) -> None:
        self.alerts = Alerts(rules=rules(THRESHOLDS, interval_s=INTERVAL_S))
        self._samples = 0
        for _ in range(COLD_SAMPLES):
            assert self.feed() == []

    def feed(self, **changes: float) -> list[tuple[str, str]]:
        """Evaluate one sample, healthy except for `changes`; returns the events with the alerts' names."""
        jitter_s = (0.0, 0.2, -0.2, 0.1, -0.1)[self._samples % 5]
        at_s = START_S + self._samples * INTERVAL_S + jitter_s
        self._samples += 1
        return [(event.event, event.alert.name) for event in self.alerts.evaluate(at_s, {**WELL, **changes})]

    def until(self, wanted: tuple[str, str], within: int, **changes: float) -> int:
        """Evaluate samples until the first event, which must be `wanted`; returns how many it took."""
        for count in range(1, within + 1):
            if events := self.feed(**changes):
                assert events == [wanted]
                return count
        raise AssertionError(f"{wanted} did not come within {within} samples")


def test_the_names_are_the_contracts() -> None:
    names = [rule.name for rule in rules(THRESHOLDS, interval_s=INTERVAL_S)]
    assert sorted(names) == sorted(BAD)
    assert len(set(names)) == len(names) == 12


@pytest.mark.parametrize("name", BAD)
def test_it_is_raised_by_the_second_bad_sample_at_the_latest_and_resolved_once_all_is_well(name: str) -> None:
    severity, bad = BAD[name]
    watched = SampledAlerts()
    for _ in range(20):
        assert watched.feed() == []
    assert watched.until((RAISED, name), 2, **bad) <= 2
    (alert,) = watched.alerts.active
    assert (alert.name, alert.severity) == (name, severity)
    for _ in range(20):
        assert watched.feed(**bad) == []
    within = int(FORECAST_CLEAR_S / INTERVAL_S) + 2 if name == "forecast" else 12
    assert watched.until((RESOLVED, name), within) >= 4
    for _ in range(20):
        assert watched.feed() == []


@pytest.mark.parametrize("name", [name for name in BAD if name not in ("slow_query", "bus", "cache_misses", "errors")])
def test_one_bad_sample_is_no_alert(name: str) -> None:
    watched = SampledAlerts()
    for _ in range(5):
        assert watched.feed(**BAD[name][1]) == []
        assert watched.feed() == []


@pytest.mark.parametrize("name", BAD)
def test_one_that_comes_and_goes_stays_raised(name: str) -> None:
    watched = SampledAlerts()
    bad = BAD[name][1]
    watched.until((RAISED, name), 2, **bad)
    for _ in range(30):
        for changes in ({}, {}, bad):
            assert watched.feed(**changes) == []


@pytest.mark.parametrize("interval_s", [0.1, 1.0, 5.0, 60.0])
def test_each_is_raised_within_three_intervals(interval_s: float) -> None:
    for rule in rules(THRESHOLDS, interval_s=interval_s):
        # The first bad sample comes an interval after the thing at the latest, the one that raises it a whole interval
        # after for_s.
        assert interval_s + rule.for_s + interval_s <= 3 * interval_s
        assert rule.is_good(rule.clear + 0.001) == rule.is_low_bad
        assert rule.is_good(rule.clear - 0.001) != rule.is_low_bad
        assert not rule.is_good(rule.threshold)
        assert rule.clear_for_s >= 2 * interval_s


def test_misses_of_few_reads_say_nothing_and_the_window_adds_them_up() -> None:
    watched = SampledAlerts()
    for _ in range(10):
        assert watched.feed(cacheReads=16.0, cacheMisses=16.0) == []  # 96 in a window
    assert (RAISED, "cache_misses") in [
        event for _ in range(2) for event in watched.feed(cacheReads=20.0, cacheMisses=20.0)
    ]
    assert watched.until((RESOLVED, "cache_misses"), 12, cacheReads=1.0, cacheMisses=1.0) >= 4


def test_misses_of_the_first_samples_are_of_a_cold_cache() -> None:
    alerts = Alerts(rules=rules(THRESHOLDS, interval_s=INTERVAL_S))
    cold = {**WELL, "cacheReads": 5000.0, "cacheMisses": 4000.0}
    for n in range(20):
        assert alerts.evaluate(START_S + n * INTERVAL_S, cold if n < COLD_SAMPLES else WELL) == []
    assert [event.alert.name for event in alerts.evaluate(START_S + 20 * INTERVAL_S, cold)] == ["cache_misses"]


def test_failures_of_few_answers_say_nothing() -> None:
    watched = SampledAlerts()
    for _ in range(WINDOW_SAMPLES):
        assert watched.feed(answers=8.0) == []
    for _ in range(10):
        assert watched.feed(answers=8.0, answersFailed=8.0) == []  # 48 in a window
    assert watched.until((RAISED, "errors"), 2, answers=20.0, answersFailed=20.0) <= 2


def test_a_full_database_pool_is_an_alert_only_while_somebody_waits() -> None:
    watched = SampledAlerts()
    for _ in range(5):
        assert watched.feed(databasePoolPercent=100.0) == []
    assert watched.until((RAISED, "pool"), 2, databasePoolPercent=100.0, databaseWaiting=3.0) == 2
    assert watched.until((RESOLVED, "pool"), 6, databasePoolPercent=100.0) == 4


def test_a_burst_that_fills_the_database_pool_for_some_milliseconds_is_none() -> None:
    watched = SampledAlerts()
    for _ in range(5):
        assert watched.feed(databasePoolPercent=100.0, databaseWaiting=30.0, databaseP95Ms=12.0) == []
    assert watched.until((RAISED, "pool"), 2, databasePoolPercent=100.0, databaseWaiting=30.0, databaseP95Ms=120.0) == 2


def test_the_fuller_pool_is_the_one_that_is_told() -> None:
    watched = SampledAlerts()
    watched.until((RAISED, "pool"), 2, databasePoolPercent=95.0, databaseWaiting=1.0, poolPercent=97.0)
    assert watched.alerts.active[0].value == 97.0


def test_little_of_a_large_disk_is_plenty() -> None:
    watched = SampledAlerts()
    for _ in range(5):
        assert watched.feed(diskFreePercent=2.0, diskFreeBytes=50e9) == []
    assert watched.until((RAISED, "disk"), 2, diskFreePercent=2.0, diskFreeBytes=19e9) == 2
    assert watched.alerts.active[0].value == 98.0


def test_the_nearest_limit_is_the_one_that_is_told_and_one_that_is_out_of_sight_is_not_shown() -> None:
    watched = SampledAlerts()
    bad = {"memoryHoursLeft": 20.0, "diskHoursLeft": 7.5, "connectionsHoursLeft": inf}
    watched.until((RAISED, "forecast"), 2, **bad)
    (alert,) = watched.alerts.active
    assert (alert.value, alert.threshold, alert.subject) == (7.5, 24, "disk")
    assert watched.feed(memoryHoursLeft=3.0) == []
    assert [(alert.value, alert.subject) for alert in watched.alerts.active] == [(3.0, "memory")]
    assert watched.feed(memoryHoursLeft=inf) == []
    assert [(alert.value, alert.subject) for alert in watched.alerts.active] == [(3.0, "memory")]
    assert watched.feed(memoryHoursLeft=25.0) == []
    within = int(FORECAST_CLEAR_S / INTERVAL_S) + 2
    assert watched.until((RESOLVED, "forecast"), within, memoryHoursLeft=27.0) == within - 1
    assert [(alert.value, alert.subject) for alert in watched.alerts.shown().history] == [(3.0, "memory")]


def test_a_sample_that_tells_nothing_raises_and_resolves_nothing() -> None:
    alerts = Alerts(rules=rules(THRESHOLDS, interval_s=INTERVAL_S))
    for n in range(10):
        assert alerts.evaluate(START_S + n * INTERVAL_S, {}) == []
    for n in range(10, 12):
        alerts.evaluate(START_S + n * INTERVAL_S, {**WELL, "cpu": 99.0})
    for n in range(12, 60):
        assert alerts.evaluate(START_S + n * INTERVAL_S, {}) == []
    assert [alert.name for alert in alerts.active] == ["cpu"]


def test_no_slow_query_at_all_is_well_too() -> None:
    alerts = Alerts(rules=rules(THRESHOLDS, interval_s=INTERVAL_S))
    (raised,) = alerts.evaluate(START_S, {"slowQueries": 1, "slowestQueryMs": 1500.0})
    assert (raised.alert.name, raised.alert.value) == ("slow_query", 1500.0)
    events = [
        event.event for n in range(1, 13) for event in alerts.evaluate(START_S + n * INTERVAL_S, {"slowQueries": 0})
    ]
    assert events == [RESOLVED]
