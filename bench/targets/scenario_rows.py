"""The rows that other scenarios measure: their figures, held against the targets."""

from __future__ import annotations

from bench.inner_scenario import figures_of
from bench.scenario_context import ScenarioContext
from bench.scenarios import cache, rest, scale
from bench.targets.target_row import TargetRow

_ONE = "1 process: server CPU per delivery"
_OVER = "{} processes over 1 process, both CPU per delivery"
_CACHED = {"user": 6.7, "room stats": 10, "newest 50": 3.3}  # the original report's
_WITHOUT = "not cached"
_OF_HEALTH = {"newest page": 0.95, "a room": 0.85, "my rooms": 0.7}


def rest_rows(context: ScenarioContext) -> list[TargetRow]:
    """Requests by REST, against an application of Tornado's own that has nothing but /health."""
    figures = figures_of(context, rest.SCENARIO, {"turns": 2, "turn_ms": 1000})
    at_once = rest.SCENARIO.options["connections"].default
    rows = []
    for what, bound in _OF_HEALTH.items():
        work, ratio = f"{what} by REST, {at_once} at once", figures.get(f"{what}: of {rest.TORNADO}")
        rows.append(TargetRow(work, "requests/s", figures.get(what), "Tornado's /health", ratio, bound, at_least=True))
    return rows


def scale_rows(context: ScenarioContext) -> list[TargetRow]:
    """Rooms on one, two and four processes with Redis."""
    figures = figures_of(context, scale.SCENARIO, {"seconds": min(6, 2 * context.options["seconds"])})
    options = scale.SCENARIO.options
    work = "{} rooms of {}, {} messages/s".format(*(options[name].default for name in ("rooms", "connections", "rate")))
    one = figures.get(_ONE)
    rows = [TargetRow(f"{work}, 1 process with Redis", "µs CPU a delivery", one, "", one, 30)]
    for count, bound in ((2, 1.15), (4, 1.3)):
        over = figures.get(_OVER.format(count))
        cost = figures.get(f"{count} processes: server CPU per delivery")
        rows.append(TargetRow(f"{work}, {count} processes", "µs CPU a delivery", cost, "1 process", over, bound))
    return rows


def cache_rows(context: ScenarioContext) -> list[TargetRow]:
    """What a value through Redis costs, against one that is not cached."""
    figures = figures_of(context, cache.SCENARIO, {"turns": 3, "turn_ms": 100, "seconds": 1})
    rows = []
    for askers in (1, cache.SCENARIO.options["askers"].default):
        for what, bound in _CACHED.items():
            name = f"{what}, {askers} at once"
            times = figures.get(f"{name}: Redis")
            without_ms = figures.get(f"{name}: not cached")
            with_ms = without_ms / times if without_ms is not None and times else None
            rows.append(TargetRow(f"{name}, through Redis", "ms", with_ms, _WITHOUT, times, bound, at_least=True))
    return rows
