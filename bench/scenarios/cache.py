"""The cache alone, without a server: the cost of a request with Redis, with a process's own cache, and without a cache.

All three ways run on one SQLite store, in turns within one run, with a redis-server of the bench's own. They call what
the handlers call. The first figure of a question is a time, the others are ratios to it. After that, members of rooms
of which a few are busy read and write at once, and the share of reads that hit the cache is counted. In the questions
one member asks in each room, again and again; in the mixed load all do.
"""

from __future__ import annotations

import asyncio

from bench.cache_comparison import MEMORY, NONE, REDIS, CacheComparison, CacheLoad, MixedLoad, open_cache_ways
from bench.redis_process import RedisProcess
from bench.result import Figure
from bench.room_population import MEMBERS
from bench.scenario import Option, Scenario
from bench.scenario_context import ScenarioContext


def _run(context: ScenarioContext) -> list[Figure]:
    with RedisProcess() as redis:
        return asyncio.run(_measure(context, redis.environ))


async def _measure(context: ScenarioContext, environ: dict[str, str]) -> list[Figure]:
    options = context.options
    load = CacheLoad(
        rooms=options["rooms"],
        asking=1,
        messages=options["messages"],
        askers=options["askers"],
        turns=options["turns"],
        turn_s=options["turn_ms"] / 1000,
        mixed_s=options["seconds"],
    )
    async with open_cache_ways(context, load, environ) as ways:
        compared = await ways.compare((1, load.askers))
        mixed = {name: await ways.mix(name) for name in (NONE, MEMORY, REDIS)}
    return [
        *(figure for one in compared for figure in _compared(one)),
        *(figure for name, one in mixed.items() for figure in _mixed(name, one)),
    ]


def _compared(one: CacheComparison) -> list[Figure]:
    what, medians_s = f"{one.what}, {one.askers} at once", one.medians_s
    others = [name for name in medians_s if name != NONE]
    return [
        Figure(f"{what}: {NONE}", medians_s[NONE] * 1e3, "ms"),
        *(Figure(f"{what}: {name}", medians_s[NONE] / medians_s[name], "times quicker") for name in others),
    ]


def _mixed(name: str, one: MixedLoad) -> list[Figure]:
    rates = [Figure(f"mixed, {name}: hits of {kind} reads", rate, "%") for kind, rate in one.hit_percent.items()]
    whole = [Figure(f"mixed, {name}: hits of all reads", one.all_hit_percent, "%")] if rates else []
    return [Figure(f"mixed, {name}: a request", one.each_s * 1e3, "ms"), *whole, *rates]


SCENARIO = Scenario(
    name="cache",
    about=(
        "The cache alone: a request with Redis and with a process's own cache against "
        "none, and how many reads are hits."
    ),
    options={
        "rooms": Option(100, 1, 1000, f"of {MEMBERS} members each"),
        "messages": Option(200, 100, 10_000, "in each room"),
        "askers": Option(50, 2, 500, "at once"),
        "turns": Option(5, 1, 100, "in which each way answers each question"),
        "turn_ms": Option(150, 10, 10_000, "of one way of answering"),
        "seconds": Option(5, 1, 60, "of reading and writing, in each way"),
    },
    run=_run,
)
