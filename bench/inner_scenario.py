"""A scenario that another one runs within itself, for its figures."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from bench.scenario import Scenario
from bench.scenario_context import ScenarioContext


def figures_of(context: ScenarioContext, scenario: Scenario, options: Mapping[str, int]) -> dict[str, float | None]:
    """The figures of a run of that scenario, by name; its failures are those of `context`."""
    name = f"{context.name}, {scenario.name}"
    inner = msgspec.structs.replace(context, name=name, options=scenario.values(options), server_facts={})
    return {figure.name: figure.value for figure in scenario.run(inner)}
