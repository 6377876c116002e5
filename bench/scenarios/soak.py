"""A long run of everything at once, watched for what grows: memory, descriptors, loop lag, lost or doubled messages.

Messages, edits, reactions and REST requests are due by the clock; meanwhile connections end, each second one without a
Close frame, and come back to resume. Between stretches everything that was acked must have reached everybody, once and
in order; then the server's memory and descriptors are read. A value has leaked if the median of the run's last quarter
is above that of its second by more than stated below. It stops at the first wrong delivery.
"""

from __future__ import annotations

import msgspec

from bench import figure_builders, request_mix
from bench.client.worker_protocol import RequestCounts
from bench.combined_load import CombinedLoad
from bench.errors import BenchError
from bench.histogram import Histogram, merged
from bench.latency_probe import LatencyProbe
from bench.leak_limit import SAMPLES_MIN, Limit
from bench.loaded_rooms import CombinedResult, LoadedRooms
from bench.result import Figure, Operation, Plot, Table, Usage
from bench.scenario import Option, Scenario
from bench.scenario_context import ScenarioContext

_RSS = Limit("resident memory", "MB", 10, 16)  # SQLite's page caches fill for longer than a quarter of an hour
_DESCRIPTORS = Limit("open descriptors", "", 0, 10)
_LAG = Limit("loop lag, p99 of a ping", "ms", 100, 20)
_DELIVERY = Limit("message to delivery, p99", "ms", 100, 20)


class _Sample(msgspec.Struct, frozen=True):
    """What was read after one stretch."""

    minute: float
    rss_mb: float
    descriptors: float
    lag_ms: float
    delivery_ms: float


class _Totals(msgspec.Struct):
    """The counts of all stretches, added up as they come: a long run keeps no more than a short one."""

    seconds: float = 0.0
    messages: int = 0
    acked: int = 0
    deliveries: int = 0
    changes: int = 0
    reconnects: int = 0
    refused: int = 0
    cpu_s: float | None = 0.0
    rss_bytes: int | None = None
    ack: Histogram = msgspec.field(default_factory=Histogram)
    delivery: Histogram = msgspec.field(default_factory=Histogram)
    rejoined: Histogram = msgspec.field(default_factory=Histogram)
    requests: dict[str, RequestCounts] = {}

    def add(self, done: CombinedResult) -> None:
        self.seconds += done.seconds
        self.messages += done.load.messages
        self.acked += done.load.acked
        self.deliveries += done.load.deliveries
        self.changes += done.changes
        self.reconnects += sum(one.ready for one in done.connected)
        self.refused += sum(one.refused for one in done.connected)
        self.cpu_s = None if self.cpu_s is None or done.load.cpu_s is None else self.cpu_s + done.load.cpu_s
        self.rss_bytes = done.load.rss_bytes
        self.ack = figure_builders.latencies_together(self.ack, done.load.ack())
        self.delivery = figure_builders.latencies_together(self.delivery, done.load.delivery())
        back = merged(one.ready_us for one in done.connected)
        self.rejoined = figure_builders.latencies_together(self.rejoined, back)
        for name, counts in done.requests.items():
            before = self.requests.get(name, RequestCounts(0, 0, {}))
            latency_us = merged((before.latency_us, counts.latency_us)).counts()
            self.requests[name] = RequestCounts(before.count + counts.count, before.errors + counts.errors, latency_us)

    def operations(self) -> list[Operation]:
        usage, seconds = Usage(self.cpu_s, self.rss_bytes), self.seconds
        sent, refused = self.messages + self.changes, self.messages - self.acked
        rows = [
            Operation("message or change to ack", sent, refused, seconds, self.ack, usage),
            Operation("message or change to delivery", self.deliveries, 0, seconds, self.delivery, usage),
            Operation("back and rejoined", self.reconnects, 0, seconds, self.rejoined, usage),
        ]
        for name, one in self.requests.items():
            rows.append(Operation(name, one.count, one.errors, seconds, Histogram(one.latency_us), usage))
        return rows


