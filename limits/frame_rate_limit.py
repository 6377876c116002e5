"""RATE_LIMIT_FRAMES: how many frames of any kind a connection may send.

The budget is kept with the connection, so a check needs neither a look-up nor Redis.
"""

from __future__ import annotations

from limits.limit_policy import Policy
from limits.token_bucket import NS_PER_S, BucketState, full, take

UNAUTHENTICATED_DIVISOR = 10  # before authentication a connection has a tenth
RESERVE_DIVISOR = 16


def for_unauthenticated(policy: Policy) -> Policy:
    """Return the policy of a connection that has not authenticated: a tenth, at least one frame."""
    return Policy(max(1, policy.count // UNAUTHENTICATED_DIVISOR), policy.period_s)


class FrameBudget:
    """One connection's bucket, with the smaller policy until `trust`. Times are monotonic seconds.

    A sixteenth of the bucket is reserved in advance, and the bucket computed only when the reserve is spent, because
    this runs for every frame received. A connection that was silent meanwhile may send that sixteenth more.
    """

    __slots__ = ("_left", "_policy", "_reserved", "_state", "_trusted")

    def __init__(self, policy: Policy) -> None:
        self._trusted = policy
        self._policy = for_unauthenticated(policy)
        self._state: BucketState | None = None  # a full bucket
        self._reserved = self._left = 0

    def trust(self) -> None:
        """The connection has authenticated: from now on it has the whole policy, with a full bucket."""
        self._policy = self._trusted
        self._state = None
        self._reserved = self._left = 0

    def admits(self, frames: int, now_s: float) -> bool:
        """Count `frames` more and return True, or return False if they exceed the budget."""
        left = self._left - frames
        if left >= 0:
            self._left = left
            return True
        return self._reserve(frames, int(now_s * NS_PER_S))

    def _reserve(self, frames: int, now_ns: int) -> bool:
        policy = self._policy
        state = self._state or full(policy, now_ns)
        spent = take(state, policy, state.updated_ns, self._reserved - self._left).state
        taken = take(spent, policy, now_ns, frames)
        self._state = BucketState(taken.state.units, max(now_ns, state.updated_ns))
        self._reserved = self._left = min(taken.remaining, policy.count // RESERVE_DIVISOR)
        return taken.allowed
