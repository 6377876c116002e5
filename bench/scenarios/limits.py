"""The cost of a check of a limit: CPU time of the bench's own process, which checks many users in turn, and of Redis.

With Redis, the checks of one loop turn share a call. So the cost is measured with many checks in a turn, as under load,
and with one. The result is checked, too: of twice as many requests as a limit admits, exactly the limit is admitted.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from app import settings
from app.composition.cluster import build_cluster
from bench.redis_process import RedisProcess
from bench.result import CPU, Figure
from bench.scenario import Option, Scenario
from bench.scenario_context import ScenarioContext
from limits.contract import Check, Limiter
from limits.memory_limiter import ALGORITHMS

PEOPLE = 1_000
REACHED = 50
BIG = "1000000000/60"


def _run(context: ScenarioContext) -> list[Figure]:
    with RedisProcess() as redis:
        return [figure for algorithm in ALGORITHMS for figure in asyncio.run(_measure(context, algorithm, redis))]


async def _measure(context: ScenarioContext, algorithm: str, redis: RedisProcess) -> list[Figure]:
    """The medians over the turns. Each turn measures every way, so that a disturbance affects all alike."""
    at_once = context.options["at_once"]
    costs_us: dict[str, list[float]] = {}
    async with _limiter(algorithm, {}) as alone, _limiter(algorithm, redis.environ) as shared:
        for limiter in (alone, shared):
            await _check_that_it_limits(context, f"{algorithm}, {type(limiter).__name__}", limiter)
        ways = {
            "in process": (alone, 1, time.process_time),
            "Redis, one in a turn": (shared, 1, time.process_time),
            f"Redis, {at_once} in a turn": (shared, at_once, time.process_time),
            f"Redis, {at_once} in a turn, Redis's own": (shared, at_once, redis.cpu_s),
        }
        for _ in range(context.options["turns"]):
            for name, (limiter, together, cpu_s) in ways.items():
                context.step(f"{algorithm}, {name}")
                cost_us = await _cost_us(limiter, context.options["checks"], together, cpu_s)
                costs_us.setdefault(name, []).append(cost_us)
        if not shared.is_shared:
            context.failures.add(f"{algorithm}: Redis was not asked")
    return [
        Figure(f"{algorithm}, {name}", statistics.median(each), "µs a check", CPU) for name, each in costs_us.items()
    ]


@asynccontextmanager
async def _limiter(algorithm: str, environ: Mapping[str, str]) -> AsyncIterator[Limiter]:
    given = {"RATE_LIMIT_ALGORITHM": algorithm, "RATE_LIMIT_MESSAGES": BIG, "RATE_LIMIT_TYPING": f"{REACHED}/3600"}
    async with build_cluster(settings.load({}, {**given, **environ}), process_id="bench") as backends:
        yield backends.limiter


async def _check_that_it_limits(context: ScenarioContext, name: str, limiter: Limiter) -> None:
    asked = [limiter.check([Check("typing", "somebody")]) for _ in range(2 * REACHED)]
    admitted = [decision.allowed for decision in await asyncio.gather(*asked)].count(True)
    if admitted != REACHED:
        context.failures.add(f"{name}: {admitted} passed where {REACHED} may")


async def _cost_us(limiter: Limiter, checks: int, at_once: int, cpu_s: Callable[[], float]) -> float:
    """CPU time of a check in µs, the cost of the calling loop included."""
    asked = [[Check("messages", f"user-{number}")] for number in range(PEOPLE)]
    began_s = cpu_s()
    for start in range(0, checks, at_once):
        if at_once == 1:
            await limiter.check(asked[start % PEOPLE])
        else:
            await asyncio.gather(*(limiter.check(asked[number % PEOPLE]) for number in range(start, start + at_once)))
    return (cpu_s() - began_s) * 1e6 / checks


SCENARIO = Scenario(
    name="limits",
    about="The CPU that a check of a rate limit costs the server: counted in process, and by Redis for all processes.",
    options={
        "checks": Option(8_000, 100, 1_000_000, "in a stretch"),
        "at_once": Option(50, 2, 1000, "in one turn of the loop, with Redis"),
        "turns": Option(3, 1, 100, "in which each way has a stretch"),
    },
    run=_run,
)
