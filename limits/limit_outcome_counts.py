"""Counts limit checks by outcome, in plain integers because every request adds to them. Knows no limiter."""

from __future__ import annotations

from collections.abc import Mapping

Counts = list[tuple[tuple[str, str], int]]  # count by (operation, outcome)


class OutcomeCounts:
    """The checks of one operation: allowed, refused, and exempt (allowed because of the whitelist)."""

    __slots__ = ("allowed", "exempt", "refused")

    def __init__(self) -> None:
        self.allowed = 0
        self.refused = 0
        self.exempt = 0

    def add(self, *, passed: bool, command_passed: bool, exempt: bool) -> None:
        """Count one check.

        A check that passed is counted as neither allowed nor refused if another limit refused the command.
        """
        if exempt:
            self.exempt += 1
        elif not passed:
            self.refused += 1
        elif command_passed:
            self.allowed += 1


def counts(by_operation: Mapping[str, OutcomeCounts]) -> Counts:
    """Return the counts by operation and outcome, without zeros."""
    rows = (
        (operation, outcome, getattr(outcome_counts, outcome))
        for operation, outcome_counts in by_operation.items()
        for outcome in OutcomeCounts.__slots__
    )
    return sorted(((operation, outcome), count) for operation, outcome, count in rows if count)


def added(one: Counts, other: Counts) -> Counts:
    """Return the sums of both."""
    totals = dict(one)
    for row, count in other:
        totals[row] = totals.get(row, 0) + count
    return sorted(totals.items())
