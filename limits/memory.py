"""The limiter of a single process: token buckets in bounded tables, one an operation. Owns the buckets alone."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

from limits.bucket import NS_PER_S, BucketState, Taken, full, take
from limits.contract import UNLIMITED, Check, Decision
from limits.policy import Policy
from monitor.hooks import Observer

SWEEP_MAX = 10_000  # buckets dropped in one sweep: some 2 ms


class _Table:
    """One operation's buckets, the longest untouched first. A flood of one operation evicts none of another."""

    __slots__ = ("buckets", "policy")

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.buckets: OrderedDict[str, BucketState] = OrderedDict()


class MemoryLimiter:
    """`policies` has a row for every operation, None where it is off; at most `max_keys` buckets an operation.

    Past that the longest untouched is dropped, that is, forgiven. `now_ns` is a monotonic clock.
    """

    def __init__(
        self,
        *,
        policies: Mapping[str, Policy | None],
        observer: Observer,
        max_keys: int = 50_000,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._tables = {name: None if policy is None else _Table(policy) for name, policy in policies.items()}
        self._observer = observer
        self._max_keys = max_keys
        self._now_ns = now_ns

    def __len__(self) -> int:
        return sum(len(table.buckets) for table in self._tables.values() if table is not None)

    async def check(self, checks: Sequence[Check]) -> Decision:
        if len(checks) != 1:
            return self._check_all(checks)
        check = checks[0]
        table = self._tables[check.operation]
        if table is None:
            return UNLIMITED
        now_ns = self._now_ns()
        policy = table.policy
        state = table.buckets.get(check.key) or full(policy, now_ns)
        taken = take(state, policy, now_ns, check.cost)
        self._keep(table, check.key, taken.state)
        self._observer.limit_checked(check.operation, taken.allowed)
        return _decision(check.operation, policy, taken)

    def sweep(self) -> int:
        """Drop buckets that must be full again: those untouched for a whole period. Ends early after SWEEP_MAX."""
        now_ns = self._now_ns()
        dropped = 0
        for table in self._tables.values():
            if table is None:
                continue
            full_before_ns = now_ns - table.policy.period_s * NS_PER_S
            buckets = table.buckets
            while buckets and dropped < SWEEP_MAX:
                key = next(iter(buckets))
                if buckets[key].updated_ns > full_before_ns:
                    break
                del buckets[key]
                dropped += 1
        return dropped

    def _check_all(self, checks: Sequence[Check]) -> Decision:
        now_ns = self._now_ns()
        states: dict[tuple[str, str], BucketState] = {}  # two checks may name one bucket
        nearest: tuple[int, Decision] | None = None
        refused: Decision | None = None
        for check in checks:
            operation, key, cost = check.operation, check.key, check.cost
            table = self._tables[operation]
            if table is None:
                continue
            policy = table.policy
            state = states.get((operation, key)) or table.buckets.get(key) or full(policy, now_ns)
            taken = take(state, policy, now_ns, cost)
            states[operation, key] = taken.state
            self._observer.limit_checked(operation, taken.allowed)
            decision = _decision(operation, policy, taken)
            more_like_this = taken.remaining // cost if cost > 0 else taken.remaining
            if not taken.allowed and (refused is None or taken.retry_after_s > (refused.retry_after_s or 0)):
                refused = decision
            if nearest is None or more_like_this < nearest[0]:
                nearest = more_like_this, decision
        for (operation, key), state in states.items():
            table = self._tables[operation]
            if table is None:
                continue
            if refused is None:
                self._keep(table, key, state)
            elif key in table.buckets:
                table.buckets.move_to_end(key)  # who keeps trying is not forgiven before others
        if refused is not None:
            return refused
        return UNLIMITED if nearest is None else nearest[1]

    def _keep(self, table: _Table, key: str, state: BucketState) -> None:
        buckets = table.buckets
        buckets[key] = state
        buckets.move_to_end(key)
        if len(buckets) > self._max_keys:
            buckets.popitem(last=False)


class NoLimiter:
    """RATE_LIMIT_ENABLED=false: everything passes, nothing is counted."""

    async def check(self, checks: Sequence[Check]) -> Decision:
        return UNLIMITED

    def sweep(self) -> int:
        return 0


def _decision(operation: str, policy: Policy, taken: Taken) -> Decision:
    return Decision(taken.allowed, operation, policy.count, taken.remaining, taken.reset_s, taken.retry_after_s)
