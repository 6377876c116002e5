"""What processes tell each other of themselves, in Redis:
a value each with a short TTL, and a set of who told lately.
"""

from __future__ import annotations

from cluster.redis_connection import RedisClient, RedisGone, RedisRefused
from cluster.redis_keys import TELLERS, TELLERS_TTL_S, teller

TELLERS_MAX = 256


class RedisSnapshots:
    """cache.contract.Snapshots on Redis."""

    def __init__(self, *, client: RedisClient, process_id: str) -> None:
        self._client = client
        self._process_id = process_id

    def tell(self, payload: bytes, *, at_s: float, ttl_s: float) -> None:
        client = self._client
        client.send("SET", teller(self._process_id), payload, "PX", max(1, int(ttl_s * 1000)))
        # The values' TTL says who lives; the set only says of whom to ask, and clocks that differ must not hide one.
        client.send("ZADD", TELLERS, at_s, self._process_id)
        client.send("ZREMRANGEBYSCORE", TELLERS, "-inf", at_s - TELLERS_TTL_S)
        client.send("PEXPIRE", TELLERS, TELLERS_TTL_S * 1000)

    async def told(self) -> list[bytes] | None:
        try:
            names = await self._client.call("ZRANGE", TELLERS, -TELLERS_MAX, -1)
            if not names:
                return []
            payloads = await self._client.call("MGET", *(teller(name.decode(errors="replace")) for name in names))
        except (RedisGone, RedisRefused):
            return None
        return [payload for payload in payloads if payload is not None]

    def leave(self) -> None:
        self._client.send("DEL", teller(self._process_id))
        self._client.send("ZREM", TELLERS, self._process_id)
