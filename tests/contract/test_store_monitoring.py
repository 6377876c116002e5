"""The history of metrics, as both stores keep it."""

from __future__ import annotations

import asyncio

import pytest

from monitor.history_minute import MinutePoint
from store.contract import Store
from tests.contract.conftest import Reopen, on_each_backend

MINUTE = 30_000_000  # about the year 2027


def point(minute: int, value: float = 1.0, *, metric: str = "cpu") -> MinutePoint:
    return MinutePoint(metric, MINUTE + minute, value, value, value, 1)


async def read(
    store: Store, since: int, until: int, *, step: int = 1, source: str = "a", metric: str = "cpu"
) -> list[MinutePoint]:
    return await store.monitoring.read(
        source, metric, since_minute=MINUTE + since, until_minute=MINUTE + until, step_minutes=step
    )


@pytest.mark.gen_test
async def test_points_come_back_by_time_of_one_source_and_metric_and_from_since_up_to_until(store: Store) -> None:
    points = [point(minute, float(minute)) for minute in (4, 0, 2, 1, 3)]
    await store.monitoring.append("a", [*points, point(2, 9.5, metric="memory")])
    await store.monitoring.append("b", [point(2, 7.0)])
    assert await read(store, 1, 4) == [point(1, 1.0), point(2, 2.0), point(3, 3.0)]
    assert await read(store, 0, 100, metric="memory") == [point(2, 9.5, metric="memory")]
    assert await read(store, 0, 100, source="b") == [point(2, 7.0)]
    assert await read(store, 0, 100, source="c") == []
    assert await read(store, 0, 100, metric="nothing") == []


@pytest.mark.gen_test
async def test_parts_of_one_minute_are_joined(store: Store) -> None:
    await store.monitoring.append("a", [MinutePoint("cpu", MINUTE, 2.0, 12.0, 6.0, 3)])
    await store.monitoring.append("a", [MinutePoint("cpu", MINUTE, 1.5, 4.0, 2.5, 2), point(0, 8.0, metric="memory")])
    assert await read(store, 0, 1) == [MinutePoint("cpu", MINUTE, 1.5, 16.0, 6.0, 5)]
    assert await read(store, 0, 1, metric="memory") == [point(0, 8.0, metric="memory")]


@pytest.mark.gen_test
async def test_of_each_step_one_point_comes_back_with_the_least_the_sum_and_the_most_of_its_minutes(
    store: Store,
) -> None:
    await store.monitoring.append("a", [point(minute, float(minute)) for minute in range(7)])
    assert MINUTE % 5 == 0
    assert await read(store, 0, 7, step=5) == [
        MinutePoint("cpu", MINUTE, 0.0, 10.0, 4.0, 5),
        MinutePoint("cpu", MINUTE + 5, 5.0, 11.0, 6.0, 2),
    ]


@pytest.mark.gen_test
async def test_what_is_old_is_forgotten_slice_by_slice_whoever_it_is_of(store: Store) -> None:
    metrics = ("cpu", "memory", "connections", "loopLagMs", "storeQueue")
    for source in ("a", "b"):
        await store.monitoring.append(
            source, [point(minute, metric=metric) for minute in range(-110, 3) for metric in metrics]
        )
    slices = 0
    while await store.monitoring.forget(MINUTE):
        slices += 1
        assert slices < 100
    assert slices > 1
    for source in ("a", "b"):
        assert await read(store, -2000, 100, source=source) == [point(0), point(1), point(2)]
    assert await store.monitoring.forget(MINUTE + 1) > 0


@on_each_backend
@pytest.mark.gen_test
async def test_many_who_append_to_one_minute_at_once_are_all_in_it(store: Store) -> None:
    outcomes = await asyncio.gather(*(store.monitoring.append("a", [point(0, float(n))]) for n in range(1, 11)))
    assert outcomes == [None] * 10
    assert await read(store, 0, 1) == [MinutePoint("cpu", MINUTE, 1.0, 55.0, 10.0, 10)]


@pytest.mark.gen_test
async def test_points_outlive_the_store_that_wrote_them_and_none_are_no_matter(open_again: Reopen) -> None:
    first = await open_again()
    await first.monitoring.append("a", [])
    await first.monitoring.append("a", [point(0, 0.25)])
    await first.close()
    assert await read(await open_again(), 0, 1) == [point(0, 0.25)]
