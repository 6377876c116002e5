"""How often a limit was asked, by outcome: plain numbers, for each request has some. Knows no limiter and no reader."""

from __future__ import annotations

from collections.abc import Mapping

Counts = list[tuple[tuple[str, str], int]]  # by operation and outcome


class OutcomeCounts:
    """Of one operation: let through, refused, and let through because of the whitelist."""

    __slots__ = ("allowed", "exempt", "refused")

    def __init__(self) -> None:
        self.allowed = 0
        self.refused = 0
        self.exempt = 0

    def add(self, *, passed: bool, command_passed: bool, exempt: bool) -> None:
        """One check more.

        One that passed, of a command that another limit refused, was neither let through nor refused by this one.
        """
        if exempt:
            self.exempt += 1
        elif not passed:
            self.refused += 1
        elif command_passed:
            self.allowed += 1


def counts(tallies: Mapping[str, OutcomeCounts]) -> Counts:
    """By operation and outcome; what never was is left out."""
    told = (
        (operation, outcome, getattr(tally, outcome))
        for operation, tally in tallies.items()
        for outcome in OutcomeCounts.__slots__
    )
    return sorted(((operation, outcome), count) for operation, outcome, count in told if count)


def added(one: Counts, other: Counts) -> Counts:
    """Both together."""
    totals = dict(one)
    for row, count in other:
        totals[row] = totals.get(row, 0) + count
    return sorted(totals.items())
