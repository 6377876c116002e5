"""Every scenario by its name; a new one is a module here and a line in this table."""

from __future__ import annotations

from bench.scenario import Scenario
from bench.scenarios import cache, changes, echo, fanout, idle, limits, overload, publish, scale, search, spike, store

SCENARIOS: dict[str, Scenario] = {
    one.SCENARIO.name: one.SCENARIO
    for one in (fanout, changes, echo, idle, spike, store, search, cache, publish, scale, limits, overload)
}
