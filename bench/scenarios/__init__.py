"""Every scenario by its name; a new one is a module here and a line in this table."""

from __future__ import annotations

from bench.scenario import Scenario
from bench.scenarios import echo, fanout, idle, spike, store

SCENARIOS: dict[str, Scenario] = {
    one.name: one for one in (fanout.SCENARIO, echo.SCENARIO, idle.SCENARIO, spike.SCENARIO, store.SCENARIO)
}
