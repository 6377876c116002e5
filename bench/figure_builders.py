"""Figures that several scenarios report, with the same names and the same arithmetic."""

from __future__ import annotations

from collections.abc import Sequence

from bench.client.worker_protocol import Connected
from bench.histogram import Histogram, merged
from bench.loaded_rooms import LoadResult
from bench.scenario import Figure


def latency(what: str, histogram: Histogram, percents: Sequence[int]) -> list[Figure]:
    """Percentiles of a latency, each a figure such as `send to ack, p99`."""
    return [Figure(f"{what}, p{percent}", histogram.percentile_ms(percent), "ms") for percent in percents]


def connects(connected: Sequence[Connected], percents: Sequence[int]) -> list[Figure]:
    """How long each connection took from its start to the ack of its joinRoom, and how many were refused meanwhile."""
    return [
        *latency("connect to joined", merged(one.ready_us for one in connected), percents),
        Figure("refused for the time being", sum(one.refused for one in connected), "connects"),
    ]


def each_us(spent_s: float | None, count: int) -> float | None:
    """Microseconds for each of `count`; None where the time is unknown or the count is 0."""
    return None if spent_s is None or not count else spent_s * 1e6 / count


def difference(before: float | None, after: float | None) -> float | None:
    """The difference; None where one of the two is unknown."""
    return None if before is None or after is None else after - before


def client_cpu(load: LoadResult) -> Figure:
    """CPU time of the busiest client process. Near 100 % the client limited the run, not the server."""
    shares = [100 * snapshot.cpu_s / snapshot.wall_s for snapshot in load.snapshots if snapshot.wall_s]
    return Figure("busiest client process", max(shares, default=None), "% of a core")
