"""Snapshots of processes in Redis: a value for each process with a short TTL, and a set of the processes."""

from __future__ import annotations

from cluster.redis_connection import RedisClient, RedisGone, RedisRefused
from cluster.redis_keys import SNAPSHOT_PROCESSES, SNAPSHOT_PROCESSES_TTL_S, snapshot_key

PROCESSES_MAX = 256


class RedisSnapshots:
    """cluster.contract.Snapshots on Redis."""

    def __init__(self, *, client: RedisClient, process_id: str) -> None:
        self._client = client
        self._process_id = process_id

    def publish(self, payload: bytes, *, at_s: float, ttl_s: float) -> None:
        client = self._client
        client.send("SET", snapshot_key(self._process_id), payload, "PX", max(1, int(ttl_s * 1000)))
        # A process is live while its value has not expired. The set only names whose values to read; its long TTL
        # allows for clocks that differ between machines.
        client.send("ZADD", SNAPSHOT_PROCESSES, at_s, self._process_id)
        client.send("ZREMRANGEBYSCORE", SNAPSHOT_PROCESSES, "-inf", at_s - SNAPSHOT_PROCESSES_TTL_S)
        client.send("PEXPIRE", SNAPSHOT_PROCESSES, SNAPSHOT_PROCESSES_TTL_S * 1000)

    async def read_all(self) -> list[bytes] | None:
        try:
            names = await self._client.call("ZRANGE", SNAPSHOT_PROCESSES, -PROCESSES_MAX, -1)
            if not names:
                return []
            keys = [snapshot_key(name.decode(errors="replace")) for name in names]
            payloads = await self._client.call("MGET", *keys)
        except (RedisGone, RedisRefused):
            return None
        return [payload for payload in payloads if payload is not None]

    def withdraw(self) -> None:
        self._client.send("DEL", snapshot_key(self._process_id))
        self._client.send("ZREM", SNAPSHOT_PROCESSES, self._process_id)
