"""At which value of a metric an alert or a health check is due."""

from __future__ import annotations

from monitor.alert_rules import rules
from monitor.alert_thresholds import Thresholds
from monitor.metric_thresholds import MetricThreshold, thresholds_by_metric

THRESHOLDS = Thresholds(
    cpu_percent=80,
    memory_percent=85,
    connections=5000,
    slow_query_ms=100,
    cache_latency_ms=50,
    cache_miss_percent=20,
    pool_percent=90,
)


def test_each_threshold_is_in_the_unit_of_its_metric() -> None:
    gauges = {"memory_limit_bytes": 1000, "disk_size_bytes": 10**12}
    found = thresholds_by_metric(THRESHOLDS, gauges=gauges, store_queue_max=400)
    assert found["connections"] == MetricThreshold(5000, 5000)
    assert found["loopLagMs"] == MetricThreshold(100, 250)
    assert found["storeQueue"] == MetricThreshold(200, 200)
    assert found["memory"] == MetricThreshold(850, 850)
    assert found["cacheHitRate"] == MetricThreshold(0.8, 0.8, is_low_bad=True)
    assert found["diskFreeBytes"] == MetricThreshold(20e9, 20e9, is_low_bad=True), "5 % of a large disk is much"


def test_what_the_machine_has_is_not_guessed() -> None:
    found = thresholds_by_metric(THRESHOLDS, gauges={}, store_queue_max=400)
    assert {"memory", "diskFreeBytes"}.isdisjoint(found)


def test_the_alerts_are_raised_at_the_lines_that_charts_draw() -> None:
    found = thresholds_by_metric(THRESHOLDS, gauges={}, store_queue_max=100)
    raised = {rule.name: rule.threshold for rule in rules(THRESHOLDS, interval_s=5)}
    for alert, metric in (("cpu", "cpu"), ("connections", "connections"), ("loop_lag", "loopLagMs")):
        assert found[metric].alert == raised[alert]
    assert found["storeQueue"].alert == raised["store_queue"]
