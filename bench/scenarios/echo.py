"""A small room in which everybody sends as fast as the server allows: how long until one is stored and delivered?

Each connection sends its next message when its last one was acked, which means stored, and was delivered back to it.
Everybody receives everything and checks it. A second of warming up is not counted.
"""

from __future__ import annotations

from bench import figure_builders
from bench.result import CPU_OF_BATCHES, Figure
from bench.scenario import Option, Scenario
from bench.scenario_context import ScenarioContext

_WARM_UP_S = 1


def _run(context: ScenarioContext) -> list[Figure]:
    connections, content_bytes = context.options["connections"], context.options["bytes"]
    with context.room(connections=connections) as room:
        context.step("connecting")
        room.connect(connections, at_once=200, within_s=60)
        context.step("warming up")
        room.send(senders=connections, rate_per_s=None, seconds=_WARM_UP_S, content_bytes=content_bytes)
        context.step("talking")
        load = room.send(
            senders=connections, rate_per_s=None, seconds=context.options["seconds"], content_bytes=content_bytes
        )
    figure_builders.note_load(context.findings, "", load)
    return [
        Figure("messages/s", load.messages / load.wall_s, "/s"),
        Figure("deliveries/s", load.deliveries / load.wall_s, "/s"),
        Figure("server CPU per message", figure_builders.each_us(load.cpu_s, load.messages), "µs", CPU_OF_BATCHES),
        *figure_builders.latency("message to ack", load.ack(), (50, 99)),
        *figure_builders.latency("message to own delivery", load.own_delivery(), (50, 99)),
        figure_builders.client_cpu(load),
    ]


SCENARIO = Scenario(
    name="echo",
    about="A small room in a closed loop: durable messages a second, and how long each takes to be acked and be back.",
    options={
        "connections": Option(20, 1, 1000, "all in one room, all sending"),
        "seconds": Option(6, 1, 120, "of talking"),
        "bytes": Option(64, 20, 2000, "of content"),
    },
    run=_run,
)
