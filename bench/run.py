"""Runs scenarios one after the other, with the kernel floor between them; repeats those that look worse than before."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import msgspec

from bench import comparison, kernel_floor
from bench.comparison import Comparison, EarlierRun
from bench.errors import BenchError
from bench.measured_server import MeasuredServer
from bench.progress_line import ProgressLine
from bench.result import Result
from bench.scenario import Scenario
from bench.scenario_context import ScenarioContext
from bench.stop_signals import StopSignals

Options = Mapping[str, Mapping[str, int]]


class Run:
    """One run of the bench. `results` has every try, in the order in which they were made."""

    def __init__(self, *, progress: ProgressLine, stop_signals: StopSignals, given: MeasuredServer | None) -> None:
        self.results: list[Result] = []
        self._progress = progress
        self._stop_signals = stop_signals
        self._given = given

    def measure(self, scenarios: Sequence[Scenario], options: Options) -> None:
        """Run each of them once. A scenario's floor is the mean of those before and after it."""
        before_us = self._floor_us()
        for scenario in scenarios:
            result = self._result(scenario, options[scenario.name])
            after_us = self._floor_us()
            known = [one for one in (before_us, after_us) if one is not None]
            floor_us = sum(known) / len(known) if known else None
            self.results.append(msgspec.structs.replace(result, floor_us=floor_us))
            before_us = after_us

    def measure_against(
        self, earlier: EarlierRun, scenarios: Sequence[Scenario], options: Options, *, tries: int
    ) -> list[Comparison]:
        """Run each of them once, and those that have not passed again, until they have or had all their tries."""
        waiting = list(scenarios)
        compared: dict[str, list[Comparison]] = {}
        for _ in range(tries):
            self.measure(waiting, options)
            for scenario in waiting:
                each = [result for result in self.results if result.name == scenario.name]
                compared[scenario.name] = comparison.compare(earlier, each)
            waiting = [scenario for scenario in waiting if not all(one.has_passed for one in compared[scenario.name])]
            if not waiting:
                break
        return [one for each in compared.values() for one in each]

    def _result(self, scenario: Scenario, options: Mapping[str, int]) -> Result:
        context = ScenarioContext(scenario.name, options, self._progress, self._stop_signals, given=self._given)
        started = time.monotonic()
        figures = []
        try:
            figures = scenario.run(context)
        except BenchError as error:
            context.failures.add(str(error))
        return Result(
            name=scenario.name,
            about=scenario.about,
            options=context.options,
            figures=figures,
            failure_count=context.failures.count,
            failures=context.failures.kept,
            seconds=time.monotonic() - started,
            server=context.server_facts,
            findings=context.findings,
        )

    def _floor_us(self) -> float | None:
        self._stop_signals.check()
        self._progress.begin("measuring the kernel floor")
        try:
            return kernel_floor.of_this_moment()
        except BenchError:  # figures over the floor are then not compared, all others are
            return None
