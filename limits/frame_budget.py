"""RATE_LIMIT_FRAMES: how many frames of any kind a connection may send.

Kept with the connection, so it costs no look-up and no Redis.
"""

from __future__ import annotations

from limits.policy import Policy
from limits.token_bucket import NS_PER_S, BucketState, full, take

STRANGERS_SHARE = 10  # before authentication a tenth
SETTLED_SHARE = 16


def for_strangers(policy: Policy) -> Policy:
    """What somebody may send who has not said yet who they are."""
    return Policy(max(1, policy.count // STRANGERS_SHARE), policy.period_s)


class FrameBudget:
    """One connection's bucket, a stranger's until `trust`. Times are monotonic seconds.

    The bucket is asked for a sixteenth of its size in advance, and only when that is spent, for this is done for all
    that is received: who was silent meanwhile may send so much more.
    """

    __slots__ = ("_left", "_lent", "_policy", "_state", "_trusted")

    def __init__(self, policy: Policy) -> None:
        self._trusted = policy
        self._policy = for_strangers(policy)
        self._state: BucketState | None = None  # nothing was taken yet
        self._lent = self._left = 0

    def trust(self) -> None:
        """The connection is somebody's: from now on the whole, and all of it there."""
        self._policy = self._trusted
        self._state = None
        self._lent = self._left = 0

    def admits(self, frames: int, now_s: float) -> bool:
        """Whether so many more may pass; then they are counted, else not."""
        left = self._left - frames
        if left >= 0:
            self._left = left
            return True
        return self._settle(frames, int(now_s * NS_PER_S))

    def _settle(self, frames: int, now_ns: int) -> bool:
        policy = self._policy
        state = self._state or full(policy, now_ns)
        spent = take(state, policy, state.updated_ns, self._lent - self._left).state
        taken = take(spent, policy, now_ns, frames)
        self._state = BucketState(taken.state.units, max(now_ns, state.updated_ns))
        self._lent = self._left = min(taken.remaining, policy.count // SETTLED_SHARE)
        return taken.allowed
