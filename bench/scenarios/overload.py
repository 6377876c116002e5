"""Three times as much as the server can do, from people who do not wait for each other: what is still done, and how
late is the loop?

First the peak: up to 600 send their next message when their last was acked and is back. Then all send, at a rate of
three times that, by the clock, whatever they are answered. All this on a server as it comes and on one that sheds
nothing, which run beside each other and are measured in turns, each turn with a peak of its own. Every message that was
acked must have come to everybody in its room, once and in order; who is refused is counted. The rates are those of the
time of sending; the latency of a message counts from when it was due, also where its answer came later. On a machine
that others use, too, the CPU for each acked message says more than the rates do.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import msgspec

from bench import figure_builders
from bench.client.worker_protocol import SendWindow
from bench.histogram import merged
from bench.latency_probe import LatencyProbe, ProbeLatencies
from bench.loaded_rooms import LoadedRooms, LoadResult
from bench.scenario import Figure, Option, Scenario
from bench.scenario_context import ScenarioContext

_WARM_UP_S = 1
_USERS = 20
_CONTENT_BYTES = 64
_PEAK_SENDERS = 600  # several in each room, as a commit of several costs less; of more each would only wait longer
_AT_ONCE = 20  # that join: it is not what is measured, and a herd may be refused
_ANSWER_WITHIN_S = 100  # a server that sheds nothing works off all that waits in the kernel's buffers
_WAYS = {"shedding": "true", "not shedding": "false"}


class _Setup(msgspec.Struct):
    """One server, and what its turns came to."""

    name: str
    rooms: LoadedRooms
    probe: LatencyProbe
    peaks: list[LoadResult] = []
    loads: list[LoadResult] = []
    latencies: list[ProbeLatencies] = []

    def figures(self) -> list[Figure]:
        peak, acked = _per_s(self.peaks, "acked"), _per_s(self.loads, "acked")
        ack = merged(load.ack().counts() for load in self.loads)
        peak_us, overload_us = _cost_us(self.peaks), _cost_us(self.loads)
        for_the_same = 100 * peak_us / overload_us if peak_us and overload_us else None
        ping = merged(one.ping.counts() for one in self.latencies)
        heartbeat = merged(one.heartbeat.counts() for one in self.latencies)
        return [
            Figure(f"{self.name}: peak, closed loop", peak, "messages/s"),
            Figure(f"{self.name}: offered", _per_s(self.loads, "sent") + _per_s(self.loads, "unsent"), "messages/s"),
            Figure(f"{self.name}: acked", acked, "messages/s"),
            Figure(f"{self.name}: acked, of the peak", 100 * acked / peak if peak else None, "%"),
            Figure(f"{self.name}: server CPU per acked, at the peak", peak_us, "µs"),
            Figure(f"{self.name}: server CPU per acked, overloaded", overload_us, "µs"),
            Figure(f"{self.name}: acked for the same CPU, of the peak", for_the_same, "%"),
            Figure(f"{self.name}: refused", _per_s(self.loads, "refused"), "messages/s"),
            Figure(f"{self.name}: not taken by the kernel", _per_s(self.loads, "unsent"), "messages/s"),
            Figure(f"{self.name}: deliveries to readers", _per_s(self.loads, "read"), "/s"),
            Figure(
                f"{self.name}: longest silence of a reader",
                1e3 * max(one.silence_s for one in _windows(self.loads)),
                "ms",
            ),
            *figure_builders.latency(f"{self.name}: answer to a ping, which is the loop's lag", ping, (50, 99)),
            *figure_builders.latency(f"{self.name}: answer to a heartbeat", heartbeat, (50, 99)),
            *figure_builders.latency(f"{self.name}: due to ack", ack, (50, 99)),
            Figure(
                f"{self.name}: busiest client process",
                max(one.cpu_percent for one in _windows(self.loads)),
                "% of a core",
            ),
        ]


def _run(context: ScenarioContext) -> list[Figure]:
    with ExitStack() as stack:
        ways = _WAYS if context.given is None else {"the server given": ""}
        setups = [_set_up(context, stack, name, adaptive) for name, adaptive in ways.items()]
        for setup in setups:
            context.step(f"{setup.name}: warming up")
            _send(context, setup, _WARM_UP_S)
        for turn in range(context.options["turns"]):
            for setup in setups if turn % 2 == 0 else reversed(setups):
                context.step(f"{setup.name}: peak")
                peak = _send(context, setup, context.options["peak_seconds"])
                setup.peaks.append(peak)
                context.step(f"{setup.name}: overload")
                rate_per_s = max(1.0, context.options["times"] * _per_s([peak], "acked"))
                setup.latencies.append(setup.probe.measure(context.options["seconds"]))
                setup.loads.append(_send(context, setup, context.options["seconds"], rate_per_s))
    return [figure for setup in setups for figure in setup.figures()]


def _set_up(context: ScenarioContext, stack: ExitStack, name: str, adaptive: str) -> _Setup:
    rooms, each = context.options["rooms"], context.options["senders"] + context.options["readers"]
    server = stack.enter_context(context.server({"RATE_LIMIT_ADAPTIVE": adaptive}))
    taken = stack.enter_context(context.rooms([server], connections=rooms * each, users=min(_USERS, each), rooms=rooms))
    # First: who comes while a herd comes may be refused
    probe = stack.enter_context(LatencyProbe(server.address, taken.token))
    context.step(f"{name}: connecting")
    taken.connect(rooms * each, at_once=_AT_ONCE, within_s=60)
    return _Setup(name, taken, probe)


def _send(context: ScenarioContext, setup: _Setup, seconds: float, rate_per_s: float | None = None) -> LoadResult:
    senders = context.options["rooms"] * context.options["senders"]
    return setup.rooms.send(
        senders=senders if rate_per_s is not None else min(senders, _PEAK_SENDERS),
        rate_per_s=rate_per_s,
        seconds=seconds,
        content_bytes=_CONTENT_BYTES,
        may_refuse=rate_per_s is not None,
        within_s=_ANSWER_WITHIN_S,
    )


def _windows(loads: Sequence[LoadResult]) -> list[SendWindow]:
    return [window for load in loads for window in load.windows]


def _cost_us(loads: Sequence[LoadResult]) -> float | None:
    """The server's CPU for each message that it acked, what it spent on refusing others included: so long as it
    answered.
    """
    spent = [load.cpu_s for load in loads if load.cpu_s is not None]
    return figure_builders.each_us(sum(spent) if len(spent) == len(loads) else None, sum(load.acked for load in loads))


def _per_s(loads: Sequence[LoadResult], what: str) -> float:
    """What the client processes counted, together, in the mean of the turns."""
    return sum(float(getattr(window, what)) / window.seconds for window in _windows(loads)) / len(loads)


SCENARIO = Scenario(
    name="overload",
    about=(
        "Three times the peak, by the clock: what is still acked, what is refused, how late "
        "the loop is, with shedding and without."
    ),
    options={
        "rooms": Option(150, 1, 1000, "all under load"),
        "senders": Option(8, 1, 500, "in each room"),
        "readers": Option(2, 1, 500, "in each room, who only read"),
        "times": Option(3, 1, 10, "the peak, offered"),
        "peak_seconds": Option(3, 1, 60, "of a closed loop"),
        "seconds": Option(8, 1, 120, "of overload"),
        "turns": Option(1, 1, 20, "of peak and overload, for each server"),
    },
    run=_run,
    with_all=False,
)
