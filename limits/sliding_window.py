"""The sliding window's arithmetic: pure, `now` passed in. Knows no clock and no storage.

No window of a policy's period ever has more than its count. Time is cut into slots of a sixtieth of the period, and a
slot counts until all of it is out of the window, so a command may count for one slot too long, never too short.
"""

from __future__ import annotations

from msgspec import Struct

from limits.limit_policy import Policy
from limits.token_bucket import NS_PER_S, TakeResult

SLOTS = 60


class WindowState(Struct, frozen=True):
    """The costs that passed as of `updated_ns`: at most SLOTS + 1 pairs of slot number and cost, the oldest first."""

    slots: tuple[tuple[int, int], ...]
    updated_ns: int


def empty(policy: Policy, now_ns: int) -> WindowState:
    """Return a window in which nothing has passed."""
    return WindowState((), now_ns)


def forgotten_after_ns(policy: Policy) -> int:
    """Return how long after its newest call a state no longer limits anything."""
    return (SLOTS + 1) * _slot_ns(policy)


def take(state: WindowState, policy: Policy, now_ns: int, cost: int = 1) -> TakeResult[WindowState]:
    """Let `cost` pass if the window has room for it; a refusal leaves it as it was.

    A cost above the policy's count never passes; its `retry_after_s` is a whole period. A clock that was set back
    counts as standing still.
    """
    now_ns = max(now_ns, state.updated_ns)
    slot_ns = _slot_ns(policy)
    present = now_ns // slot_ns
    slots = [(slot, passed) for slot, passed in state.slots if slot >= present - SLOTS]
    used = sum([passed for _, passed in slots])
    allowed = used + cost <= policy.count
    if allowed and cost:
        used += cost
        if slots and slots[-1][0] == present:
            cost += slots.pop()[1]
        slots.append((present, cost))
    retry_after_s = 0
    if not allowed:
        retry_after_s = policy.period_s
        excess = used + cost - policy.count
        for slot, passed in slots:
            excess -= passed
            if excess <= 0 and cost <= policy.count:
                retry_after_s = _seconds_until_out(slot, slot_ns, now_ns)
                break
    reset_s = _seconds_until_out(slots[-1][0], slot_ns, now_ns) if slots else 0
    return TakeResult(WindowState(tuple(slots), now_ns), allowed, policy.count - used, retry_after_s, reset_s)


def _slot_ns(policy: Policy) -> int:
    return -(-policy.period_s * NS_PER_S // SLOTS)


def _seconds_until_out(slot: int, slot_ns: int, now_ns: int) -> int:
    """Return the seconds until a slot counts no more, rounded up."""
    return -((now_ns - (slot + SLOTS + 1) * slot_ns) // NS_PER_S)
