"""The limiter that several processes share: states in Redis, changed by one script.

While Redis does not answer, this process counts alone. All checks of one loop turn go into one call of the script.
Knows no driver: the function that runs the script is passed in.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from common.task_shutdown import cancel_all
from limits.combined_decision import Outcome, decide
from limits.contract import UNLIMITED, Check, Decision, Limiter, widened
from limits.limit_outcome_counts import Counts, OutcomeCounts, added, counts
from limits.limit_policy import Policy
from monitor.part_metrics import PartMetrics

log = logging.getLogger(__name__)

SCRIPT = Path(__file__).parent / "lua" / "check_limits.lua"
PREFIX = "chat:1:limit"
BATCH_MAX = 200  # commands in one call: some 2 ms, in which Redis serves no other client
WAITING_MAX = 20_000
UNITS_MAX = 2**51  # the script's numbers are doubles: twice this much is exact
RETRY_UNKNOWN_S = 1
NUMBERS_A_CHECK = 4

Run = Callable[[Sequence[str], Sequence[str | bytes]], Awaitable[Any]]


class _Limit(Struct, frozen=True):
    """A policy as the script counts it: `period` is in quanta of `quantum_us` microseconds."""

    policy: Policy
    prefix: str
    period: int
    quantum_us: int
    outcome_counts: OutcomeCounts


class _StateOfCheck(Struct, frozen=True):
    """One state that a command takes from: the check it serves, its limit, and its key."""

    check: Check
    limit: _Limit
    key: str
    is_wide: bool


class _PendingCommand(Struct, frozen=True):
    """One command that waits for the script's answer; `future` gets NUMBERS_A_CHECK numbers for each check."""

    checks: list[_StateOfCheck]
    exempt: bool
    future: asyncio.Future[list[int]]


