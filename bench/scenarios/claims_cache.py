"""The claims about cached values: a request with a cache against one without, and the share of reads that are hits."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator, Mapping

from bench.cache_comparison import MEMORY, NEWEST, NONE, REDIS, STATS, USER, CacheLoad, open_cache_ways
from bench.claim import Claim, JudgedClaim, judge, not_measurable
from bench.redis_process import RedisProcess
from bench.room_population import MEMBERS
from bench.scenario_context import ScenarioContext

TURNS = 5
MESSAGES = 200  # in each room
_SWITCH = "CACHE_ENABLED"
_FASTER = {"newest messages": (NEWEST, 70.0), "a user": (USER, 85.0), "room stats": (STATS, 90.0)}


def faster(what: str, less_percent: float, way: str) -> Claim:
    return Claim(name=f"{what}, cached ({way})", unit="ms", switch=_SWITCH, less_percent=less_percent)


def hits(way: str) -> Claim:
    return Claim(name=f"reads that hit the cache ({way})", unit="%", at_least=85)


FASTER = {
    (question, way): faster(what, percent, way)
    for way in (MEMORY, REDIS)
    for what, (question, percent) in _FASTER.items()
}
HITS = {way: hits(way) for way in (MEMORY, REDIS)}
CLAIMS = [*FASTER.values(), *HITS.values()]


def judged(context: ScenarioContext) -> Iterator[JudgedClaim]:
    """Measure; without a redis-server on this machine, what needs none."""
    if shutil.which("redis-server") is not None:
        with RedisProcess() as redis:
            yield from asyncio.run(_measure(context, redis.environ))
        return
    yield from asyncio.run(_measure(context, None))
    for claim in (*(one for (_, way), one in FASTER.items() if way == REDIS), HITS[REDIS]):
        yield not_measurable(claim, "redis-server is not on PATH")


async def _measure(context: ScenarioContext, redis_environ: Mapping[str, str] | None) -> list[JudgedClaim]:
    options = context.options
    askers = options["askers"]
    load = CacheLoad(
        rooms=options["rooms"],
        asking=MEMBERS,
        messages=MESSAGES,
        askers=askers,
        turns=TURNS,
        turn_s=options["turn_ms"] / 1000,
        mixed_s=options["seconds"],
    )
    async with open_cache_ways(context, load, redis_environ) as ways:
        compared = {one.what: one.medians_s for one in await ways.compare((askers,))}
        mixed = {way: (await ways.mix(way)).all_hit_percent for way in ways.cached}
    rows = [
        judge(claim, compared[question][way] * 1e3, without=compared[question][NONE] * 1e3)
        for (question, way), claim in FASTER.items()
        if way in mixed
    ]
    return rows + [judge(HITS[way], percent) for way, percent in mixed.items()]
