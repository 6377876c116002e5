"""Forecasts of a real history: when each is made, from which points, and what becomes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import pairwise
from math import inf

import pytest

from monitor.forecast import LIMIT_IN_SIGHT, NO_LIMIT_IN_SIGHT, TOO_FEW_POINTS
from monitor.forecaster import EVERY_S, Forecaster, resources
from monitor.history import History, ReadOlder
from monitor.history_minute import MinutePoint

MINUTE = 30_000_000
START_S = MINUTE * 60.0
INTERVAL_S = 20.0
RESOURCES = resources(connections_max=100, memory_percent=85)
STEADY = {"connections": 50.0, "memoryPercent": 30.0, "diskFreeBytes": 1e12, "storeQueuePercent": 0.0}


class ForecastProcess:
    """A history and its forecaster, fed with samples as a process would."""

    def __init__(self, *, older: ReadOlder | None = None) -> None:
        self.history = History(interval_s=INTERVAL_S, older=older, retention_days=7 if older else 0)
        self.forecaster = Forecaster(history=self.history, resources=RESOURCES)
        self.at_s = START_S

    def run(self, minutes: float, sample: Callable[[float], dict[str, float]]) -> None:
        """Feed the samples of so many minutes; `sample` gets the hours since the start."""
        for _ in range(int(minutes * 60 / INTERVAL_S)):
            self.history.add(self.at_s, sample((self.at_s - START_S) / 3600))
            self.forecaster.on_sample(self.at_s, self.at_s)
            self.at_s += INTERVAL_S

    def state(self, resource: str) -> str:
        return self.forecaster.forecasts[resource].state


def test_each_resource_is_forecast_by_its_own_trend_and_limit() -> None:
    process = ForecastProcess()
    assert process.forecaster.forecasts == {}
    assert process.forecaster.metrics().gauges == {}
    process.run(20, lambda _: STEADY)
    assert {process.state(name) for name in process.forecaster.forecasts} == {TOO_FEW_POINTS}
    assert process.forecaster.hours_left == {}

    grown = ForecastProcess()
    grown.run(
        240,
        lambda hour: {
            "connections": 50 + 10 * hour,  # 90 after four hours: an hour is left
            "memoryPercent": 35 + 10 * hour,  # 75
            "diskFreeBytes": 1e12 - 2e11 * hour,  # a fifth
            "storeQueuePercent": 0.0,
        },
    )
    forecasts = grown.forecaster.forecasts
    assert [forecast.hours for forecast in forecasts.values()] == [
        pytest.approx(1, abs=0.02),
        pytest.approx(1, abs=0.02),
        pytest.approx(1, abs=0.02),
        None,
    ]
    assert forecasts["disk"].slope_per_hour == pytest.approx(-2e11, rel=1e-3)
    assert (forecasts["connections"].limit, forecasts["memory"].limit, forecasts["disk"].limit) == (100, 85, 0)
    assert forecasts["storeQueue"].state == NO_LIMIT_IN_SIGHT
    left = grown.forecaster.hours_left
    assert (left["storeQueueHoursLeft"], left["memoryHoursLeft"]) == (inf, forecasts["memory"].hours)
    gauges = grown.forecaster.metrics().gauges
    assert gauges["forecast_store_queue_s"] == inf
    assert gauges["forecast_memory_s"] == pytest.approx(3600, abs=80)


def test_what_no_sample_has_has_no_forecast() -> None:
    process = ForecastProcess()
    process.run(60, lambda _: {"connections": 1.0, "memoryPercent": 30.0})
    assert set(process.forecaster.forecasts) == {"connections", "memory"}


def test_after_the_first_a_sample_makes_one_forecast_at_most_and_each_is_made_anew_once_a_minute() -> None:
    process = ForecastProcess()
    made: list[list[str]] = []
    for _ in range(int(600 / INTERVAL_S)):
        before = dict(process.forecaster.forecasts)
        process.run(INTERVAL_S / 60, lambda _: STEADY)
        after = process.forecaster.forecasts
        made.append([name for name in after if after[name] is not before.get(name)])
    assert len(made[0]) == len(RESOURCES)
    assert max(map(len, made[1:])) == 1
    for name in ("connections", "memory", "disk", "storeQueue"):
        times = [place * INTERVAL_S for place, names in enumerate(made) if name in names]
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert gaps
        assert all(EVERY_S <= gap <= EVERY_S + len(RESOURCES) * INTERVAL_S for gap in gaps)


# ---- what was kept ------------------------------------------------------------------------------------------------


def kept_trend(asked: list[str]) -> ReadOlder:
    """A day of every metric before the start, all of which grow by 1 an hour to 90."""

    async def older(metric: str, since: int, until: int, step: int) -> Sequence[MinutePoint]:
        asked.append(metric)
        values = {minute: 90 + (minute - MINUTE) / 60 for minute in range(max(since, MINUTE - 1440), until, step)}
        return [MinutePoint(metric, minute, value, value, value, 1) for minute, value in values.items()]

    return older


async def run_until_read(process: ForecastProcess, sample: dict[str, float]) -> None:
    """Feed samples until those forecasts that what was kept counts for were made with it."""
    for _ in range(30):
        process.run(INTERVAL_S / 60, lambda _: sample)
        await asyncio.sleep(0)  # lets the reading go on


@pytest.mark.gen_test
async def test_connections_go_on_over_a_restart_and_memory_begins_anew() -> None:
    asked: list[str] = []
    process = ForecastProcess(older=kept_trend(asked))
    await run_until_read(process, {"connections": 90.0, "memoryPercent": 90.0, "diskFreeBytes": 90.0})
    assert sorted(asked) == ["connections", "diskFreeBytes"]  # once
    connections = process.forecaster.forecasts["connections"]
    assert connections.state == LIMIT_IN_SIGHT
    assert connections.hours == pytest.approx(10, rel=0.05)
    assert process.state("memory") == TOO_FEW_POINTS
    assert process.state("disk") == NO_LIMIT_IN_SIGHT  # it grows, too
    await process.forecaster.close()


@pytest.mark.gen_test
async def test_what_cannot_be_read_is_read_again_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    asked: list[str] = []
    kept, failures = kept_trend(asked), 3

    async def older(metric: str, since: int, until: int, step: int) -> Sequence[MinutePoint]:
        nonlocal failures
        failures -= 1
        if failures >= 0:
            raise ConnectionError("no store")
        return await kept(metric, since, until, step)

    process = ForecastProcess(older=older)
    await run_until_read(process, {"connections": 90.0})
    assert process.state("connections") == LIMIT_IN_SIGHT
    assert [record.getMessage() for record in caplog.records] == [
        "what was kept of the history is not in the forecasts yet: no store"
    ]
    await process.forecaster.close()


@pytest.mark.gen_test
async def test_a_reading_that_hangs_ends_with_the_forecaster() -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def older(metric: str, since: int, until: int, step: int) -> Sequence[MinutePoint]:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return []

    process = ForecastProcess(older=older)
    process.run(1, lambda _: STEADY)
    await begun.wait()
    assert process.state("connections") == TOO_FEW_POINTS  # nothing waits for it
    for _ in range(2):
        await process.forecaster.close()
    assert ended.is_set()
    process.run(5, lambda _: STEADY)
