"""The token bucket's arithmetic: pure, `now` passed in. Knows no clock and no storage.

All of it is exact. A token is divided into as many units as its policy's period has nanoseconds, so `count` units come
back each nanosecond, and neither rounding nor a long run can add up to a token too many.
"""

from __future__ import annotations

from typing import Generic, TypeVar

from msgspec import Struct

from limits.policy import Policy

S = TypeVar("S")

NS_PER_S = 1_000_000_000


class BucketState(Struct, frozen=True):
    """What is left in a bucket, in units (tokens times the period in ns), as of `updated_ns`."""

    units: int
    updated_ns: int


class Taken(Struct, Generic[S], frozen=True):
    """The outcome of one `take`, of either algorithm; `state` is what it left.

    `remaining` is in whole tokens. `retry_after_s` (0 if allowed) and `reset_s` (until it is full) are whole seconds,
    rounded up, never early.
    """

    state: S
    allowed: bool
    remaining: int
    retry_after_s: int
    reset_s: int


def full(policy: Policy, now_ns: int) -> BucketState:
    """A bucket that nobody took from yet."""
    return BucketState(policy.count * policy.period_s * NS_PER_S, now_ns)


def forgotten_after_ns(policy: Policy) -> int:
    """How long after its newest call a bucket must be full again."""
    return policy.period_s * NS_PER_S


def take(state: BucketState, policy: Policy, now_ns: int, cost: int = 1) -> Taken[BucketState]:
    """Take `cost` tokens if they are there; a refusal takes none.

    A cost above the policy's count never passes; its `retry_after_s` is a whole period. A clock that went back gives
    nothing and takes nothing: the bucket goes on filling from there.
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
    return Taken(
        BucketState(units, now_ns),
        missing <= 0,
        units // period_ns,
        retry_after_s,
        -((units - capacity) // (count * NS_PER_S)),
    )
