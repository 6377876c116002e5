"""One room, many connections, a steady stream of edits and reactions: the server's CPU time for each delivery.

Each change is an entry of the room's changes log with the whole message, stored before it is told; reactions to one
message that share a commit share an entry, and so an event. Every connection checks that it gets each rev once, in
order. The latency of an edit counts from the moment it was due, that of a reaction to its ack.
"""

from __future__ import annotations

from bench import figure_builders
from bench.result import CPU, Figure
from bench.scenario import Option, Scenario
from bench.scenario_context import ScenarioContext

_WARM_UP_S = 1


def _run(context: ScenarioContext) -> list[Figure]:
    options = context.options
    connections, rate, content_bytes = (options[name] for name in ("connections", "rate", "bytes"))
    senders = min(connections, options["senders"])
    with context.room(connections=connections, users=senders) as room:
        context.step("connecting")
        room.connect(connections, at_once=200, within_s=60)
        context.step("writing what is changed")
        room.send(senders=senders, rate_per_s=senders, seconds=_WARM_UP_S, content_bytes=content_bytes)
        room.watch_changes()
        context.step("changing")
        load = room.send_changes(
            senders=senders,
            rate_per_s=rate,
            seconds=options["seconds"],
            edits_percent=options["edits"],
            content_bytes=content_bytes,
        )
    figure_builders.note_load(context.findings, "changes", load)
    return [
        Figure("changes", load.messages, ""),
        Figure("events to each connection", load.deliveries / connections, ""),
        Figure("deliveries/s", load.deliveries / load.wall_s, "/s"),
        Figure("server CPU per delivery", figure_builders.each_us(load.cpu_s, load.deliveries), "µs", CPU),
        Figure("server CPU per change", figure_builders.each_us(load.cpu_s, load.messages), "µs", CPU),
        Figure("frame", load.frame_bytes, "bytes"),
        *figure_builders.latency("edit to delivery", load.delivery(), (50, 95, 99)),
        *figure_builders.latency("change to ack", load.ack(), (50, 95, 99)),
        figure_builders.client_cpu(load),
    ]


SCENARIO = Scenario(
    name="changes",
    about="Steady edits and reactions in one room: the server's CPU for each delivery, each rev once and in order.",
    options={
        "connections": Option(1000, 1, 9000, "connections in the room"),
        "senders": Option(20, 1, 200, "of them that change messages, each of a user of its own"),
        "rate": Option(100, 1, 1000, "changes a second"),
        "edits": Option(50, 0, 100, "% of the changes that are edits; the others are reactions"),
        "seconds": Option(6, 1, 120, "of changing"),
        "bytes": Option(64, 20, 2000, "of content"),
    },
    run=_run,
)
