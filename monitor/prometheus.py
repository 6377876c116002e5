"""Renders a snapshot in Prometheus's text format. prometheus_client only formats: it counts nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import accumulate
from typing import TypeVar

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from monitor.metric_families import COUNTERS, GAUGES, HISTOGRAMS, THINNED, Family, Labels
from monitor.metrics_snapshot import EncodedHistogram, MetricsSnapshot, bounds_of

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"  # of generate_latest (Prometheus, Exposition formats)
PREFIX = "chat_"

T = TypeVar("T")


class _SnapshotCollector(Collector):
    """Yields the metrics of a snapshot as the families of prometheus_client."""

    def __init__(self, snapshot: MetricsSnapshot, about: Mapping[str, str]) -> None:
        self._snapshot = snapshot
        self._about = about

    def collect(self) -> Iterable[Metric]:
        snapshot = self._snapshot
        info = GaugeMetricFamily(PREFIX + "build_info", "What runs: always 1.", labels=list(self._about))
        info.add_metric(list(self._about.values()), 1)
        yield info
        yield GaugeMetricFamily(
            PREFIX + "start_time_seconds", "When the process started, since the epoch.", value=snapshot.started_at_s
        )
        for name, gauge in GAUGES.items():
            if name in snapshot.gauges:
                yield GaugeMetricFamily(
                    PREFIX + gauge.name, gauge.help, value=round(snapshot.gauges[name] * gauge.scale, 9)
                )
        # Where metrics are measured, each family is exposed from the start, so that rules can refer to it.
        is_measured = bool(snapshot.histograms)
        for name, family in COUNTERS.items():
            if is_measured or name in snapshot.counters:
                counter = CounterMetricFamily(PREFIX + name, family.help, labels=family.labels)
                for labels, value in (*(snapshot.counters.get(name) or _initial(family, 0)), *_zeros(name, snapshot)):
                    counter.add_metric(labels, value)
                yield counter
        for name, family in HISTOGRAMS.items() if is_measured else ():
            bounds = bounds_of(name)
            places = [
                place
                for place in range(len(bounds))
                if name not in THINNED or place % THINNED[name] == THINNED[name] - 1
            ]
            histogram = HistogramMetricFamily(PREFIX + name, family.help, labels=family.labels)
            for labels, encoded in snapshot.histograms.get(name) or _initial(
                family, EncodedHistogram([0] * (len(bounds) + 1), 0.0)
            ):
                sums = [*accumulate(encoded.counts)]
                buckets = [(str(bounds[place]), sums[place]) for place in places]
                histogram.add_metric(labels, [*buckets, ("+Inf", sums[-1])], encoded.total)
            yield histogram


def _initial(family: Family, value: T) -> list[tuple[Labels, T]]:
    """Return the rows of a family before its first event: a zero if it has no labels, else none."""
    return [] if family.labels else [((), value)]


def _zeros(name: str, snapshot: MetricsSnapshot) -> list[tuple[Labels, int]]:
    """Return a zero for each store operation that was never slow.

    Prometheus's increase() does not see the first event of a series that did not exist before.
    """
    if name != "store_slow_operations_total":
        return []
    known = {labels for labels, _ in snapshot.counters.get(name, ())}
    return [(labels, 0) for labels in snapshot.labels("store_operation_seconds") if labels not in known]


def render(snapshot: MetricsSnapshot, *, about: Mapping[str, str]) -> bytes:
    """Return the exposition. `about`: the labels of `chat_build_info`."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_SnapshotCollector(snapshot, about))
    return generate_latest(registry)
