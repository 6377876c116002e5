"""`--against FILE`: figures beside those of an earlier `--json`, each with the regression that its bound allows.

A CPU time is divided by the kernel floor of its own run first, so that another machine, or a slower hour of this one,
is no regression. Of several tries the best counts: what else the machine does makes a figure worse, never better. A
figure that is known in one of the runs alone is lost: a comparison that finds nothing to compare has not passed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path

import msgspec

from bench.errors import BenchError
from bench.report import FORMAT_VERSION
from bench.result import Figure, Result, Table

OK, REGRESSION, LOST, UNKNOWN = "ok", "REGRESSION", "NOT COMPARED", "unknown in both"


class EarlierFigure(msgspec.Struct, frozen=True):
    """A figure of the earlier run."""

    name: str
    value: float | None


class EarlierScenario(msgspec.Struct, frozen=True, rename="camel"):
    """A scenario of the earlier run, as far as it is compared."""

    name: str
    options: dict[str, int]
    figures: list[EarlierFigure]
    floor_us: float | None = None

    def value(self, name: str) -> float | None:
        return next((figure.value for figure in self.figures if figure.name == name), None)


class EarlierRun(msgspec.Struct, frozen=True, rename="camel"):
    """The document that `--json` printed."""

    format_version: int
    scenarios: list[EarlierScenario]


class Comparison(msgspec.Struct, frozen=True):
    """One figure, which has a bound. `times_worse`: 1.1 is a tenth worse than before; None where it cannot be said."""

    scenario: str
    figure: Figure
    before: float | None
    times_worse: float | None
    tries: int

    @property
    def verdict(self) -> str:
        if self.before is None and self.figure.value is None:
            return UNKNOWN  # such as the CPU time of a server of another user
        if self.times_worse is None or self.figure.bound is None:
            return LOST
        return OK if self.times_worse <= self.figure.bound.factor else REGRESSION

    @property
    def has_passed(self) -> bool:
        """Whether the figure is no reason to measure again, or to fail."""
        return self.verdict in (OK, UNKNOWN)


def read(path: Path) -> EarlierRun:
    """Raises BenchError for a file that is none, or of another version of the bench."""
    try:
        run = msgspec.json.decode(path.read_bytes(), type=EarlierRun)
    except (OSError, msgspec.MsgspecError) as error:
        raise BenchError(f"--against {path}: {error}") from error
    if run.format_version != FORMAT_VERSION:
        raise BenchError(
            f"--against {path}: has format {run.format_version}, this is {FORMAT_VERSION}: measure it anew"
        )
    return run


def check_options(earlier: EarlierRun, options: Mapping[str, Mapping[str, int]]) -> None:
    """Raises BenchError where a scenario is not among the earlier ones, or ran with other options."""
    known = {scenario.name: scenario for scenario in earlier.scenarios}
    for name, given in options.items():
        if name not in known:
            raise BenchError(f"--against: the earlier run has no {name}, but {', '.join(known) or 'nothing'}")
        if known[name].options != given:
            raise BenchError(f"--against: {name} ran with {_options(known[name].options)}, not {_options(given)}")


def compare(earlier: EarlierRun, tries: Sequence[Result]) -> list[Comparison]:
    """The comparisons of one scenario, of which `tries` are the results: the best try of each figure counts."""
    before = next(scenario for scenario in earlier.scenarios if scenario.name == tries[0].name)
    compared = []
    for name in (figure.name for figure in tries[0].figures if figure.bound is not None):
        each = [
            _compare(before, result, figure) for result in tries for figure in result.figures if figure.name == name
        ]
        known = [one for one in each if one.times_worse is not None]
        best = min(known, key=lambda one: one.times_worse or 0.0) if known else each[0]
        compared.append(msgspec.structs.replace(best, tries=len(tries)))
    return compared


def _compare(before: EarlierScenario, result: Result, figure: Figure) -> Comparison:
    value, then, bound = figure.value, before.value(figure.name), figure.bound
    ratio = None
    if value is not None and then is not None and then > 0 and bound is not None:
        ratio = value / then
        if bound.more_is_better:
            ratio = 1 / ratio if ratio > 0 else inf
        if bound.over_floor:
            ratio = ratio * before.floor_us / result.floor_us if before.floor_us and result.floor_us else None
    return Comparison(before.name, figure, then, ratio, 1)


def table(comparisons: Sequence[Comparison]) -> Table:
    """The comparisons as a table for people."""
    return Table(
        "against the earlier run; a CPU time is divided by its run's kernel floor",
        ("scenario", "figure", "before", "now", "unit", "times worse", "allowed", "tries", "verdict"),
        [
            (
                one.scenario,
                one.figure.name,
                one.before,
                one.figure.value,
                one.figure.unit,
                one.times_worse,
                None if one.figure.bound is None else one.figure.bound.factor,
                one.tries,
                one.verdict,
            )
            for one in comparisons
        ],
    )


def _options(options: Mapping[str, int]) -> str:
    return " ".join(f"{name}={value}" for name, value in options.items()) or "no options"
