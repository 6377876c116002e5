"""What every rate limiter promises. Owns the guarantees, knows neither algorithm nor driver."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from msgspec import Struct

from limits.check_counts import Counts
from limits.policy import Policy

WIDE_TIMES = 10


class Check(Struct, frozen=True):
    """One limit that a command must pass. `operation` names a policy, `key` who is counted, `cost` is in tokens.

    `wide_key`: with whom it is counted a second time, at WIDE_TIMES the policy's count; it passes only where both have
    room.
    """

    operation: str
    key: str
    cost: int = 1
    wide_key: str | None = None


class Decision(Struct, frozen=True):
    """The outcome, told by the limit that refused (of several, the longest to wait for) or is nearest to it.

    `limit` is the policy's count, `remaining` the tokens left, `reset_s` when it is full again, `retry_after_s` 0 if
    allowed, else when the same command would pass if nothing else comes: whole seconds from now, rounded up. All None
    when nothing limits. `because`: a limit was reached, or nobody knows whether one is (see RATE_LIMIT_FAIL_CLOSED).
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
    """What a policy is for those who are counted together."""
    return Policy(WIDE_TIMES * policy.count, policy.period_s)


class Limiter(Protocol):
    """Counts what was done, per operation and key."""

    @property
    def shares(self) -> bool:
        """Whether what other processes do is counted now."""

    async def check(self, checks: Sequence[Check], *, exempt: bool = False) -> Decision:
        """Take all that `checks` cost, or nothing at all if one refuses.

        Who is `exempt` is never refused, and counted while there is room.

        Raises KeyError for an unknown operation.
        """

    def counts(self) -> Counts:
        """How often each limit was asked since the start, by operation and outcome: allowed, refused, exempt."""

    def sweep(self) -> int:
        """Forget what no longer limits; returns how much. Call it every minute or so."""

    async def close(self) -> None:
        """Let go of what is under way."""
