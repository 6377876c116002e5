"""Four phases as reports of load tests have them: warm-up, load, spike, cool-down, with REST and WebSocket in each.

In the spike messages and requests come several times as often, and half as many connections more arrive at once. What
is due is made by the clock in every phase, whatever the replies are. The last phase is like the first: what it shows
worse is what the spike left behind.
"""

from __future__ import annotations

import msgspec

from bench import figure_builders, request_mix
from bench.histogram import Histogram
from bench.loaded_rooms import CombinedResult
from bench.result import CPU, Figure, Plot
from bench.scenario import Option, Scenario
from bench.scenario_context import ScenarioContext

_QUIET = 0.25  # of the load's rates, in the first and the last phase
_PERCENTS = (50, 95, 99)


def _run(context: ScenarioContext) -> list[Figure]:
    options = context.options
    connections, rooms, arriving = options["connections"], options["rooms"], options["connections"] // 2
    done: dict[str, CombinedResult] = {}
    with context.loaded_rooms(connections=connections + arriving, users=options["users"], rooms=rooms) as loaded:
        context.step("connecting")
        loaded.connect_readers(connections, at_once=200, within_s=60)
        load = request_mix.load(options, loaded.room_ids, seconds=options["load_seconds"])
        quiet = load.times(_QUIET).lasting(options["quiet_seconds"])
        spike = msgspec.structs.replace(
            load.times(options["times"]).lasting(options["spike_seconds"]), joining=arriving
        )
        for name, plan in {"warm-up": quiet, "load": load, "spike": spike, "cool-down": quiet}.items():
            context.step(name)
            done[name] = loaded.combined(plan)
            figure_builders.note_combined(context.findings, name, done[name])
    latencies = {name: _all_latencies(one) for name, one in done.items()}
    context.findings.plots.append(_plot(latencies))
    return [
        *(figure for name, one in done.items() for figure in _figures(name, one, latencies[name])),
        Figure("p99 of the cool-down over the warm-up", _over(latencies["cool-down"], latencies["warm-up"]), "times"),
        Figure("RSS grown from warm-up to cool-down", _grown_mb(done["warm-up"], done["cool-down"]), "MB"),
    ]


def _figures(name: str, done: CombinedResult, latency: Histogram) -> list[Figure]:
    requests, errors, _ = figure_builders.all_requests(done)
    count = requests + done.load.messages
    errors += done.load.messages - done.load.acked
    cost_us = figure_builders.each_us(done.load.cpu_s, count)
    return [
        Figure(f"{name}: requests and messages", count / done.seconds, "/s"),
        Figure(f"{name}: errors", 100 * errors / count if count else None, "%"),
        *figure_builders.latency(f"{name}: request to reply, or message to ack", latency, _PERCENTS),
        Figure(f"{name}: server CPU per request or message", cost_us, "µs", CPU if name == "load" else None),
    ]


def _all_latencies(done: CombinedResult) -> Histogram:
    """Of REST requests until their reply, and of messages until their ack."""
    _, _, requests = figure_builders.all_requests(done)
    return figure_builders.latencies_together(requests, done.load.ack())


def _over(after: Histogram, before: Histogram) -> float | None:
    then, now = before.percentile_ms(99), after.percentile_ms(99)
    return now / then if now and then else None


def _grown_mb(first: CombinedResult, last: CombinedResult) -> float | None:
    grown = figure_builders.difference(first.load.rss_bytes, last.load.rss_bytes)
    return None if grown is None else grown / 1e6


def _plot(latencies: dict[str, Histogram]) -> Plot:
    lines = {
        f"p{percent}": [
            (float(number), histogram.percentile_ms(percent) or 0.0)
            for number, histogram in enumerate(latencies.values(), 1)
        ]
        for percent in _PERCENTS
    }
    return Plot("request to reply, or message to ack, by phase", f"phases: {', '.join(latencies)}", "ms", lines)


SCENARIO = Scenario(
    name="performance",
    about="Four phases with REST and WebSocket: warm-up, load, spike, cool-down; what each takes, and what stays.",
    options={
        "connections": Option(600, 2, 6000, "WebSockets; half as many more arrive in the spike"),
        "rooms": Option(20, 1, 200, "in which they are"),
        "users": Option(20, 1, 200, "that they belong to"),
        "rate": Option(80, 1, 5000, "messages a second in the load phase"),
        "request_rate": Option(120, 1, 5000, "REST requests a second in the load phase"),
        "http_connections": Option(50, 1, 1000, "on which these are made"),
        "times": Option(3, 1, 50, "the load's rates, in the spike"),
        "quiet_seconds": Option(4, 1, 3600, "of warm-up, and of cool-down, at a quarter of the load's rates"),
        "load_seconds": Option(12, 1, 3600, "of load"),
        "spike_seconds": Option(4, 1, 3600, "of spike"),
    },
    run=_run,
)
