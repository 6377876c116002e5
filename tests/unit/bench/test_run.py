"""A run against an earlier one: what looks worse is measured again, the rest is not, and what is wrong stays wrong."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import comparison, report
from bench.comparison import LOST, OK, REGRESSION
from bench.errors import BenchError
from bench.progress_line import ProgressLine
from bench.result import MEMORY, Figure, Result
from bench.run import Run
from bench.scenario import Scenario
from bench.scenario_context import ScenarioContext
from bench.stop_signals import StopSignals

pytestmark = pytest.mark.bench


def scenario(name: str, *values: float | None) -> Scenario:
    """Its cost is the first of the values at the first run, then the second, and so on."""
    left = iter(values)
    return Scenario(name, "", {}, lambda context: [Figure("cost", next(left), "KB", MEMORY)])


def new_run() -> Run:
    return Run(progress=ProgressLine(io.StringIO()), stop_signals=StopSignals(), given=None)


def test_what_looks_worse_is_tried_again_until_it_does_not(tmp_path: Path) -> None:
    path = tmp_path / "earlier.json"
    names = ("good", "bad", "late", "lost")
    before = [Result(name, "", {}, [Figure("cost", 10.0, "KB", MEMORY)], 0, [], 1.0) for name in names]
    path.write_text(report.document({}, before))
    scenarios = [scenario("good", 10.0), scenario("bad", 20.0, 19.0, 21.0), scenario("late", 20.0, 11.0)]
    scenarios.append(scenario("lost", None, None, None))
    run = new_run()
    compared = run.measure_against(comparison.read(path), scenarios, {one.name: {} for one in scenarios}, tries=3)
    assert [(one.scenario, one.verdict, one.tries, one.figure.value) for one in compared] == [
        ("good", OK, 1, 10.0),
        ("bad", REGRESSION, 3, 19.0),
        ("late", OK, 2, 11.0),
        ("lost", LOST, 3, None),
    ]
    assert [result.name for result in run.results] == [*names, "bad", "late", "lost", "bad", "lost"]
    assert all(result.floor_us for result in run.results)


def test_a_scenario_that_could_not_measure_or_found_something_wrong_has_failed() -> None:
    def unable(context: ScenarioContext) -> list[Figure]:
        raise BenchError("no server")

    def wrong(context: ScenarioContext) -> list[Figure]:
        context.failures.add("c: gap")
        context.findings.notes.append("said")
        return []

    ways: dict[str, Callable[[ScenarioContext], list[Figure]]] = {"unable": unable, "wrong": wrong}
    run = new_run()
    run.measure([Scenario(name, "", {}, way) for name, way in ways.items()], {"unable": {}, "wrong": {}})
    assert [(one.failure_count, one.failures) for one in run.results] == [(1, ["no server"]), (1, ["c: gap"])]
    assert run.results[1].findings.notes == ["said"]
