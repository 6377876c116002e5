"""One row of the targets' table: a figure of ours, what it is held against, and the verdict. Measures nothing."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

import msgspec

from bench.result import Cell, Table

MET, MISSED, NOT_MEASURED = "met", "MISSED", "not measured"
COLUMNS = ("work", "unit", "ours", "floor", "least server", "held against", "is", "target", "verdict")
_NOTE_MARK = "†"


class TargetRow(msgspec.Struct, frozen=True):
    """`value` is what is held against `bound`, mostly a ratio: at most that, or with `at_least` no less. None: it could
    not be measured. `against`: of what it is the ratio; empty where `value` is the figure itself. `doubt`: why the
    figure says less than it seems to, such as that the client was the bottleneck.
    """

    work: str
    unit: str
    ours: float | None
    against: str
    value: float | None
    bound: float
    at_least: bool = False
    floor: float | None = None
    least: float | None = None
    doubt: str = ""

    @property
    def verdict(self) -> str:
        if self.value is None:
            return NOT_MEASURED
        return MET if (self.value >= self.bound if self.at_least else self.value <= self.bound) else MISSED

    def cells(self) -> tuple[Cell, ...]:
        """The row of the table."""
        target = f"{'≥' if self.at_least else '≤'} {self.bound:g}{' ×' if self.against else ''}"
        verdict = f"{self.verdict} {_NOTE_MARK}" if self.doubt else self.verdict
        return (
            self.work, self.unit, self.ours, self.floor, self.least, self.against, self.value, target, verdict,
        )  # fmt: skip


def table(rows: Sequence[TargetRow]) -> Table:
    """All rows."""
    return Table("targets", COLUMNS, [row.cells() for row in rows])


def notes(rows: Sequence[TargetRow]) -> list[str]:
    """How many are met, and the doubts."""
    verdicts = [row.verdict for row in rows]
    counts = ", ".join(f"{verdicts.count(one)} {one}" for one in (MET, MISSED, NOT_MEASURED))
    return [f"{counts}.", *dict.fromkeys(f"{_NOTE_MARK} {row.work}: {row.doubt}" for row in rows if row.doubt)]


def median(values: Sequence[float | None]) -> float | None:
    """The median; None where one is unknown, or there are none."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known and len(known) == len(values) else None


def median_ratio(ones: Sequence[float | None], others: Sequence[float | None]) -> float | None:
    """The median of the ratios of what was measured one after the other: a machine that slows down affects both."""
    return median([one / other if one is not None and other else None for one, other in zip(ones, others, strict=True)])
