"""REST and WebSocket together, over many connections: what each kind of request and a message take at the same time.

Everything is due by the clock, and its latency counts from then. Messages posted by REST reach the connections as those
sent over WebSockets do, and are checked alike. A second of warming up is not counted.
"""

from __future__ import annotations

from bench import figure_builders, request_mix
from bench.result import CPU, Figure
from bench.scenario import Option, Scenario
from bench.scenario_context import ScenarioContext

_WARM_UP_S = 1


def _run(context: ScenarioContext) -> list[Figure]:
    options = context.options
    connections, rooms = options["connections"], options["rooms"]
    with context.loaded_rooms(connections=connections, users=options["users"], rooms=rooms) as loaded:
        context.step("connecting")
        loaded.connect_readers(connections, at_once=200, within_s=60)
        plan = request_mix.load(options, loaded.room_ids, seconds=options["seconds"])
        context.step("warming up")
        loaded.combined(plan.lasting(_WARM_UP_S))
        context.step("messages and requests")
        done = loaded.combined(plan)
    figure_builders.note_combined(context.findings, "", done)
    count, errors, latency = figure_builders.all_requests(done)
    all_count = count + done.load.messages
    all_errors = errors + done.load.messages - done.load.acked
    return [
        Figure("requests/s", count / done.seconds, "/s"),
        Figure("messages/s over WebSockets", done.load.messages / done.seconds, "/s"),
        Figure("deliveries/s", done.load.deliveries / done.load.wall_s, "/s"),
        Figure("server CPU per request or message", figure_builders.each_us(done.load.cpu_s, all_count), "µs", CPU),
        *figure_builders.latency("request to reply", latency, (50, 95, 99)),
        *figure_builders.latency("message to delivery", done.load.delivery(), (50, 95, 99)),
        Figure("errors", 100 * all_errors / all_count if all_count else None, "%"),
        figure_builders.client_cpu(done.load),
    ]


SCENARIO = Scenario(
    name="mixed",
    about="REST and WebSocket together: each kind of request and the messages, all due by the clock.",
    options={
        "connections": Option(1000, 1, 9000, "WebSockets, spread over the rooms"),
        "rooms": Option(20, 1, 200, "in which they are"),
        "users": Option(20, 1, 200, "that they belong to"),
        "rate": Option(100, 1, 5000, "messages a second over WebSockets"),
        "request_rate": Option(150, 1, 5000, "REST requests a second, a tenth of which post a message"),
        "http_connections": Option(50, 1, 1000, "on which these are made"),
        "seconds": Option(8, 1, 3600, "of both"),
    },
    run=_run,
)
