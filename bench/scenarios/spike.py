"""Everybody connects at once: how long until all have joined and one message has reached all of them?

There is no pacing: every connect begins before the first reply, as after a restart or at the start of a broadcast. The
connections belong to several users, so that presence has work, too.
"""

from __future__ import annotations

from bench import figure_builders
from bench.result import Figure
from bench.scenario import Option, Scenario
from bench.scenario_context import ScenarioContext


def _run(context: ScenarioContext) -> list[Figure]:
    count = context.options["connections"]
    with context.room(connections=count, users=min(count, context.options["users"])) as room:
        cpu_before = room.server.cpu_s()
        context.step("connecting")
        connected = room.connect(count, at_once=count, within_s=60)
        cpu_after = room.server.cpu_s()
        context.step("one message")
        load = room.send_one(content_bytes=64)
    return [
        Figure("all joined after", max(one.seconds for one in connected), "s"),
        *figure_builders.connects(connected, (50, 99, 100)),
        Figure(
            "server CPU per connect and join",
            figure_builders.each_us(figure_builders.difference(cpu_before, cpu_after), count),
            "µs",
        ),
        *figure_builders.latency("one message to all", load.delivery(), (50, 99, 100)),
    ]


SCENARIO = Scenario(
    name="spike",
    about="Everybody connects and joins at once, then one message goes to all.",
    options={
        "connections": Option(500, 1, 5000, "that arrive together"),
        "users": Option(20, 1, 200, "that they belong to"),
    },
    run=_run,
)
