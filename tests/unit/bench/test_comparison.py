"""`--against`: which figure is a regression, when the machine is slower, and when a try was disturbed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bench import comparison, report
from bench.comparison import LOST, OK, REGRESSION, UNKNOWN, Comparison, EarlierRun
from bench.errors import BenchError
from bench.result import CPU, CPU_OF_BATCHES, GAIN, MEMORY, Bound, Figure, Result
from bench.scenarios import SCENARIOS

ROOT = Path(__file__).resolve().parents[3]


def result(value: float | None, *, bound: Bound | None = CPU, floor_us: float | None = 8.0) -> Result:
    return Result("fanout", "", {"rate": 30}, [Figure("cost", value, "µs", bound)], 0, [], 1.0, floor_us=floor_us)


def earlier(tmp_path: Path, before: Result) -> EarlierRun:
    path = tmp_path / "earlier.json"
    path.write_text(report.document({}, [before]))
    return comparison.read(path)


def only(tmp_path: Path, before: Result, *tries: Result) -> Comparison:
    (one,) = comparison.compare(earlier(tmp_path, before), tries)
    return one


@pytest.mark.parametrize(
    ("bound", "before", "now", "verdict"),
    [
        (CPU, 10.0, 13.9, OK),
        (CPU, 10.0, 14.1, REGRESSION),
        (CPU_OF_BATCHES, 10.0, 15.9, OK),
        (CPU_OF_BATCHES, 10.0, 16.1, REGRESSION),
        (MEMORY, 4.0, 5.1, OK),
        (MEMORY, 4.0, 5.3, REGRESSION),
        (GAIN, 6.0, 4.1, OK),
        (GAIN, 6.0, 3.9, REGRESSION),
        (CPU, 10.0, 5.0, OK),
        (GAIN, 6.0, 0.0, REGRESSION),
        (CPU, 10.0, 0.0, OK),
        (CPU, None, None, UNKNOWN),
    ],
)
def test_a_figure_may_be_as_much_worse_as_its_bound_allows(
    tmp_path: Path, bound: Bound, before: float | None, now: float | None, verdict: str
) -> None:
    assert only(tmp_path, result(before, bound=bound), result(now, bound=bound)).verdict == verdict


@pytest.mark.parametrize(("before", "now"), [(10.0, None), (None, 10.0), (0.0, 10.0)])
def test_a_figure_that_one_run_alone_has_is_lost_and_does_not_pass(
    tmp_path: Path, before: float | None, now: float | None
) -> None:
    one = only(tmp_path, result(before), result(now))
    assert (one.verdict, one.has_passed) == (LOST, False)


def test_a_figure_of_another_name_than_before_does_not_pass(tmp_path: Path) -> None:
    renamed = Result("fanout", "", {}, [Figure("CPU", 10.0, "µs", CPU)], 0, [], 1.0, floor_us=8.0)
    assert only(tmp_path, result(10.0), renamed).verdict == LOST


def test_a_cpu_time_is_divided_by_the_floor_of_its_run_and_memory_is_not(tmp_path: Path) -> None:
    slower = only(tmp_path, result(10.0, floor_us=8.0), result(20.0, floor_us=16.0))
    assert (slower.verdict, slower.times_worse) == (OK, 1.0)
    quicker = only(tmp_path, result(10.0, floor_us=8.0), result(10.0, floor_us=4.0))
    assert (quicker.verdict, quicker.times_worse) == (REGRESSION, 2.0)
    memory = only(tmp_path, result(4.0, bound=MEMORY, floor_us=8.0), result(8.0, bound=MEMORY, floor_us=16.0))
    assert memory.verdict == REGRESSION
    assert only(tmp_path, result(10.0), result(10.0, floor_us=None)).verdict == LOST


def test_of_several_tries_the_best_counts(tmp_path: Path) -> None:
    one = only(tmp_path, result(10.0), result(30.0), result(11.0), result(20.0))
    assert (one.verdict, one.figure.value, one.tries) == (OK, 11.0, 3)


def test_figures_without_a_bound_are_not_compared(tmp_path: Path) -> None:
    assert comparison.compare(earlier(tmp_path, result(1.0)), [result(9.0, bound=None)]) == []


def test_a_run_with_other_options_or_without_the_scenario_is_refused(tmp_path: Path) -> None:
    before = earlier(tmp_path, result(1.0))
    comparison.check_options(before, {"fanout": {"rate": 30}})
    with pytest.raises(BenchError, match="fanout ran with rate=30, not rate=60"):
        comparison.check_options(before, {"fanout": {"rate": 60}})
    with pytest.raises(BenchError, match="the earlier run has no echo, but fanout"):
        comparison.check_options(before, {"echo": {}})


@pytest.mark.parametrize("content", ["", "[]", '{"formatVersion": 1, "scenarios": []}'])
def test_a_file_that_is_no_run_of_this_bench_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(BenchError, match=f"--against {path}"):
        comparison.read(path)
    with pytest.raises(BenchError, match="No such file"):
        comparison.read(tmp_path / "missing.json")


def test_the_reference_is_of_the_scenarios_and_options_that_make_bench_check_runs() -> None:
    (checked,) = re.findall(r"^CHECKED := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    reference = comparison.read(ROOT / "bench" / "reference.json")
    scenarios = [SCENARIOS[name] for name in checked.split(",")]
    comparison.check_options(reference, {one.name: one.values({}) for one in scenarios})
    assert [one.name for one in reference.scenarios] == [one.name for one in scenarios]
    assert all(one.floor_us for one in reference.scenarios)


def test_the_table_says_what_was_allowed_and_what_came_of_it(tmp_path: Path) -> None:
    one = only(tmp_path, result(10.0), result(20.0))
    assert comparison.table([one]).rows == [("fanout", "cost", 10.0, 20.0, "µs", 2.0, 1.4, 1, REGRESSION)]
