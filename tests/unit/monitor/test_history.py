"""The history in memory, and how older minutes from a store precede it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from monitor.history import ALWAYS, History, HistoryQueryError, ReadOlder
from monitor.history_minute import MinutePoint
from monitor.sample_ring import METRICS_MAX

MINUTE = 30_000_000
START_S = MINUTE * 60.0


def ask(history: History, metric: str = "cpu", minutes: int = 60, *, now_s: float) -> dict[str, Any]:
    with ThreadPoolExecutor(1) as pool:  # in this thread it would take away the loop that pytest-tornado keeps
        shown = pool.submit(asyncio.run, history.query(metric, minutes, now_s=now_s)).result()
        return msgspec.json.decode(msgspec.json.encode(shown))


def filled(
    values: Sequence[float], *, every_s: float = 5.0, start_s: float = START_S, metric: str = "cpu", **options: Any
) -> History:
    history = History(interval_s=every_s, **options)
    for n, value in enumerate(values):
        history.add(start_s + n * every_s, {metric: value})
    return history


def values_of(shown: dict[str, Any]) -> list[float]:
    return [value for _, value in shown["points"]]


def test_an_hour_is_told_in_steps_of_five_seconds_with_its_times() -> None:
    shown = ask(filled([1.0, 2.0, 6.0]), now_s=START_S + 12)
    assert shown == {
        "metric": "cpu",
        "stepS": 5,
        "points": [
            ["2027-01-15T08:00:00.000Z", 1.0],
            ["2027-01-15T08:00:05.000Z", 2.0],
            ["2027-01-15T08:00:10.000Z", 6.0],
        ],
        "min": 1.0,
        "mean": 3.0,
        "max": 6.0,
        "p95": 6.0,
        "trend": {"slopePerHour": pytest.approx(1800), "error": pytest.approx(623.5, abs=0.1)},
    }


def test_only_the_minutes_that_are_asked_for_are_told() -> None:
    history = filled([float(n) for n in range(121)])
    assert values_of(ask(history, minutes=1, now_s=START_S + 600)) == [float(n) for n in range(108, 121)]
    assert values_of(ask(history, minutes=1, now_s=START_S + 6000)) == []


def test_a_metric_without_a_sample_is_there_and_empty() -> None:
    history = History(interval_s=5)
    for metric in ALWAYS:
        assert ask(history, metric, now_s=START_S) == {
            "metric": metric, "stepS": 5, "points": [], "min": None, "mean": None, "max": None, "p95": None,
            "trend": None,
        }  # fmt: skip


@pytest.mark.parametrize(
    ("metric", "minutes", "wrong"),
    [("nothing", 60, {"metric"}), ("cpu", 0, {"minutes"}), ("cpu", 1441, {"minutes"}), ("", -1, {"metric", "minutes"})],
)
def test_what_does_not_exist_is_refused_with_what_does(metric: str, minutes: int, wrong: set[str]) -> None:
    history = filled([1.0], metric="diskFreeBytes")
    with pytest.raises(HistoryQueryError) as refused:
        ask(history, metric, minutes, now_s=START_S)
    details = refused.value.details
    expected = {
        "metric": "takes one of connections, cpu, diskFreeBytes, loopLagMs, memory, messagesIn, messagesOut",
        "minutes": "takes a whole number from 1 to 1440",
    }
    assert details == {name: expected[name] for name in wrong}


def test_a_peak_of_one_sample_is_the_most_of_its_day_and_its_point_is_the_mean() -> None:
    values = [10.0] * 12 * 180
    values[100] = 1000.0
    shown = ask(filled(values), minutes=1440, now_s=START_S + len(values) * 5)
    assert (shown["stepS"], len(shown["points"]), shown["max"], shown["min"]) == (60, 180, 1000.0, 10.0)
    assert values_of(shown)[8] == pytest.approx((11 * 10 + 1000) / 12)
    assert set(values_of(shown)[:8] + values_of(shown)[9:]) == {10.0}


def test_samples_that_come_more_often_are_joined_and_the_peak_stays() -> None:
    shown = ask(filled([1.0, 2.0, 3.0, 4.0, 5.0, 9.0, 9.0], every_s=1.0), now_s=START_S + 7)
    assert (shown["stepS"], values_of(shown), shown["max"]) == (5, [3.0, 9.0], 9.0)


@pytest.mark.parametrize(("every_s", "fine", "coarse"), [(0.5, 5, 60), (5.0, 5, 60), (7.5, 7.5, 60), (90.0, 90, 90)])
def test_the_step_that_is_told_is_the_one_there_is(every_s: float, fine: float, coarse: float) -> None:
    history = filled([1.0] * int(7200 / every_s), every_s=every_s)
    for minutes, step_s in ((30, fine), (100, coarse)):
        shown = ask(history, minutes=minutes, now_s=START_S + 7200)
        assert shown["stepS"] == step_s
        assert minutes * 60 / step_s - 1 <= len(shown["points"]) <= minutes * 60 / step_s + 1


def test_it_is_bounded_whatever_comes() -> None:
    history = History(interval_s=5)
    for n in range(12 * 60 * 26):
        history.add(START_S + 5 * n, {"cpu": float(n)})
    now_s = START_S + 5 * 12 * 60 * 26
    assert len(ask(history, minutes=60, now_s=now_s)["points"]) == 720
    day = ask(history, minutes=1440, now_s=now_s)
    assert len(day["points"]) in (1439, 1440)
    assert day["min"] > 12 * 60  # the first two hours are gone
    for n in range(METRICS_MAX + 50):
        history.add(now_s, {f"made{n}": 1.0})
    assert len(history.metrics) == METRICS_MAX + len(ALWAYS) - 1


def test_what_is_no_number_and_what_is_missing_leaves_a_gap() -> None:
    history = History(interval_s=5)
    for n, sample in enumerate([{"cpu": 1.0}, {"cpu": float("nan")}, {}, {"cpu": float("inf")}, {"cpu": 2.0}]):
        history.add(START_S + 5 * n, sample)
    shown = ask(history, now_s=START_S + 30)
    assert [time[17:19] for time, _ in shown["points"]] == ["00", "20"]
    assert (shown["max"], shown["mean"]) == (2.0, 1.5)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([0.1, 1.0, 5.0, 61.0]),
    st.lists(st.tuples(st.floats(-7200, 7200), st.floats(-1e9, 1e9)), min_size=1, max_size=60),
    st.sampled_from([1, 60, 61, 1440]),
)
@example(5.0, [(0.0, 1.0), (-100.0, 2.0)], 60)
@example(5.0, [(0.0, 1.0), (-100.0, 2.0)], 1440)
def test_wherever_the_clock_goes_points_are_in_order_and_within_what_was_seen(
    interval_s: float, samples: list[tuple[float, float]], minutes: int
) -> None:
    history = History(interval_s=interval_s)
    at_s, times = START_S, []
    for step_s, value in samples:
        at_s += step_s
        times.append(at_s)
        history.add(at_s, {"cpu": value})
    shown = ask(history, minutes=minutes, now_s=max(times))
    assert [time for time, _ in shown["points"]] == sorted(time for time, _ in shown["points"])
    values = [value for _, value in samples]
    assert values_of(shown)
    assert min(values) <= shown["min"] <= shown["mean"] <= shown["max"] <= max(values)
    assert shown["min"] <= min(values_of(shown)) <= shown["p95"] <= max(values_of(shown)) <= shown["max"]


# ---- what is kept elsewhere --------------------------------------------------------------------------------------


def older_points(*points: MinutePoint, asked: list[tuple[str, int, int, int]] | None = None) -> ReadOlder:
    """A reader of these points, as a store would return them; `asked` collects its arguments."""

    async def older(metric: str, since: int, until: int, step: int) -> list[MinutePoint]:
        if asked is not None:
            asked.append((metric, since, until, step))
        return [point for point in points if point.metric == metric and since <= point.minute < until]

    return older


async def unreachable_store(metric: str, since: int, until: int, step: int) -> list[MinutePoint]:
    raise ConnectionError("no store")


def test_a_day_begins_before_the_process_did_and_the_minute_of_the_restart_is_one() -> None:
    older = older_points(MinutePoint("cpu", MINUTE - 2, 1.0, 4.0, 3.0, 2), MinutePoint("cpu", MINUTE, 7.0, 7.0, 7.0, 1))
    history = filled([1.0, 1.0, 3.0], start_s=START_S + 30, older=older, retention_days=2)
    shown = ask(history, minutes=1440, now_s=START_S + 50)
    assert shown["points"] == [["2027-01-15T07:58:00.000Z", 2.0], ["2027-01-15T08:00:00.000Z", 3.0]]
    assert (shown["min"], shown["max"], shown["stepS"]) == (1.0, 7.0, 60)


def test_an_hour_is_told_by_the_minute_only_while_the_process_is_younger_and_something_is_kept() -> None:
    before = older_points(MinutePoint("cpu", MINUTE - 10, 2.0, 2.0, 2.0, 1))
    history = filled([1.0] * 720, older=before, retention_days=1)
    young = ask(filled([1.0, 1.0], older=before, retention_days=1), now_s=START_S + 6)
    assert (young["stepS"], values_of(young)) == (60, [2.0, 1.0])
    assert ask(filled([1.0, 1.0], older=older_points(), retention_days=1), now_s=START_S + 6)["stepS"] == 5
    assert ask(history, now_s=START_S + 3599)["stepS"] == 5
    assert ask(history, minutes=5, now_s=START_S + 3599)["stepS"] == 5


def test_the_minute_of_a_restart_counts_each_sample_once_also_when_it_is_kept() -> None:
    before = MinutePoint("cpu", MINUTE, 4.0, 8.0, 4.0, 2)
    both = MinutePoint("cpu", MINUTE, 1.0, 9.0, 4.0, 3)
    for point, minutes_written in ((before, 0), (both, 1)):
        history = filled([1.0], start_s=START_S + 30, older=older_points(point), retention_days=1)
        history.mark_written(minutes_written)
        for minutes in (60, 1440):
            shown = ask(history, minutes=minutes, now_s=START_S + 100)
            assert (values_of(shown), shown["mean"], shown["max"], shown["stepS"]) == ([3.0], 3.0, 4.0, 60)


def test_a_minute_of_its_own_that_is_kept_is_nothing_older() -> None:
    history = filled([1.0, 2.0], older=older_points(MinutePoint("cpu", MINUTE, 1.0, 3.0, 2.0, 2)), retention_days=1)
    history.mark_written(1)
    shown = ask(history, now_s=START_S + 100)
    assert (shown["stepS"], values_of(shown)) == (5, [1.0, 2.0])
    assert values_of(ask(history, minutes=100, now_s=START_S + 100)) == [1.5]


def test_a_week_is_told_in_at_most_1440_steps_that_do_not_move_from_query_to_query() -> None:
    asked: list[tuple[str, int, int, int]] = []
    week = 7 * 1440
    older = older_points(
        *(MinutePoint("cpu", minute, 1.0, 7.0, 1.0, 7) for minute in range(MINUTE - week, MINUTE + 1, 7)), asked=asked
    )
    history = filled([3.0] * 24, older=older, retention_days=7)
    shown = ask(history, minutes=week, now_s=START_S + 130)
    assert (shown["stepS"], shown["min"], shown["max"]) == (420, 1.0, 3.0)
    assert 1438 <= len(shown["points"]) <= 1441
    ((metric, since, until, step),) = asked
    assert (metric, until, step, since % 7) == ("cpu", MINUTE + 1, 7, 0)
    assert ask(history, minutes=week, now_s=START_S + 135)["points"][1:] == shown["points"][1:]
    with pytest.raises(HistoryQueryError, match="minutes"):
        ask(history, minutes=week + 1, now_s=START_S)


def test_while_nothing_kept_can_be_read_a_day_is_told_as_far_as_it_is_here(caplog: pytest.LogCaptureFixture) -> None:
    history = filled([1.0, 2.0], older=unreachable_store, retention_days=3)
    assert values_of(ask(history, minutes=1440, now_s=START_S + 6)) == [1.5]
    assert values_of(ask(history, minutes=60, now_s=START_S + 6)) == [1.0, 2.0]
    assert {record.getMessage() for record in caplog.records} == {
        "what was kept of the history cannot be read: no store"
    }
    with pytest.raises(ConnectionError):
        ask(history, minutes=1441, now_s=START_S + 6)


def test_without_retention_nothing_older_is_asked_for() -> None:
    history = filled([1.0], older=unreachable_store, retention_days=0)
    assert values_of(ask(history, minutes=1440, now_s=START_S + 6)) == [1.0]


def test_a_metric_whose_memory_was_reserved_takes_samples_as_another_and_has_no_points_before() -> None:
    history = filled([1.0], metric="memory")
    history.reserve(("cpu", "rate"))
    assert {"cpu", "rate", "memory"} <= set(history.metrics)
    assert values_of(ask(history, "rate", now_s=START_S)) == []
    history.add(START_S + 60, {"rate": 7.0})
    assert values_of(ask(history, "rate", now_s=START_S + 60)) == [7.0]
    history.reserve(("rate",))
    assert values_of(ask(history, "rate", now_s=START_S + 60)) == [7.0]
