"""A process is as well as the worst of what is held against a threshold, and unhealthy only where requests fail."""

from __future__ import annotations

import pytest

from handlers.performance_health import PerformanceHealth
from tests.support.thresholds import THRESHOLDS

WELL = {"cpu": 40.0, "memoryPercent": 30.0, "loopLagMs": 3.0}


def health(sample: dict[str, float] | None, *, connections: int = 1, store_queue: int = 0) -> PerformanceHealth:
    return PerformanceHealth(
        newest=lambda: sample,
        connections=lambda: connections,
        store_queue=lambda: store_queue,
        store_queue_max=10_000,
        thresholds=THRESHOLDS,
    )


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("sample", "now", "status", "bad"),
    [
        (WELL, {}, "healthy", set()),
        (None, {}, "healthy", set()),
        (WELL | {"cpu": 80.1}, {}, "degraded", {"cpu"}),
        (WELL | {"memoryPercent": 85.0}, {}, "healthy", set()),
        (WELL | {"memoryPercent": 85.1}, {}, "degraded", {"memory"}),
        (WELL | {"loopLagMs": 150.0}, {}, "degraded", {"loopLagMs"}),
        (WELL | {"loopLagMs": 2_500.0}, {}, "unhealthy", {"loopLagMs"}),
        (WELL, {"connections": 5001}, "degraded", {"connections"}),
        (WELL, {"store_queue": 5001}, "degraded", {"storeQueue"}),
        (WELL | {"cpu": 99.0}, {"store_queue": 10_000}, "unhealthy", {"storeQueue", "cpu"}),
    ],
)
async def test_the_whole_is_as_well_as_the_worst_check(sample, now, status, bad):
    report = await health(sample, **now).report()
    assert report.status == status
    assert {name for name, check in report.checks.items() if check.status != "healthy"} == bad
    assert report.latency_ms == (sample or {}).get("loopLagMs")
