"""The targets' table: what is met and what is missed, and a small run of the rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.targets import target_row
from bench.targets.target_row import MET, MISSED, NOT_MEASURED, TargetRow
from tests.support.bench_run import passed_scenario


@pytest.mark.parametrize(
    ("value", "at_least", "verdict"),
    [
        (1.1, False, MET),
        (1.11, False, MISSED),
        (1.1, True, MET),
        (1.09, True, MISSED),
        (None, False, NOT_MEASURED),
    ],
)
def test_a_target_is_met_at_its_bound_and_missed_past_it(value: float | None, at_least: bool, verdict: str) -> None:
    row = TargetRow("work", "µs", 11, "floor", value, 1.1, at_least=at_least, floor=10)
    assert row.verdict == verdict
    assert row.cells()[-2:] == (f"{'≥' if at_least else '≤'} 1.1 ×", verdict)


def test_doubts_are_marked_and_said_once_and_verdicts_are_counted() -> None:
    doubtful = TargetRow("closed", "/s", 5, "least server", 0.5, 0.95, at_least=True, doubt="the client was slow")
    plain = TargetRow("memory", "KB", 2, "", 2, 3)
    assert target_row.notes([doubtful, doubtful, plain]) == [
        "1 met, 2 MISSED, 0 not measured.",
        "† closed: the client was slow",
    ]
    shown = target_row.table([doubtful, plain])
    assert [row[-1] for row in shown.rows] == ["MISSED †", "met"]
    assert all(len(row) == len(shown.columns) for row in shown.rows)


def test_a_ratio_is_the_median_of_those_of_each_turn() -> None:
    # The machine was three times as slow in the second turn
    assert target_row.median_ratio([10, 33, 12], [10, 30, 10]) == pytest.approx(1.1)
    assert target_row.median_ratio([10, None], [10, 10]) is None
    assert target_row.median([]) is None


@pytest.mark.bench
@pytest.mark.parametrize(
    ("rows", "works"),
    [
        ("connections", ["20 connects", "18 connects", "18 connections", "one message to 20", "one message to 20"]),
        pytest.param("rooms", ["50 connections in rooms of 50"], marks=pytest.mark.slow),
        pytest.param("messages", ["1,000 connections", "500 connections", "2 connections"], marks=pytest.mark.slow),
        pytest.param("stalled", ["19 connections", "19 connections"], marks=pytest.mark.slow),
        pytest.param("rest", ["newest page by REST", "a room", "my rooms"], marks=pytest.mark.slow),
        pytest.param("scale", ["20 rooms of 50", "20 rooms"], marks=pytest.mark.slow),
        pytest.param("cache", ["user, 1 at once", "newest 50, 50 at once"], marks=pytest.mark.slow),
    ],
)
def test_a_small_run_measures_each_row(tmp_path: Path, rows: str, works: list[str]) -> None:
    groups = ("messages", "connections", "rooms", "stalled", "rest", "scale", "cache")
    options = ["turns=1", "seconds=1", "crowd=20", *(f"{group}={int(group == rows)}" for group in groups)]
    scenario = passed_scenario("targets", *(f"--set={option}" for option in options), folder=tmp_path)
    (shown,) = scenario["tables"]
    by_work = {row[0]: dict(zip(shown["columns"], row, strict=True)) for row in shown["rows"]}
    assert all(any(found.startswith(work) for found in by_work) for work in works), by_work.keys()
    grown = "MB RSS more"  # may be nothing, or less
    assert all(row["ours"] > 0 for row in by_work.values() if row["unit"] != grown)
    assert all(row["verdict"].rstrip(" †") in (MET, MISSED) for row in by_work.values())
    assert list(tmp_path.iterdir()) == []
