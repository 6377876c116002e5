"""The limiter of a single process: one state for each key, in one bounded table for each operation."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from limits import sliding_window, token_bucket
from limits.combined_decision import Outcome, decide
from limits.contract import UNLIMITED, Check, Decision, widened
from limits.limit_outcome_counts import Counts, OutcomeCounts, counts
from limits.limit_policy import Policy
from limits.token_bucket import TakeResult
from monitor.part_metrics import PartMetrics

SWEEP_MAX = 10_000  # states dropped in one sweep: some 2 ms


class Algorithm(Struct, frozen=True):
    """The functions of one algorithm: make the state of an unknown key, take from a state, and return the nanoseconds
    after which an unused state no longer limits.
    """

    new: Callable[[Policy, int], Any]
    take: Callable[[Any, Policy, int, int], TakeResult[Any]]
    forgotten_after_ns: Callable[[Policy], int]


ALGORITHMS = {
    "token_bucket": Algorithm(token_bucket.full, token_bucket.take, token_bucket.forgotten_after_ns),
    "sliding_window": Algorithm(sliding_window.empty, sliding_window.take, sliding_window.forgotten_after_ns),
}


class _Table:
    """The states of one operation, the least recently used first. A flood of one operation evicts no other's states."""

    __slots__ = ("outcome_counts", "policy", "states", "wide_policy")

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.wide_policy = widened(policy)
        self.outcome_counts = OutcomeCounts()
        self.states: OrderedDict[str, Any] = OrderedDict()


class MemoryLimiter:
    """`policies` has an entry for every operation, None if it is not limited. Each operation keeps at most `max_keys`
    states.

    Above that the least recently used state is dropped, and its key starts with a new state. `algorithm` is a key of
    ALGORITHMS; `now_ns` is a monotonic clock in nanoseconds.
    """

    is_shared = False

    def __init__(
        self,
        *,
        policies: Mapping[str, Policy | None],
        algorithm: str = "token_bucket",
        max_keys: int = 50_000,
        now_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._tables = {name: None if policy is None else _Table(policy) for name, policy in policies.items()}
        counting = ALGORITHMS[algorithm]
        self._new, self._take, self._forgotten_after_ns = counting.new, counting.take, counting.forgotten_after_ns
        self._max_keys = max_keys
        self._now_ns = now_ns

    def __len__(self) -> int:
        return sum(len(table.states) for table in self._tables.values() if table is not None)

    async def check(self, checks: Sequence[Check], *, exempt: bool = False) -> Decision:
        if len(checks) != 1 or exempt or checks[0].wide_key is not None:
            return self._check_all(checks, exempt)
        check = checks[0]
        table = self._tables[check.operation]
        if table is None:
            return UNLIMITED
        now_ns = self._now_ns()
        policy = table.policy
        state = table.states.get(check.key) or self._new(policy, now_ns)
        taken = self._take(state, policy, now_ns, check.cost)
        self._keep(table, check.key, taken.state)
        if taken.allowed:
            table.outcome_counts.allowed += 1
        else:
            table.outcome_counts.refused += 1
        return Decision(
            taken.allowed, check.operation, policy.count, taken.remaining, taken.reset_s, taken.retry_after_s
        )

    def take_at_once(self, check: Check, *, exempt: bool = False) -> bool:
        if exempt or check.wide_key is not None:
            return exempt and self._check_all((check,), exempt).allowed
        table = self._tables[check.operation]
        if table is None:
            return True
        now_ns = self._now_ns()
        state = table.states.get(check.key) or self._new(table.policy, now_ns)
        taken = self._take(state, table.policy, now_ns, check.cost)
        if not taken.allowed:
            return False
        self._keep(table, check.key, taken.state)
        table.outcome_counts.allowed += 1
        return True

    def counts(self) -> Counts:
        return counts({name: table.outcome_counts for name, table in self._tables.items() if table is not None})

    def metrics(self) -> PartMetrics:
        return PartMetrics(counters={"limit_checks_total": self.counts()})

    def sweep(self) -> int:
        """Drop the states that no longer limit, the least recently used first, at most SWEEP_MAX."""
        now_ns = self._now_ns()
        dropped = 0
        for table in self._tables.values():
            if table is None:
                continue
            over_before_ns = now_ns - self._forgotten_after_ns(table.policy)
            states = table.states
            while states and dropped < SWEEP_MAX:
                key = next(iter(states))
                if states[key].updated_ns > over_before_ns:
                    break
                del states[key]
                dropped += 1
        return dropped

    async def close(self) -> None:
        """Do nothing: no call is pending."""

    def _check_all(self, checks: Sequence[Check], exempt: bool) -> Decision:
        now_ns = self._now_ns()
        states: dict[tuple[str, str], Any] = {}  # two checks may have the same state
        outcomes = []
        for check in checks:
            table = self._tables[check.operation]
            if table is None:
                continue
            for key, policy in ((check.key, table.policy), (check.wide_key, table.wide_policy)):
                if key is None:
                    continue
                state_key = check.operation, key
                state = states.get(state_key) or table.states.get(key) or self._new(policy, now_ns)
                taken = self._take(state, policy, now_ns, check.cost)
                states[state_key] = taken.state
                outcomes.append(
                    Outcome(
                        check,
                        policy,
                        taken.allowed,
                        taken.remaining,
                        taken.retry_after_s,
                        taken.reset_s,
                        key == check.wide_key,
                    )
                )
        decision = UNLIMITED if exempt else decide(outcomes)
        for outcome in outcomes:
            table = self._tables[outcome.check.operation]
            if table is not None:
                outcome.count(table.outcome_counts, command_passed=decision.allowed, exempt=exempt)
        for (operation, key), state in states.items():
            table = self._tables[operation]
            if table is None:
                continue
            if decision.allowed:
                self._keep(table, key, state)
            elif key in table.states:
                table.states.move_to_end(key)  # so that a key that keeps trying is not dropped before others
        return decision

    def _keep(self, table: _Table, key: str, state: Any) -> None:
        states = table.states
        states[key] = state
        states.move_to_end(key)
        if len(states) > self._max_keys:
            states.popitem(last=False)


class NoLimiter:
    """Passes everything and counts nothing, for RATE_LIMIT_ENABLED=false."""

    is_shared = False

    async def check(self, checks: Sequence[Check], *, exempt: bool = False) -> Decision:
        return UNLIMITED

    def take_at_once(self, check: Check, *, exempt: bool = False) -> bool:
        return True

    def counts(self) -> Counts:
        return []

    def metrics(self) -> PartMetrics:
        return PartMetrics(counters={"limit_checks_total": self.counts()})

    def sweep(self) -> int:
        return 0

    async def close(self) -> None:
        """Do nothing: no call is pending."""
