"""A ring buffer of rows: each has a time, and the aggregated samples of every metric at that time.

Stored in plain arrays, which are bounded and which the garbage collector does not visit. Knows neither the metrics nor
the duration of a row.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping
from itertools import repeat
from math import isfinite
from typing import TypeVar

from msgspec import Struct

T = TypeVar("T", int, float)

METRICS_MAX = 200  # names come from our own code; this bounds a defect that would make names without end


class Cell(Struct, frozen=True):
    """The aggregate of the samples of one metric in one row. `at_s` is in seconds since the epoch."""

    at_s: float
    least: float
    total: float
    most: float
    samples: int

    @property
    def mean(self) -> float:
        # Rounding may put the quotient slightly outside of the range of the samples.
        return min(max(self.total / self.samples, self.least), self.most)

    def joined(self, other: Cell) -> Cell:
        """Return the aggregate of both, with the time of this one."""
        return Cell(
            self.at_s,
            min(self.least, other.least),
            self.total + other.total,
            max(self.most, other.most),
            self.samples + other.samples,
        )


class _Column:
    """The aggregates of one metric by slot; `samples` is 0 in a slot without any."""

    __slots__ = ("least", "most", "samples", "total")

    def __init__(self, slots: int) -> None:
        self.least = array("d", bytes(8 * slots))
        self.total = array("d", bytes(8 * slots))
        self.most = array("d", bytes(8 * slots))
        self.samples = array("L", bytes(array("L").itemsize * slots))

    def put(self, slot: int, value: float) -> None:
        if not self.samples[slot]:
            self.least[slot] = self.most[slot] = value
            self.total[slot] = 0.0
        else:
            self.least[slot] = min(self.least[slot], value)
            self.most[slot] = max(self.most[slot], value)
        self.total[slot] += value
        self.samples[slot] += 1

    def cell(self, slot: int, at_s: float) -> Cell | None:
        samples = self.samples[slot]
        return Cell(at_s, self.least[slot], self.total[slot], self.most[slot], samples) if samples else None


class SampleRing:
    """The newest `rows_max` rows, of `metrics_max` metrics at most.

    `rows` counts all rows since the start, so the number of a row does not change when older ones are dropped.
    """

    def __init__(self, *, rows_max: int, metrics_max: int = METRICS_MAX) -> None:
        self._rows_max = rows_max
        self._metrics_max = metrics_max
        self._times = array("d", bytes(8 * rows_max))
        self._columns: dict[str, _Column] = {}
        self.rows = 0

    @property
    def first_row(self) -> int:
        """The number of the oldest row that is kept."""
        return max(0, self.rows - self._rows_max)

    @property
    def metrics(self) -> frozenset[str]:
        return frozenset(self._columns)

    def reserve(self, metrics: Iterable[str]) -> None:
        """Allocate the columns of these metrics."""
        for metric in metrics:
            self._column(metric)

    def _column(self, metric: str) -> _Column | None:
        """Return the column of a metric, None if there are `metrics_max` others."""
        column = self._columns.get(metric)
        if column is None and len(self._columns) < self._metrics_max:
            column = self._columns[metric] = _Column(self._rows_max)
        return column

    def begin(self, at_s: float) -> None:
        """Begin a row. The oldest is dropped if there are `rows_max` already."""
        slot = self.rows % self._rows_max
        self.rows += 1
        self._times[slot] = at_s
        for column in self._columns.values():
            column.samples[slot] = 0

    def put(self, sample: Mapping[str, float]) -> None:
        """Add a sample to the newest row. Values that are not finite are left out."""
        slot = (self.rows - 1) % self._rows_max
        for metric, value in sample.items():
            column = self._column(metric) if isfinite(value) else None
            if column is not None:
                column.put(slot, value)

    def time_of(self, row: int) -> float:
        """Return when a kept row began, in seconds since the epoch."""
        return self._times[row % self._rows_max]

    def cells(self, metric: str) -> list[Cell]:
        """Return the cells of a metric, sorted by time: the clock may have been set back meanwhile."""
        column = self._columns.get(metric)
        if column is None:
            return []
        slots = (row % self._rows_max for row in range(self.first_row, self.rows))
        found = [cell for slot in slots if (cell := column.cell(slot, self._times[slot])) is not None]
        found.sort(key=lambda cell: cell.at_s)
        return found

    def rows_since(self, at_s: float) -> range:
        """Return the numbers of the newest rows, back to the last one that began before `at_s`."""
        first = self.rows
        while first > self.first_row and self.time_of(first - 1) >= at_s:
            first -= 1
        return range(first, self.rows)

    def aggregates(self, metric: str, rows: range) -> Iterator[tuple[float, float, float, int]]:
        """Return least, total, most and number of samples of a metric in each of these rows; all 0 where there is none.

        Rows that have been dropped meanwhile have none. For many rows: a Cell for each would take five times as long.
        """
        column = self._columns.get(metric)
        dropped = min(len(rows), max(0, self.first_row - rows.start))
        kept = rows[dropped:]
        yield from repeat((0.0, 0.0, 0.0, 0), dropped if column is not None else len(rows))
        if column is not None:
            values = (column.least, column.total, column.most, column.samples)
            yield from zip(*(self._slots_of(kept, one) for one in values), strict=True)

    def _slots_of(self, rows: range, values: array[T]) -> array[T]:
        if not rows:
            return values[:0]
        begin, end = rows.start % self._rows_max, (rows.stop - 1) % self._rows_max + 1
        return values[begin:end] if begin < end else values[begin:] + values[:end]

    def row(self, row: int) -> Iterator[tuple[str, Cell]]:
        """Yield the name and the cell of each metric of a kept row."""
        slot = row % self._rows_max
        for metric, column in self._columns.items():
            cell = column.cell(slot, self._times[slot])
            if cell is not None:
                yield metric, cell
