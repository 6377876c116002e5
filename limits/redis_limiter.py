"""The limiter of several processes: states in Redis, changed there by one script.

While that is away, this process counts alone.

Knows no driver: how the script is run is passed in. All checks of a loop turn go in one call.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from limits.check_counts import Counts, OutcomeCounts, added, counts
from limits.combined_decision import Outcome, decide
from limits.contract import UNLIMITED, Check, Decision, Limiter, widened
from limits.policy import Policy

log = logging.getLogger(__name__)

SCRIPT = Path(__file__).parent / "lua" / "check.lua"
PREFIX = "chat:1:limit"
BATCH_MAX = 200  # commands in one call: some 2 ms of Redis's time, in which nobody else is served
WAITING_MAX = 20_000
UNITS_MAX = 2**51  # the script's numbers are doubles: twice this much is exact
RETRY_UNKNOWN_S = 1
NUMBERS_A_CHECK = 4

Run = Callable[[Sequence[str], Sequence[str | bytes]], Awaitable[Any]]


class _Limit(Struct, frozen=True):
    """A policy as the script counts it: its period in quanta, and how many microseconds a quantum is."""

    policy: Policy
    prefix: str
    period: int
    quantum_us: int
    tally: OutcomeCounts


class _Counted(Struct, frozen=True):
    """One state that a command takes from: of which check, how it is limited, and its key."""

    check: Check
    limit: _Limit
    key: str
    is_wide: bool


class _Asked(Struct, frozen=True):
    """One command that waits for its answer."""

    checks: list[_Counted]
    exempt: bool
    future: asyncio.Future[list[int]]


class RedisLimiter:
    """`run(keys, args)` runs SCRIPT and raises one of `away` where Redis does not answer. `alone` counts meanwhile.

    `fail_closed`: then everything is refused instead. Other arguments as those of MemoryLimiter.
    """

    def __init__(
        self,
        *,
        run: Run,
        away: tuple[type[Exception], ...],
        alone: Limiter,
        fail_closed: bool,
        policies: Mapping[str, Policy | None],
        algorithm: str = "token_bucket",
    ) -> None:
        self._run = run
        self._away = away
        self._alone = alone
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
        self._waiting: list[_Asked] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._shares = True

    @property
    def shares(self) -> bool:
        return self._shares

    async def check(self, checks: Sequence[Check], *, exempt: bool = False) -> Decision:
        limited = []
        for check in checks:
            limit, wide = self._limits[check.operation], self._wide[check.operation]
            if limit is not None:
                limited.append(_Counted(check, limit, check.key, False))
            if wide is not None and check.wide_key is not None:
                limited.append(_Counted(check, wide, check.wide_key, True))
        if not limited:
            return UNLIMITED
        try:
            numbers = await self._ask(limited, exempt)
        except self._away as reason:
            self._say(False, reason)
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
            if (counted := self._limits[outcome.check.operation]) is not None:
                outcome.count(counted.tally, command_passed=decision.allowed, exempt=exempt)
        return decision

    def counts(self) -> Counts:
        own = counts({name: limit.tally for name, limit in self._limits.items() if limit is not None})
        return added(own, self._alone.counts())

    def back(self) -> None:
        """Redis is there again: from now on it is asked, and until it does not answer it counts."""
        self._say(True)

    def sweep(self) -> int:
        return self._alone.sweep()  # Redis's keys expire by themselves

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._alone.close()

    async def _without_redis(self, checks: Sequence[Check], exempt: bool) -> Decision:
        if not self._fail_closed or exempt:
            return await self._alone.check(checks, exempt=exempt)
        for check in checks:
            if (limit := self._limits[check.operation]) is not None:
                limit.tally.refused += 1
        return Decision(False, checks[0].operation, retry_after_s=RETRY_UNKNOWN_S, because="unknown")

    def _ask(self, checks: list[_Counted], exempt: bool) -> asyncio.Future[list[int]]:
        future: asyncio.Future[list[int]] = self._loop.create_future()
        if len(self._waiting) >= WAITING_MAX:
            future.set_exception(self._away[0]("too many checks wait"))
            return future
        if not self._waiting:
            self._loop.call_soon(self._flush)
        self._waiting.append(_Asked(checks, exempt, future))
        return future

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        for start in range(0, len(waiting), BATCH_MAX):
            task = self._loop.create_task(self._exchange(waiting[start : start + BATCH_MAX]))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _exchange(self, asked: Sequence[_Asked]) -> None:
        keys: list[str] = []
        numbers: list[int] = []
        for index, one in enumerate(asked):
            for counted in one.checks:
                limit = counted.limit
                keys.append(limit.prefix + counted.key)
                numbers += (index, limit.policy.count, limit.period, limit.quantum_us, counted.check.cost, one.exempt)
        try:
            packed = await self._run(keys, [self._algorithm, msgspec.msgpack.encode([*map(int, numbers)])])
            answers = msgspec.msgpack.decode(packed, type=list[int])
        except self._away as reason:
            _fail(asked, reason)
            return
        except Exception:
            log.exception("limits could not be asked for")
            _fail(asked, self._away[0]("a defect"))
            return
        except asyncio.CancelledError:
            _fail(asked, self._away[0]("closed"))
            raise
        self._say(True)
        start = 0
        for one in asked:
            end = start + NUMBERS_A_CHECK * len(one.checks)
            if not one.future.done():
                one.future.set_result(answers[start:end])
            start = end

    def _say(self, shares: bool, reason: BaseException | None = None) -> None:
        if shares is self._shares:
            return
        self._shares = shares
        if shares:
            log.info("limits", extra={"fields": {"counted": "by all processes together, in redis"}})
        else:
            counted = "nothing: all is refused" if self._fail_closed else "by this process alone"
            log.warning("limits", extra={"fields": {"counted": counted, "reason": str(reason)}})


def _limit(operation: str, policy: Policy, algorithm: str) -> _Limit:
    """A policy in the finest quanta that keep the script's numbers exact; a period is rounded up."""
    period_us = policy.period_s * 1_000_000
    quantum_us = 1
    while policy.count * -(-period_us // quantum_us) > UNITS_MAX:
        quantum_us *= 10
    prefix = f"{PREFIX}:{algorithm[0]}:{operation}:{policy.count}/{policy.period_s}:"
    return _Limit(policy, prefix, -(-period_us // quantum_us), quantum_us, OutcomeCounts())


def _fail(asked: Sequence[_Asked], reason: Exception) -> None:
    for one in asked:
        if not one.future.done():
            one.future.set_exception(reason)


def _seconds(microseconds: int) -> int:
    """Whole seconds, rounded up."""
    return -(-microseconds // 1_000_000)
