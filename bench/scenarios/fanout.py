"""One room, many connections, a steady stream of messages: the server's CPU time for each delivery.

Each message is stored before it is sent, as always. One connection in twenty sends, at a fixed rate in all; a second of
warming up is not counted. The latency of a delivery counts from the moment its message was due. After that the floor is
measured: the same number of loopback sockets, messages of the same size at the same rate, and only `send()`.
"""

from __future__ import annotations

from bench import figure_builders, kernel_floor
from bench.result import CPU, Figure
from bench.scenario import Option, Scenario
from bench.scenario_context import ScenarioContext

_WARM_UP_S = 1
_FLOOR_ROUNDS = 60


def _run(context: ScenarioContext) -> list[Figure]:
    connections, rate, content_bytes = (context.options[name] for name in ("connections", "rate", "bytes"))
    senders = max(1, connections // 20)
    with context.room(connections=connections) as room:
        context.step("connecting")
        room.connect(connections, at_once=200, within_s=60)
        context.step("warming up")
        room.send(senders=senders, rate_per_s=rate, seconds=_WARM_UP_S, content_bytes=content_bytes)
        context.step("sending")
        load = room.send(
            senders=senders, rate_per_s=rate, seconds=context.options["seconds"], content_bytes=content_bytes
        )
    context.step("measuring the floor")
    floor_us = kernel_floor.measure(
        sockets=connections, message_bytes=load.frame_bytes, rounds=_FLOOR_ROUNDS, pause_s=1 / rate
    )
    figure_builders.note_load(context.findings, "", load)
    cost_us = figure_builders.each_us(load.cpu_s, load.deliveries)
    return [
        Figure("deliveries", load.deliveries, ""),
        Figure("deliveries/s", load.deliveries / load.wall_s, "/s"),
        Figure("server CPU per delivery", cost_us, "µs", CPU),
        Figure("floor: bare send() from Python", floor_us, "µs"),
        Figure("server over floor", None if cost_us is None else cost_us / floor_us, "times"),
        Figure("frame", load.frame_bytes, "bytes"),
        *figure_builders.latency("message to delivery", load.delivery(), (50, 95, 99)),
        figure_builders.client_cpu(load),
    ]


SCENARIO = Scenario(
    name="fanout",
    about="Steady messages to one room: the server's CPU for each delivery, beside what a bare send() costs.",
    options={
        "connections": Option(1000, 1, 9000, "connections in the room"),
        "rate": Option(30, 1, 1000, "messages a second"),
        "seconds": Option(8, 1, 120, "of sending"),
        "bytes": Option(64, 20, 2000, "of content"),
    },
    run=_run,
)
