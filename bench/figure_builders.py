"""Figures and operations that several scenarios report, with the same names and the same arithmetic."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bench import client_limits
from bench.client.worker_protocol import Connected
from bench.histogram import Histogram, merged
from bench.loaded_rooms import CombinedResult, LoadResult
from bench.result import Figure, Findings, Operation, Usage


def latency(what: str, histogram: Histogram, percents: Sequence[int]) -> list[Figure]:
    """Percentiles of a latency, each a figure such as `message to ack, p99`."""
    return [Figure(f"{what}, p{percent}", histogram.percentile_ms(percent), "ms") for percent in percents]


def connects(connected: Sequence[Connected], percents: Sequence[int]) -> list[Figure]:
    """How long each connection took from its start to the ack of its joinRoom, and how many were refused meanwhile."""
    return [
        *latency("connect to joined", merged(one.ready_us for one in connected), percents),
        Figure("refused for the time being", sum(one.refused for one in connected), "connects"),
    ]


def connect_operation(name: str, connected: Sequence[Connected], count: int, usage: Usage) -> Operation:
    """The row of `count` connects, from the start of each to the ack of its joinRoom."""
    return Operation(
        name,
        count,
        count - sum(one.ready for one in connected),
        max((one.seconds for one in connected), default=0.0),
        merged(one.ready_us for one in connected),
        usage,
    )


def note_load(findings: Findings, name: str, *loads: LoadResult) -> None:
    """Add the rows of a stretch of load, or of several of one kind, and whether the client limited one: messages until
    their ack and until each delivery.
    """
    prefix = f"{name}: " if name else ""
    bound = any(note_client(findings, prefix, load) for load in loads)
    usage = Usage(_sum(load.cpu_s for load in loads), loads[-1].rss_bytes)
    seconds, messages = sum(load.sending_s for load in loads), sum(load.messages for load in loads)
    unacked = messages - sum(load.acked for load in loads)
    ack = latencies_together(*(load.ack() for load in loads))
    delivery, deliveries = (
        latencies_together(*(load.delivery() for load in loads)),
        sum(one.deliveries for one in loads),
    )
    findings.operations += [
        Operation(f"{prefix}message to ack", messages, unacked, seconds, ack, usage, bound),
        Operation(f"{prefix}message to delivery", deliveries, 0, seconds, delivery, usage, bound),
    ]


def note_combined(findings: Findings, name: str, done: CombinedResult) -> None:
    """Add the rows of a combined load: of messages, of each REST request and of connections that came. CPU and RSS are
    those of all together.
    """
    prefix = f"{name}: " if name else ""
    bound = client_limits.reason(done.load) is not None
    if done.load.messages:
        note_load(findings, name, done.load)
    else:
        note_client(findings, prefix, done.load)
    for request, counts in done.requests.items():
        latency_us = Histogram(counts.latency_us)
        findings.operations.append(
            Operation(
                f"{prefix}{request}", counts.count, counts.errors, done.seconds, latency_us, done.load.usage, bound
            )
        )
    if done.connected:
        count = sum(one.ready for one in done.connected)
        findings.operations.append(
            connect_operation(f"{prefix}connect to joined", done.connected, count, Usage())  # CPU is of all together
        )


def all_requests(done: CombinedResult) -> tuple[int, int, Histogram]:
    """Count, errors and latencies of the REST requests together."""
    each = done.requests.values()
    latency_us = merged(one.latency_us for one in each)
    return sum(one.count for one in each), sum(one.errors for one in each), latency_us


def latencies_together(*histograms: Histogram) -> Histogram:
    return merged(one.counts() for one in histograms)


def note_client(findings: Findings, prefix: str, load: LoadResult) -> bool:
    """Add a note where the load client was the bottleneck; returns whether it was."""
    why = client_limits.reason(load)
    if why is None:
        return False
    findings.client_bound = True
    findings.notes.append(f"{prefix}the load client, not the server, was the bottleneck: {why}")
    return True


def _sum(each: Iterable[float | None]) -> float | None:
    known = list(each)
    return None if None in known else sum(one for one in known if one is not None)


def each_us(spent_s: float | None, count: int) -> float | None:
    """Microseconds for each of `count`; None where the time is unknown or the count is 0."""
    return None if spent_s is None or not count else spent_s * 1e6 / count


def difference(before: float | None, after: float | None) -> float | None:
    """The difference; None where one of the two is unknown."""
    return None if before is None or after is None else after - before


def client_cpu(load: LoadResult) -> Figure:
    """CPU time of the busiest client process. Near 100 % the client limited the run, not the server."""
    return Figure("busiest client process", load.client_cpu_percent, "% of a core")
