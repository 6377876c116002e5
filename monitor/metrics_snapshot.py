"""All metrics of one process at one moment, or the sums of several processes.

JSON pages and Prometheus are rendered from snapshots, and processes send them to each other. Owns the shape, the
encoding and the sums.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec import Struct

from monitor.alert import Alert
from monitor.histogram import LAG_S, LATENCY_S, Histogram, merged
from monitor.metric_families import COUNTERS, HISTOGRAMS, Labels, Number

MAX_BYTES = 512 * 1024
TOP_ROOMS = 10
LATEST_S = 1e11  # epoch seconds above this (the year 5138) are refused
BOUNDS: Mapping[str, Sequence[float]] = {"event_loop_lag_seconds": LAG_S}  # all other families: LATENCY_S


class InvalidSnapshot(Exception):
    """A snapshot is too large to be sent, or a payload is not a valid snapshot."""


class EncodedHistogram(Struct, frozen=True, array_like=True):
    """A histogram as it is encoded, without its bounds: they are those of the family."""

    counts: list[int]
    total: float


class MetricsSnapshot(Struct, frozen=True):
    """Counters, histograms and gauges by family, with their label values; a gauge that is not known is missing.

    `at_s` and `started_at_s` are wall-clock seconds since the epoch. `rooms`: the rooms with the most connections of
    this process. `slow`: the newest slow store operations. `sample` and `alerts` are set in what a process tells the
    others: its newest sample, and its active alerts.
    """

    process_id: str
    at_s: float
    started_at_s: float
    counters: dict[str, list[tuple[Labels, Number]]]
    histograms: dict[str, list[tuple[Labels, EncodedHistogram]]]
    gauges: dict[str, Number]
    rooms: dict[str, int] = {}
    slow: list[tuple[str, float, float]] = []  # name, milliseconds, epoch seconds
    sample: dict[str, float] = {}
    alerts: list[Alert] = []

    def counter(self, family: str, *first: str) -> Number:
        """Return the sum over all label values that begin with `first`."""
        return sum(value for labels, value in self.counters.get(family, ()) if labels[: len(first)] == first)

    def sums_by(self, family: str, place: int = 0, *first: str) -> dict[str, Number]:
        """Return sums by the label at index `place`, over the label values that begin with `first`."""
        table: dict[str, Number] = {}
        for labels, value in self.counters.get(family, ()):
            if labels[: len(first)] == first:
                table[labels[place]] = table.get(labels[place], 0) + value
        return dict(sorted(table.items()))

    def histogram(self, family: str, *first: str) -> Histogram:
        """Return the sum over all label values that begin with `first`."""
        bounds = bounds_of(family)
        found = (encoded for labels, encoded in self.histograms.get(family, ()) if labels[: len(first)] == first)
        return merged((Histogram(bounds, encoded.counts, encoded.total) for encoded in found), bounds)

    def labels(self, family: str) -> list[Labels]:
        """Return the label values of a histogram family."""
        return sorted(labels for labels, _ in self.histograms.get(family, ()))


def bounds_of(family: str) -> Sequence[float]:
    return BOUNDS.get(family, LATENCY_S)


def sum_snapshots(snapshots: Sequence[MetricsSnapshot]) -> MetricsSnapshot:
    """Return the snapshot of several processes: counters, buckets and gauges are summed, connections by room, too.

    It has the first process's id, the newest `at_s` and the oldest `started_at_s`, and neither sample nor alerts.
    """
    counters: dict[str, dict[Labels, Number]] = {}
    histograms: dict[str, dict[Labels, Histogram]] = {}
    gauges: dict[str, Number] = {}
    rooms: dict[str, int] = {}
    for one in snapshots:
        for family, values in one.counters.items():
            table = counters.setdefault(family, {})
            for labels, value in values:
                table[labels] = table.get(labels, 0) + value
        for family, encoded in one.histograms.items():
            bounds, sums = bounds_of(family), histograms.setdefault(family, {})
            for labels, counted in encoded:
                here = Histogram(bounds, counted.counts, counted.total)
                sums[labels] = merged((sums[labels], here) if labels in sums else (here,), bounds)
        for name, value in one.gauges.items():
            gauges[name] = gauges.get(name, 0) + value
        for room_id, connections in one.rooms.items():
            rooms[room_id] = rooms.get(room_id, 0) + connections
    slow = sorted((entry for one in snapshots for entry in one.slow), key=lambda entry: entry[2])
    return MetricsSnapshot(
        process_id=snapshots[0].process_id,
        at_s=max(one.at_s for one in snapshots),
        started_at_s=min(one.started_at_s for one in snapshots),
        counters={family: sorted(table.items()) for family, table in counters.items()},
        histograms={
            family: [(labels, EncodedHistogram(one.counts, one.sum)) for labels, one in sorted(table.items())]
            for family, table in histograms.items()
        },
        gauges=gauges,
        rooms=rooms,
        slow=slow,
    )


_decoder = msgspec.msgpack.Decoder(MetricsSnapshot)


def encode_snapshot(snapshot: MetricsSnapshot) -> bytes:
    """Encode a snapshot for other processes.

    Raises InvalidSnapshot if it is larger than MAX_BYTES, which the bounds of its tables should prevent.
    """
    payload = msgspec.msgpack.encode(snapshot)
    if len(payload) > MAX_BYTES:
        raise InvalidSnapshot(f"{len(payload)} bytes")
    return payload


def decode_snapshot(payload: bytes) -> MetricsSnapshot:
    """Decode a snapshot. Families, labels and bounds that this version does not have are left out.

    Raises InvalidSnapshot.
    """
    try:
        snapshot = _decoder.decode(payload)
    except (ValueError, RecursionError) as error:
        raise InvalidSnapshot(str(error)) from error
    if not (0 < snapshot.started_at_s <= snapshot.at_s < LATEST_S):
        raise InvalidSnapshot("its times cannot be")
    counters = {
        name: [row for row in rows if len(row[0]) == len(COUNTERS[name].labels)]
        for name, rows in snapshot.counters.items()
        if name in COUNTERS
    }
    histograms = {
        name: [
            row
            for row in rows
            if len(row[0]) == len(HISTOGRAMS[name].labels) and len(row[1].counts) == len(bounds_of(name)) + 1
        ]
        for name, rows in snapshot.histograms.items()
        if name in HISTOGRAMS
    }
    return msgspec.structs.replace(snapshot, counters=counters, histograms=histograms)


def busiest_rooms(rooms: Mapping[str, int], count: int = TOP_ROOMS) -> Iterable[tuple[str, int]]:
    """Return the `count` rooms with the most connections, the largest first."""
    return sorted(rooms.items(), key=lambda pair: (-pair[1], pair[0]))[:count]