class RedisLimiter:
    """`run(keys, args)` runs SCRIPT and raises one of `away` if Redis does not answer; `fallback` counts until it does.

    `fail_closed`: all commands are refused until then. The other arguments are those of MemoryLimiter.
    """

    def __init__(
        self,
        *,
        run: Run,
        away: tuple[type[Exception], ...],
        fallback: Limiter,
        fail_closed: bool,
        policies: Mapping[str, Policy | None],
        algorithm: str = "token_bucket",
    ) -> None:
        self._run = run
        self._away = away
        self._fallback = fallback
        self._fail_closed = fail_closed
        self._limits = {
            name: None if policy is None else _limit(name, policy, algorithm) for name, policy in policies.items()
        }
        self._wide = {
            name: None if policy is None else _limit(name, widened(policy), algorithm)
            for name, policy in policies.items()
        }
        self._algorithm = algorithm
        self._loop = asyncio.get_running_loop()
        self._waiting: list[_PendingCommand] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_shared = True

    @property
    def is_shared(self) -> bool:
        return self._is_shared

    async def check(self, checks: Sequence[Check], *, exempt: bool = False) -> Decision:
        limited = []
        for check in checks:
            limit, wide = self._limits[check.operation], self._wide[check.operation]
            if limit is not None:
                limited.append(_StateOfCheck(check, limit, check.key, False))
            if wide is not None and check.wide_key is not None:
                limited.append(_StateOfCheck(check, wide, check.wide_key, True))
        if not limited:
            return UNLIMITED
        try:
            numbers = await self._enqueue(limited, exempt)
        except self._away as reason:
            self._set_shared(False, reason)
            return await self._without_redis(checks, exempt)
        outcomes = []
        for index, one in enumerate(limited):
            allowed, remaining, retry_us, reset_us = numbers[NUMBERS_A_CHECK * index : NUMBERS_A_CHECK * (index + 1)]
            outcomes.append(
                Outcome(
                    one.check,
                    one.limit.policy,
                    bool(allowed),
                    remaining,
                    _seconds(retry_us),
                    _seconds(reset_us),
                    one.is_wide,
                )
            )
        decision = UNLIMITED if exempt else decide(outcomes)
        for outcome in outcomes:
            if (limit := self._limits[outcome.check.operation]) is not None:
                outcome.count(limit.outcome_counts, command_passed=decision.allowed, exempt=exempt)
        return decision

    def take_at_once(self, check: Check, *, exempt: bool = False) -> bool:
        return False  # the counts are in Redis

    def counts(self) -> Counts:
        own = counts({name: limit.outcome_counts for name, limit in self._limits.items() if limit is not None})
        return added(own, self._fallback.counts())

    def metrics(self) -> PartMetrics:
        return PartMetrics(counters={"limit_checks_total": self.counts()})

    def redis_restored(self) -> None:
        """Report that checks are counted in Redis again. To be called whenever the client of Redis has connected."""
        self._set_shared(True)

    def sweep(self) -> int:
        return self._fallback.sweep()  # the keys in Redis expire by themselves

    async def close(self) -> None:
        await cancel_all(self._tasks)
        await self._fallback.close()

    async def _without_redis(self, checks: Sequence[Check], exempt: bool) -> Decision:
        if not self._fail_closed or exempt:
            return await self._fallback.check(checks, exempt=exempt)
        for check in checks:
            if (limit := self._limits[check.operation]) is not None:
                limit.outcome_counts.refused += 1
        return Decision(False, checks[0].operation, retry_after_s=RETRY_UNKNOWN_S, because="unknown")

    def _enqueue(self, checks: list[_StateOfCheck], exempt: bool) -> asyncio.Future[list[int]]:
        future: asyncio.Future[list[int]] = self._loop.create_future()
        if len(self._waiting) >= WAITING_MAX:
            future.set_exception(self._away[0]("too many checks wait"))
            return future
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(_PendingCommand(checks, exempt, future))
        return future

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for start in range(0, len(waiting), BATCH_MAX):
            task = self._loop.create_task(self._run_batch(waiting[start : start + BATCH_MAX]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run_batch(self, batch: Sequence[_PendingCommand]) -> None:
        keys: list[str] = []
        numbers: list[int] = []
        for index, pending in enumerate(batch):
            for one in pending.checks:
                limit = one.limit
                keys.append(limit.prefix + one.key)
                numbers += (
                    index,
                    limit.policy.count,
                    limit.period,
                    limit.quantum_us,
                    one.check.cost,
                    pending.exempt,
                )
        try:
            packed = await self._run(keys, [self._algorithm, msgspec.msgpack.encode([*map(int, numbers)])])
            answers = msgspec.msgpack.decode(packed, type=list[int])
        except self._away as reason:
            _fail(batch, reason)
            return
        except Exception:
            log.exception("limits could not be asked for")
            _fail(batch, self._away[0]("a defect"))
            return
        except asyncio.CancelledError:
            _fail(batch, self._away[0]("closed"))
            raise
        self._set_shared(True)
        start = 0
        for pending in batch:
            end = start + NUMBERS_A_CHECK * len(pending.checks)
            if not pending.future.done():
                pending.future.set_result(answers[start:end])
            start = end

    def _set_shared(self, is_shared: bool, reason: BaseException | None = None) -> None:
        if is_shared is self._is_shared:
            return
        self._is_shared = is_shared
        if is_shared:
            log.info("limits", extra={"fields": {"counted": "by all processes together, in redis"}})
        else:
            counted = "nothing: all is refused" if self._fail_closed else "by this process alone"
            log.warning("limits", extra={"fields": {"counted": counted, "reason": str(reason)}})


def _limit(operation: str, policy: Policy, algorithm: str) -> _Limit:
    """Return the policy in the smallest quanta that keep the script's numbers (doubles) exact; the period is rounded
    up.
    """
    period_us = policy.period_s * 1_000_000
    quantum_us = 1
    while policy.count * -(-period_us // quantum_us) > UNITS_MAX:
        quantum_us *= 10
    prefix = f"{PREFIX}:{algorithm[0]}:{operation}:{policy.count}/{policy.period_s}:"
    return _Limit(policy, prefix, -(-period_us // quantum_us), quantum_us, OutcomeCounts())


def _fail(batch: Sequence[_PendingCommand], reason: Exception) -> None:
    for pending in batch:
        if not pending.future.done():
            pending.future.set_exception(reason)


def _seconds(microseconds: int) -> int:
    """Return whole seconds, rounded up."""
    return -(-microseconds // 1_000_000)
