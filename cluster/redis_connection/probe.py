"""Probes Redis once, with a connection of its own."""

from __future__ import annotations

import asyncio

from redis.exceptions import RedisError

from cluster.redis_connection import redis_bounds
from cluster.redis_connection.errors import RedisGone
from cluster.redis_connection.options import RedisOptions
from cluster.redis_connection.reconnecting_connection import disconnect, reason_of

VERSION_MIN = 6  # SET with KEEPTTL


async def probe_redis(options: RedisOptions) -> str:
    """Connect, and return a sentence with the server's version.

    Raises RedisGone with the reason if Redis cannot be used.
    """
    connection = options.connection()
    try:
        async with asyncio.timeout(2 * redis_bounds.CONNECT_WITHIN_S):
            await connection.connect()  # type: ignore[no-untyped-call]
            await connection.send_command("INFO", "server", check_health=False)
            answer = await connection.read_response(disable_decoding=True)
    except (RedisError, OSError, TimeoutError) as error:
        raise RedisGone(reason_of(error)) from error
    finally:
        await disconnect(connection)
    info = dict(line.split(":", 1) for line in answer.decode().splitlines() if ":" in line)
    version = info.get("redis_version", "?")
    if version != "?" and int(version.partition(".")[0]) < VERSION_MIN:
        raise RedisGone(f"Redis {version} is too old, {VERSION_MIN} wanted")
    return f"Redis {version} answers"
