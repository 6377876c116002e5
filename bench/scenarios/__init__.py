"""Every scenario by its name; a new one is a module here and a line in this table."""

from __future__ import annotations

from bench.scenario import Scenario
from bench.scenarios import (
    cache,
    changes,
    claims,
    echo,
    fanout,
    growth,
    idle,
    limits,
    mixed,
    overload,
    page,
    peers,
    performance,
    publish,
    rest,
    scale,
    search,
    soak,
    spike,
    store,
    stress,
    targets,
    timeline,
)

_MODULES = (
    fanout, changes, echo, idle, performance, stress, spike, mixed, store, search, cache, publish, rest, scale,
    limits, targets, claims, peers, overload, growth, page, timeline, soak,
)  # fmt: skip
SCENARIOS: dict[str, Scenario] = {module.SCENARIO.name: module.SCENARIO for module in _MODULES}
