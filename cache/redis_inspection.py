"""What Redis says of itself: its latency, its memory, how much it holds."""

from __future__ import annotations

import asyncio
import time

from cache.cache_inspection import CacheInspection, CacheUnreachable
from cluster.redis_connection import RedisClient, RedisGone, RedisRefused


async def inspect_redis(client: RedisClient) -> CacheInspection:
    """Raises CacheUnreachable."""
    started_s = time.perf_counter()
    try:
        await client.call("PING")
        latency_ms = round((time.perf_counter() - started_s) * 1000, 3)
        info_reply, entries = await asyncio.gather(client.call("INFO"), client.call("DBSIZE"))
    except (RedisGone, RedisRefused) as error:
        raise CacheUnreachable(str(error)) from error
    info = dict(line.split(":", 1) for line in info_reply.decode().splitlines() if ":" in line)
    numbers = {
        name: int(info[name])
        for name in ("used_memory", "maxmemory", "evicted_keys", "connected_clients")
        if name in info
    }
    return CacheInspection(
        "redis",
        entries=entries,
        used_bytes=numbers.get("used_memory"),
        max_bytes=numbers.get("maxmemory") or None,  # 0: no bound
        evictions=numbers.get("evicted_keys"),
        clients=numbers.get("connected_clients"),
        latency_ms=latency_ms,
    )
