"""How the outcomes of a command's checks become one decision, wherever they were counted. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import Struct

from limits.check_counts import OutcomeCounts
from limits.contract import UNLIMITED, Check, Decision
from limits.policy import Policy


class Outcome(Struct, frozen=True):
    """What one check came to; the numbers are those of bucket.Taken."""

    check: Check
    policy: Policy
    allowed: bool
    remaining: int
    retry_after_s: int
    reset_s: int
    is_wide: bool = False  # that of the check's `wide_key`

    def decision(self) -> Decision:
        return Decision(
            self.allowed, self.check.operation, self.policy.count, self.remaining, self.reset_s, self.retry_after_s
        )

    def count(self, tally: OutcomeCounts, *, command_passed: bool, exempt: bool) -> None:
        """Into its operation's tally.

        A wide one counts only where it refuses: what passes was counted with the check's own key.
        """
        if not self.is_wide or not (self.allowed or exempt):
            tally.add(passed=self.allowed, command_passed=command_passed, exempt=exempt)


def decide(outcomes: Iterable[Outcome]) -> Decision:
    """The refusal that is longest to wait for, else the limit that the fewest of the same would still pass."""
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
