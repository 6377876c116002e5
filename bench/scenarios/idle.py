"""Connections that have joined a room and send nothing: the memory that each costs, and how fast they connect.

Memory is the server's resident memory before the first connect and a moment after the last, divided by their number.
At the end one message goes to all of them, which shows that all are alive.
"""

from __future__ import annotations

import time

from bench import figure_builders
from bench.result import CPU, MEMORY, Figure, Usage
from bench.scenario import Option, Scenario
from bench.scenario_context import ScenarioContext

_LEFTOVERS_S = 1.0  # resident memory is read after the temporary objects of the connects have been freed


def _run(context: ScenarioContext) -> list[Figure]:
    count = context.options["connections"]
    with context.room(connections=count) as room:
        rss_before, cpu_before = room.server.rss_bytes(), room.server.cpu_s()
        context.step("connecting")
        connected = room.connect(count, at_once=200, within_s=120)
        time.sleep(_LEFTOVERS_S)
        rss_after, cpu_after = room.server.rss_bytes(), room.server.cpu_s()
        context.step("one message")
        load = room.send_one(content_bytes=64)
    grown = figure_builders.difference(rss_before, rss_after)
    spent_s = figure_builders.difference(cpu_before, cpu_after)
    context.findings.operations.append(
        figure_builders.connect_operation("connect to joined", connected, count, Usage(spent_s, rss_after))
    )
    figure_builders.note_load(context.findings, "to all", load)
    seconds = max(one.seconds for one in connected)
    return [
        Figure("RSS per connection", None if grown is None else grown / 1000 / count, "KB", MEMORY),
        Figure("RSS in all", None if rss_after is None else rss_after / 1e6, "MB"),
        Figure("connects and joins/s", sum(one.ready for one in connected) / max(seconds, 1e-9), "/s"),
        Figure("server CPU per connect and join", figure_builders.each_us(spent_s, count), "µs", CPU),
        *figure_builders.connects(connected, (50, 99)),
        *figure_builders.latency("one message to all", load.delivery(), (50, 100)),
    ]


SCENARIO = Scenario(
    name="idle",
    about="Connections that only listen: the memory each takes, and how many a second can come.",
    options={"connections": Option(2000, 1, 9000, "that join one room and wait")},
    run=_run,
)