def _run(context: ScenarioContext) -> list[Figure]:
    options = context.options
    stretch_s, minutes = options["stretch_seconds"], options["minutes"]
    stretches = max(SAMPLES_MIN, minutes * 60 // stretch_s)
    connections, rooms = options["connections"], options["rooms"]
    samples: list[_Sample] = []
    totals = _Totals()
    with context.loaded_rooms(connections=connections, users=options["users"], rooms=rooms) as loaded:
        if loaded.server.process is None:
            raise BenchError("soak reads the server's memory: with --url it needs --pid")
        context.step("connecting")
        loaded.connect_readers(connections, at_once=50, within_s=60)
        plan = _plan(context, loaded)
        context.step("warming up")
        loaded.send(
            senders=plan.senders, rate_per_s=2 * plan.senders, seconds=1, content_bytes=request_mix.CONTENT_BYTES
        )
        loaded.watch_changes()
        with LatencyProbe(loaded.server.address, loaded.token) as probe:
            for number in range(1, stretches + 1):
                context.step(f"stretch {number} of {stretches}, {_state(samples)}")
                pings = probe.measure(stretch_s)
                done = loaded.combined(plan)
                totals.add(done)
                samples.append(_sample(number * stretch_s / 60, loaded, done, pings.ping))
                if any(snapshot.failure_count for snapshot in done.load.snapshots):
                    context.findings.notes.append(f"stopped in stretch {number} of {stretches}, at a wrong delivery")
                    break
    _report(context, samples, totals)
    return [
        Figure("minutes of load", totals.seconds / 60, "min"),
        Figure("messages", totals.messages, ""),
        Figure("edits and reactions", totals.changes, ""),
        Figure("deliveries", totals.deliveries, ""),
        Figure("connections that came back", totals.reconnects, ""),
        Figure("refused for the time being", totals.refused, "connects"),
    ]


def _plan(context: ScenarioContext, loaded: LoadedRooms) -> CombinedLoad:
    options = context.options
    return msgspec.structs.replace(
        request_mix.load(options, loaded.room_ids, seconds=options["stretch_seconds"]),
        reconnects_per_s=options["reconnect_rate"],
        changes_per_s=options["change_rate"],
    )


def _sample(minute: float, loaded: LoadedRooms, done: CombinedResult, pings: Histogram) -> _Sample:
    return _Sample(
        minute=minute,
        rss_mb=(loaded.server.rss_bytes() or 0) / 1e6,
        descriptors=float(loaded.server.descriptors() or 0),
        lag_ms=pings.percentile_ms(99) or 0.0,
        delivery_ms=done.load.delivery().percentile_ms(99) or 0.0,
    )


def _state(samples: list[_Sample]) -> str:
    if not samples:
        return "nothing read yet"
    last = samples[-1]
    return f"{last.rss_mb:.0f} MB, {last.descriptors:.0f} descriptors, lag {last.lag_ms:.1f} ms"


def _report(context: ScenarioContext, samples: list[_Sample], totals: _Totals) -> None:
    context.findings.operations += totals.operations()
    watched = {
        _RSS: [one.rss_mb for one in samples],
        _DESCRIPTORS: [one.descriptors for one in samples],
        _LAG: [one.lag_ms for one in samples],
        _DELIVERY: [one.delivery_ms for one in samples],
    }
    for limit, values in watched.items():
        points = [(one.minute, value) for one, value in zip(samples, values, strict=True)]
        context.findings.plots.append(Plot(limit.name, "minutes", limit.unit or "open", {limit.name: points}))
    if len(samples) < SAMPLES_MIN:
        return  # it was stopped by a failure, which says enough
    growths = [limit.growth(values) for limit, values in watched.items()]
    context.findings.tables.append(
        Table(
            "growth: the median of the last quarter beside that of the second",
            ("watched", "second", "last", "allowed", "unit", "verdict"),
            [(one.limit.name, one.early, one.late, one.allowed, one.limit.unit, one.verdict) for one in growths],
        )
    )
    for one in growths:
        if one.is_leak:
            grown = f"{one.early:.4g} to {one.late:.4g} {one.limit.unit}".rstrip()
            context.failures.add(f"{one.limit.name} grew from {grown}, {one.allowed:.4g} were allowed")


SCENARIO = Scenario(
    name="soak",
    about="Everything at once for an hour: what grows, and whether anything is lost, doubled or late.",
    options={
        "minutes": Option(60, 1, 1200, "of load; at least eight stretches are made"),
        "stretch_seconds": Option(10, 1, 600, "of each stretch, after which all must have arrived"),
        "connections": Option(200, 2, 5000, "WebSockets, spread over the rooms"),
        "rooms": Option(10, 1, 200, "in which they are"),
        "users": Option(10, 1, 200, "that they belong to"),
        "rate": Option(30, 1, 1000, "messages a second"),
        "change_rate": Option(10, 1, 1000, "edits and reactions a second"),
        "request_rate": Option(20, 1, 1000, "REST requests a second"),
        "http_connections": Option(8, 1, 500, "on which these are made"),
        "reconnect_rate": Option(4, 1, 500, "connections a second that end and come back"),
    },
    run=_run,
    with_all=False,
)
