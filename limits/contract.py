"""The contract of every rate limiter. Owns the guarantees, knows neither algorithm nor driver."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from msgspec import Struct

from limits.limit_outcome_counts import Counts
from limits.limit_policy import Policy
from monitor.part_metrics import PartMetrics

WIDE_TIMES = 10


class Check(Struct, frozen=True):
    """One limit that a command must pass. `operation` names a policy, `key` the client; `cost` is in tokens.

    `wide_key`: a group of clients for which the command is counted a second time, with WIDE_TIMES the policy's count.
    The check passes only if both have room.
    """

    operation: str
    key: str
    cost: int = 1
    wide_key: str | None = None


class Decision(Struct, frozen=True):
    """The outcome for a command. The numbers are those of the limit that refused it (of several, the one with the
    longest wait), or of the limit that is nearest to refusing.

    `limit` is the policy's count, `remaining` the tokens left, `reset_s` the time until the bucket is full again.
    `retry_after_s` is 0 if allowed, else the time until the same command would pass if no other comes. Times are whole
    seconds from now, rounded up. All are None when nothing limits. `because`: `limit` if one was reached, `unknown` if
    the counts cannot be read (see RATE_LIMIT_FAIL_CLOSED).
    """

    allowed: bool
    operation: str | None = None
    limit: int | None = None
    remaining: int | None = None
    reset_s: int | None = None
    retry_after_s: int | None = None
    because: Literal["limit", "unknown"] = "limit"


UNLIMITED = Decision(True)


def widened(policy: Policy) -> Policy:
    """Return the policy for a `wide_key`."""
    return Policy(WIDE_TIMES * policy.count, policy.period_s)


class Limiter(Protocol):
    """Counts commands per operation and key."""

    @property
    def is_shared(self) -> bool:
        """Whether commands of other processes are counted too, at this moment."""

    async def check(self, checks: Sequence[Check], *, exempt: bool = False) -> Decision:
        """Take the cost of all `checks`, or nothing at all if one refuses.

        An `exempt` command is never refused, and counted while there is room. Raises KeyError for an unknown operation.
        """

    def take_at_once(self, check: Check, *, exempt: bool = False) -> bool:
        """As `check` of one, where the answer is known without waiting and is yes. False: ask `check`; nothing was
        counted.
        """

    def counts(self) -> Counts:
        """Return the number of checks since the start, by operation and outcome: allowed, refused, exempt."""

    def metrics(self) -> PartMetrics:
        """Return `counts` as a counter, see monitor/part_metrics.py."""

    def sweep(self) -> int:
        """Drop states that no longer limit, and return their number. To be called about once a minute."""

    async def close(self) -> None:
        """Cancel pending calls of the backend."""
