"""Three times the peak load, from clients that do not wait for replies: what is still done, and how late is the loop?

In each turn the peak is measured first, of a server without load shedding: all senders send by the clock, whatever the
replies are, at a rate that is raised until it brings less than a tenth more acked messages a second, the time until all
are delivered included. (A closed loop shows less than a server can do: senders who wait for their replies limit it.)
Then they send at three times the peak. Two servers, one with load shedding as by default and one without, run side by
side and are overloaded in turns. Every acked message must reach everybody in its room, once and in order; refusals are
counted. Rates of the overload are those of the time of sending; the latency of a message counts from the moment it was
due, also where its reply came after that time. On a machine that has other users, the CPU time for each acked message
says more than the rates do.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from contextlib import ExitStack

import msgspec

from bench import figure_builders
from bench.client.worker_protocol import SendWindow
from bench.histogram import merged
from bench.latency_probe import LatencyProbe, ProbeLatencies
from bench.loaded_rooms import LoadedRooms, LoadResult
from bench.result import Figure
from bench.scenario import Option, Scenario
from bench.scenario_context import ScenarioContext

_WARM_UP_S = 1
_USERS = 20
_CONTENT_BYTES = 64
_FACTOR = 1.5  # from step to step of the search for the peak
_STEPS_MAX = 20
_GAIN_MIN = 1.1  # times what an earlier step did, where the rate is raised further
_OFFERED_MIN = 0.9  # of what was to be offered; below, the clients were too slow to overload the server so much
_AT_ONCE = 20  # joins: they are not measured, and of many at once some may be refused
_ANSWER_WITHIN_S = 100  # a server without shedding must first handle all that waits in the kernel's buffers
_WAYS = {"shedding": "true", "not shedding": "false"}


class _Setup(msgspec.Struct):
    """One server, and the results of its turns."""

    name: str
    rooms: LoadedRooms
    probe: LatencyProbe
    peaks: list[LoadResult] = []
    loads: list[LoadResult] = []
    latencies: list[ProbeLatencies] = []

    def peak_per_s(self) -> float:
        return statistics.mean(map(_done_per_s, self.peaks))

    def offered_per_s(self) -> float:
        return _per_s(self.loads, "sent") + _per_s(self.loads, "unsent")

    def figures(self) -> list[Figure]:
        peak, acked = self.peak_per_s(), _per_s(self.loads, "acked")
        ack = merged(load.ack().counts() for load in self.loads)
        peak_us, overload_us = _cost_us(self.peaks), _cost_us(self.loads)
        for_the_same = 100 * peak_us / overload_us if peak_us and overload_us else None
        ping = merged(one.ping.counts() for one in self.latencies)
        heartbeat = merged(one.heartbeat.counts() for one in self.latencies)
        return [
            Figure(f"{self.name}: peak", peak, "messages/s"),
            Figure(f"{self.name}: offered", self.offered_per_s(), "messages/s"),
            Figure(f"{self.name}: acked", acked, "messages/s"),
            Figure(f"{self.name}: acked, of the peak", 100 * acked / peak if peak else None, "%"),
            Figure(f"{self.name}: server CPU per acked message, at the peak", peak_us, "µs"),
            Figure(f"{self.name}: server CPU per acked message, overloaded", overload_us, "µs"),
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
            *figure_builders.latency(f"{self.name}: message to ack", ack, (50, 99)),
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
            _send(context, setup, _WARM_UP_S, context.options["rate"])
        for turn in range(context.options["turns"]):
            peak = _peak(context, setups[-1])  # one that sheds would refuse before it is at its peak
            rate_per_s = max(1.0, context.options["times"] * _done_per_s(peak))
            for setup in setups if turn % 2 == 0 else reversed(setups):
                context.step(f"{setup.name}: overload")
                setup.peaks.append(peak)
                setup.latencies.append(setup.probe.measure(context.options["seconds"]))
                setup.loads.append(_send(context, setup, context.options["seconds"], rate_per_s))
    figure_builders.note_load(context.findings, "peak", *setups[-1].peaks)
    for setup in setups:
        figure_builders.note_load(context.findings, f"{setup.name}, overload", *setup.loads)
        times = setup.offered_per_s() / max(1.0, setup.peak_per_s())
        if times < _OFFERED_MIN * context.options["times"]:
            context.findings.notes.append(
                f"{setup.name}: the clients could offer no more than {times:.1f} times the peak"
            )
    return [figure for setup in setups for figure in setup.figures()]


def _set_up(context: ScenarioContext, stack: ExitStack, name: str, adaptive: str) -> _Setup:
    rooms, each = context.options["rooms"], context.options["senders"] + context.options["readers"]
    server = stack.enter_context(context.server({"RATE_LIMIT_ADAPTIVE": adaptive}))
    taken = stack.enter_context(context.rooms([server], connections=rooms * each, users=min(_USERS, each), rooms=rooms))
    # First, because a connection may be refused while many others connect
    probe = stack.enter_context(LatencyProbe(server.address, taken.token))
    context.step(f"{name}: connecting")
    taken.connect(rooms * each, at_once=_AT_ONCE, within_s=60)
    return _Setup(name, taken, probe)


def _peak(context: ScenarioContext, setup: _Setup) -> LoadResult:
    """The step with the most acked messages a second, of a rate that rises until that brings no more."""
    rate_per_s, results = float(context.options["rate"]), list[LoadResult]()
    for _ in range(_STEPS_MAX):
        context.step(f"{setup.name}: peak, {rate_per_s:,.0f} messages/s")
        before_per_s = max(map(_done_per_s, results), default=0.0)
        results.append(_send(context, setup, context.options["peak_seconds"], rate_per_s))
        if _done_per_s(results[-1]) < _GAIN_MIN * before_per_s:
            break
        rate_per_s *= _FACTOR
    return max(results, key=_done_per_s)


def _done_per_s(load: LoadResult) -> float:
    """Acked messages for each second from the first send until everything was delivered."""
    return load.acked / load.wall_s


def _send(context: ScenarioContext, setup: _Setup, seconds: float, rate_per_s: float) -> LoadResult:
    return setup.rooms.send(
        senders=context.options["rooms"] * context.options["senders"],
        rate_per_s=rate_per_s,
        seconds=seconds,
        content_bytes=_CONTENT_BYTES,
        may_refuse=True,
        within_s=_ANSWER_WITHIN_S,
    )


def _windows(loads: Sequence[LoadResult]) -> list[SendWindow]:
    return [window for load in loads for window in load.windows]


def _cost_us(loads: Sequence[LoadResult]) -> float | None:
    """The server's CPU time, while it replied, for each acked message; refusals are included."""
    spent = [load.cpu_s for load in loads if load.cpu_s is not None]
    return figure_builders.each_us(sum(spent) if len(spent) == len(loads) else None, sum(load.acked for load in loads))


def _per_s(loads: Sequence[LoadResult], what: str) -> float:
    """Mean rate over the turns of what all client processes counted together."""
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
        "rate": Option(
            1000, 1, 100_000, "messages a second in the first step to the peak; each next one is 1.5 times that"
        ),
        "peak_seconds": Option(2, 1, 60, "of each step to the peak"),
        "seconds": Option(4, 1, 120, "of overload"),
        "turns": Option(1, 1, 20, "of peak and overload, for each server"),
    },
    run=_run,
)
