"""The token bucket's arithmetic: pure, `now` passed in. Knows no clock and no storage.

The arithmetic is exact: a token has as many units as its policy's period has nanoseconds, so `count` units come back
each nanosecond, and no rounding error can add up to a token too many.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from msgspec import Struct

from limits.limit_policy import Policy

S = TypeVar("S")

NS_PER_S = 1_000_000_000


class BucketState(Struct, frozen=True):
    """The content of a bucket in units (tokens times the period in ns), as of `updated_ns`."""

    units: int
    updated_ns: int


class TakeResult(Struct, Generic[S], frozen=True):
    """The result of one `take`, of either algorithm; `state` is the new state.

    `remaining` is in whole tokens. `retry_after_s` (0 if allowed) and `reset_s` (until it is full) are whole seconds,
    rounded up, never early.
    """

    state: S
    allowed: bool
    remaining: int
    retry_after_s: int
    reset_s: int


def full(policy: Policy, now_ns: int) -> BucketState:
    """Return a full bucket."""
    return BucketState(policy.count * policy.period_s * NS_PER_S, now_ns)


def forgotten_after_ns(policy: Policy) -> int:
    """Return how long after its newest call a bucket is full again at the latest."""
    return policy.period_s * NS_PER_S


def take(state: BucketState, policy: Policy, now_ns: int, cost: int = 1) -> TakeResult[BucketState]:
    """Take `cost` tokens if they are there; a refusal takes none.

    A cost above the policy's count never passes; its `retry_after_s` is a whole period. A clock that was set back
    adds and takes nothing: the bucket fills on from there.
    """
    count = policy.count
    period_ns = policy.period_s * NS_PER_S
    capacity = count * period_ns
    units = state.units
    elapsed_ns = now_ns - state.updated_ns
    if elapsed_ns > 0:
        units += elapsed_ns * count
    if units > capacity:
        units = capacity
    missing = cost * period_ns - units
    if missing <= 0:
        units = -missing
        retry_after_s = 0
    elif cost > count:
        retry_after_s = policy.period_s
    else:
        retry_after_s = -(-missing // (count * NS_PER_S))
    return TakeResult(
        BucketState(units, now_ns),
        missing <= 0,
        units // period_ns,
        retry_after_s,
        -((units - capacity) // (count * NS_PER_S)),
    )
