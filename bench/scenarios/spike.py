"""A room in steady use meets three spikes: everybody arrives at once, then writes at once, then leaves and comes back.

Meanwhile, before and after the same steady messages are sent, due by the clock: how much slower they get, and whether
they are as quick as before in the end. There is no pacing: every connect begins before the first reply, as after a
restart or at the start of a broadcast. The connections belong to several users, so that presence has work, too. Those
that come back resume where they had stopped, and are given what they missed.
"""

from __future__ import annotations

import msgspec

from bench import figure_builders
from bench.combined_load import CombinedLoad
from bench.histogram import merged
from bench.loaded_rooms import CombinedResult
from bench.result import CPU, Figure
from bench.scenario import Option, Scenario
from bench.scenario_context import ScenarioContext

_SENDERS = 5
_CONTENT_BYTES = 64
_RETURNS_PER_S = 4  # each: everybody has left within a quarter of a second
_BEFORE, _ARRIVAL, _STEADY, _MESSAGES = "few are there", "all arrive", "all are there", "all write"
_RETURN, _AFTER = "all come back", "after that"


def _run(context: ScenarioContext) -> list[Figure]:
    options = context.options
    count, present = options["connections"], options["present"]
    done: dict[str, CombinedResult] = {}
    with context.room(connections=count + present, users=min(count, options["users"])) as room:
        context.step("connecting those that are there before")
        room.connect(present, at_once=20, within_s=60)
        steady = CombinedLoad(
            seconds=options["seconds"],
            senders=min(_SENDERS, present),
            rate_per_s=options["rate"],
            content_bytes=_CONTENT_BYTES,
            may_refuse=True,
        )
        for name, plan in (
            (_BEFORE, steady),
            (_ARRIVAL, msgspec.structs.replace(steady, joining=count)),
            (_STEADY, steady),
            (_MESSAGES, msgspec.structs.replace(steady.times(options["times"]), senders=present)),
            (_RETURN, msgspec.structs.replace(steady, reconnects_per_s=count * _RETURNS_PER_S, reconnects_max=count)),
            (_AFTER, steady),
        ):
            context.step(name)
            done[name] = room.combined(plan)
            figure_builders.note_combined(context.findings, name, done[name])
        context.step("one message")
        last = room.send_one(content_bytes=_CONTENT_BYTES)
    arrived, back = done[_ARRIVAL], done[_RETURN]
    spent_s = figure_builders.difference(done[_BEFORE].load.cpu_s, arrived.load.cpu_s)
    cost_us = figure_builders.each_us(spent_s, count)
    return [
        Figure("all joined after", max(one.seconds for one in arrived.connected), "s"),
        *figure_builders.connects(arrived.connected, (50, 99, 100)),
        Figure("server CPU per connect and join, and the messages meanwhile", cost_us, "µs", CPU),
        *figure_builders.latency(
            "come back to rejoined", merged(one.ready_us for one in back.connected), (50, 99, 100)
        ),
        *(
            figure
            for name, one in done.items()
            for figure in figure_builders.latency(f"{name}: message to delivery", one.load.delivery(), (50, 99))
        ),
        Figure("p99 after the spikes over before them", _p99_over(done[_AFTER], done[_STEADY]), "times"),
        *figure_builders.latency("one message to all", last.delivery(), (50, 99, 100)),
    ]


def _p99_over(after: CombinedResult, before: CombinedResult) -> float | None:
    now, then = (one.load.delivery().percentile_ms(99) for one in (after, before))
    return now / then if now and then else None


SCENARIO = Scenario(
    name="spike",
    about="Everybody arrives at once, writes at once, leaves and comes back at once, in a room in use meanwhile.",
    options={
        "connections": Option(500, 1, 5000, "that arrive together"),
        "present": Option(50, 5, 1000, "connections that are there before"),
        "users": Option(20, 1, 200, "that they belong to"),
        "rate": Option(20, 1, 1000, "steady messages a second"),
        "times": Option(5, 1, 100, "as many, while all write"),
        "seconds": Option(2, 1, 120, "of each of six stretches"),
    },
    run=_run,
)
