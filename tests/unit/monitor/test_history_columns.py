"""Several metrics over one span, in columns beside common times."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.rfc3339 import epoch_ms_of, rfc3339_from_s
from monitor.history import FINE_ROWS, MINUTE_ROWS, History, ReadOlder
from monitor.history_columns import POINTS_MAX, Column, HistoryColumns, history_columns
from monitor.history_minute import MinutePoint
from monitor.sample_ring import SampleRing

MINUTE = 30_000_000
START_S = MINUTE * 60.0


def ask(
    history: History,
    *metrics: str,
    minutes: int = 60,
    since_s: float | None = None,
    now_s: float,
) -> HistoryColumns:
    asked = history_columns(history, metrics or ("cpu",), minutes=minutes, since_s=since_s, now_s=now_s)
    with ThreadPoolExecutor(1) as pool:  # in this thread it would take away the loop that pytest-tornado keeps
        return pool.submit(asyncio.run, asked).result()


def filled(samples: Sequence[dict[str, float]], *, every_s: float = 5.0, **options: Any) -> History:
    history = History(interval_s=every_s, **options)
    for n, sample in enumerate(samples):
        history.add(START_S + n * every_s, sample)
    return history


def older(*points: MinutePoint) -> ReadOlder:
    async def read(metric: str, since: int, until: int, step: int) -> list[MinutePoint]:
        return [point for point in points if point.metric == metric and since <= point.minute < until]

    return read


def test_metrics_share_their_times_and_one_that_has_no_value_is_left_out() -> None:
    shown = ask(filled([{"cpu": 1.0}, {"cpu": 2.0, "lag": 7.0}]), "cpu", "lag", "nothing", now_s=START_S + 6)
    assert shown == HistoryColumns(
        step_s=5,
        times=[rfc3339_from_s(START_S), rfc3339_from_s(START_S + 5)],
        metrics={"cpu": Column([1.0, 2.0], None, None), "lag": Column([None, 7.0], None, None)},
    )


def test_steps_of_several_samples_have_their_least_mean_and_most() -> None:
    # A minute has twelve samples: 0 to 11, then 12 to 23.
    shown = ask(filled([{"cpu": float(n)} for n in range(24)]), minutes=360, now_s=START_S + 119)
    assert shown.step_s == 60
    assert shown.times == [rfc3339_from_s(START_S), rfc3339_from_s(START_S + 60)]
    assert shown.metrics["cpu"] == Column([5.5, 17.5], [0.0, 12.0], [11.0, 23.0])


def test_a_day_has_no_more_points_than_a_chart_can_show() -> None:
    history = filled([{"cpu": float(n % 7)} for n in range(3 * MINUTE_ROWS)], every_s=30.0)
    shown = ask(history, minutes=1440, now_s=START_S + 3 * MINUTE_ROWS * 30)
    assert POINTS_MAX <= len(shown.times) <= POINTS_MAX + 1
    assert shown.step_s == 180
    assert {len(values) for values in (shown.metrics["cpu"].mean, shown.metrics["cpu"].min or [])} == {len(shown.times)}


def test_what_is_new_since_a_time_begins_with_the_step_of_that_time() -> None:
    history = filled([{"cpu": float(n)} for n in range(100)])
    now_s = START_S + 99 * 5
    assert ask(history, since_s=START_S + 98 * 5, now_s=now_s).metrics["cpu"].mean == [98.0, 99.0]
    assert ask(history, since_s=now_s + 5, now_s=now_s).times == []
    minute = ask(history, minutes=360, since_s=START_S + 470, now_s=now_s)
    assert minute.times == [rfc3339_from_s(START_S + 420), rfc3339_from_s(START_S + 480)]
    whole = ask(history, since_s=START_S - 1e6, now_s=now_s)
    assert len(whole.times) == 100, "a page that slept is told the span and no more"


def test_the_step_of_a_time_that_was_told_is_told_again_however_that_was_rounded() -> None:
    for at_s in (START_S + 0.0004, START_S + 0.0006):
        history = History(interval_s=5.0)
        history.add(at_s, {"cpu": 1.0})
        (told,) = ask(history, now_s=at_s + 1).times
        assert ask(history, since_s=epoch_ms_of(told) / 1000, now_s=at_s + 1).times == [told]


def test_what_was_kept_from_before_the_start_precedes_what_is_in_memory() -> None:
    kept = older(
        MinutePoint("cpu", MINUTE - 2, 1.0, 20.0, 4.0, 10),
        MinutePoint("cpu", MINUTE, 5.0, 25.0, 5.0, 5),  # the first minute, with five samples of the process before
    )
    history = filled([{"cpu": 8.0}] * 14, older=kept, retention_days=1)
    fine = ask(history, now_s=START_S + 66)
    assert fine.times[:3] == [rfc3339_from_s(at_s) for at_s in (START_S - 120, START_S, START_S + 5)]
    assert (fine.metrics["cpu"].mean[0], fine.metrics["cpu"].max[0]) == (2.0, 4.0)  # type: ignore[index]
    assert fine.metrics["cpu"].mean[1] == 8.0, "the first minute is told by its samples"
    coarse = ask(history, minutes=120, now_s=START_S + 66)
    assert coarse.times == [rfc3339_from_s(START_S + at_s) for at_s in (-120, 0, 60)]
    assert coarse.metrics["cpu"].mean == [2.0, pytest.approx((5 * 5 + 12 * 8) / 17, rel=1e-5), 8.0]
    history.mark_written(1)
    assert ask(history, minutes=120, now_s=START_S + 66).metrics["cpu"].mean == [2.0, 5.0, 8.0], "not counted twice"


def test_a_store_that_is_away_hides_nothing_that_is_in_memory() -> None:
    async def away(metric: str, since: int, until: int, step: int) -> list[MinutePoint]:
        raise OSError("no answer")

    history = filled([{"cpu": 1.0}], older=away, retention_days=1)
    assert ask(history, minutes=1440, now_s=START_S + 1).metrics["cpu"].mean == [1.0]


@given(
    values=st.lists(st.one_of(st.none(), st.integers(-5, 5)), max_size=30),
    rows_max=st.integers(1, 12),
    since=st.integers(0, 30),
    later=st.integers(0, 5),
)
def test_aggregates_are_those_of_the_cells_whatever_was_dropped(
    values: list[int | None], rows_max: int, since: int, later: int
) -> None:
    ring = SampleRing(rows_max=rows_max)
    for n, value in enumerate(values):
        ring.begin(float(n))
        ring.put({} if value is None else {"cpu": float(value)})
    rows = ring.rows_since(float(since))
    assert list(rows) == [row for row in range(ring.first_row, ring.rows) if row >= since]
    for n in range(later):
        ring.begin(float(len(values) + n))
    cells = {cell.at_s: cell for cell in ring.cells("cpu")}
    expected = [
        (cell.least, cell.total, cell.most, cell.samples) if (cell := cells.get(float(row))) else None for row in rows
    ]
    assert [one if one[3] else None for one in ring.aggregates("cpu", rows)] == expected


def test_the_rows_of_the_hour_are_all_told() -> None:
    history = filled([{"cpu": float(n)} for n in range(FINE_ROWS + 100)])
    shown = ask(history, now_s=START_S + (FINE_ROWS + 99) * 5)
    assert len(shown.times) == FINE_ROWS
    assert shown.metrics["cpu"].mean[-1] == FINE_ROWS + 99
