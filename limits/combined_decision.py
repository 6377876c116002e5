"""Combines the outcomes of a command's checks into one decision, for every backend. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from limits.contract import UNLIMITED, Check, Decision
from limits.limit_outcome_counts import OutcomeCounts
from limits.limit_policy import Policy


class Outcome(Struct, frozen=True):
    """The outcome of one check; the numbers are those of token_bucket.TakeResult."""

    check: Check
    policy: Policy
    allowed: bool
    remaining: int
    retry_after_s: int
    reset_s: int
    is_wide: bool = False  # the outcome for the check's `wide_key`

    def decision(self) -> Decision:
        return Decision(
            self.allowed, self.check.operation, self.policy.count, self.remaining, self.reset_s, self.retry_after_s
        )

    def count(self, counts: OutcomeCounts, *, command_passed: bool, exempt: bool) -> None:
        """Add this outcome to the counts of its operation.

        A wide outcome is added only if it refuses: one that passes was counted with the check's own key.
        """
        if not self.is_wide or not (self.allowed or exempt):
            counts.add(passed=self.allowed, command_passed=command_passed, exempt=exempt)


def decide(outcomes: Iterable[Outcome]) -> Decision:
    """Return the refusal with the longest wait, or else the limit that allows the fewest more such commands."""
    nearest: tuple[int, Outcome] | None = None
    refused: Outcome | None = None
    for outcome in outcomes:
        cost = outcome.check.cost
        more_like_this = outcome.remaining // cost if cost > 0 else outcome.remaining
        if not outcome.allowed and (refused is None or outcome.retry_after_s > refused.retry_after_s):
            refused = outcome
        if nearest is None or more_like_this < nearest[0]:
            nearest = more_like_this, outcome
    if refused is not None:
        return refused.decision()
    return UNLIMITED if nearest is None else nearest[1].decision()
