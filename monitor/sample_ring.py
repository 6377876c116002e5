"""A ring of rows, each a moment with what every metric was then, in plain arrays: bounded, and nothing that a garbage
collector visits.

Knows neither what the metrics are nor how long a row lasts.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Mapping
from math import isfinite

from msgspec import Struct

METRICS_MAX = 200  # names come from our own code; this is for the day one is made of something that grows


class Cell(Struct, frozen=True):
    """One metric in one row: the samples that fell into it."""

    at_s: float
    least: float
    total: float
    most: float
    samples: int

    @property
    def mean(self) -> float:
        # Rounding may put it a hair outside of what was seen.
        return min(max(self.total / self.samples, self.least), self.most)

    def joined(self, other: Cell) -> Cell:
        """The two as one, at this one's time."""
        return Cell(
            self.at_s,
            min(self.least, other.least),
            self.total + other.total,
            max(self.most, other.most),
            self.samples + other.samples,
        )


class _Column:
    """A metric's values, slot by slot; a slot without samples has none."""

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
    """The newest `rows_max` rows. `rows` counts all there ever were: the number of a row stays its own."""

    def __init__(self, *, rows_max: int, metrics_max: int = METRICS_MAX) -> None:
        self._rows_max = rows_max
        self._metrics_max = metrics_max
        self._times = array("d", bytes(8 * rows_max))
        self._columns: dict[str, _Column] = {}
        self.rows = 0

    @property
    def first_row(self) -> int:
        """The number of the oldest row that is still here."""
        return max(0, self.rows - self._rows_max)

    @property
    def metrics(self) -> frozenset[str]:
        return frozenset(self._columns)

    def begin(self, at_s: float) -> None:
        """A new row; the oldest goes if there are too many."""
        slot = self.rows % self._rows_max
        self.rows += 1
        self._times[slot] = at_s
        for column in self._columns.values():
            column.samples[slot] = 0

    def put(self, sample: Mapping[str, float]) -> None:
        """Add a sample to the newest row. What is no finite number is left out."""
        slot = (self.rows - 1) % self._rows_max
        for metric, value in sample.items():
            if not isfinite(value):
                continue
            column = self._columns.get(metric)
            if column is None:
                if len(self._columns) >= self._metrics_max:
                    continue
                column = self._columns[metric] = _Column(self._rows_max)
            column.put(slot, value)

    def time_of(self, row: int) -> float:
        """When a row that is still here began."""
        return self._times[row % self._rows_max]

    def cells(self, metric: str) -> list[Cell]:
        """A metric's cells by time: the clock may have been stepped back."""
        column = self._columns.get(metric)
        if column is None:
            return []
        slots = (row % self._rows_max for row in range(self.first_row, self.rows))
        found = [cell for slot in slots if (cell := column.cell(slot, self._times[slot])) is not None]
        found.sort(key=lambda cell: cell.at_s)
        return found

    def row(self, row: int) -> Iterator[tuple[str, Cell]]:
        """All metrics of a row that is still here."""
        slot = row % self._rows_max
        for metric, column in self._columns.items():
            cell = column.cell(slot, self._times[slot])
            if cell is not None:
                yield metric, cell
