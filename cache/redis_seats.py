"""The seats of all processes' connections: a hash a user in Redis, changed by one script. While that is away each process caps its own."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from pathlib import Path

from cache.keys import GENERATION, SEATS_TTL_S, seats
from cache.redis_backend import RedisClient, RedisGone, RedisRefused, Script

SEAT = Script(Path(__file__).parent / "lua" / "seat.lua")
_TTL_MS = SEATS_TTL_S * 1000


class RedisSeats:
    """cache.contract.Seats on Redis; `max_per_user` over all processes."""

    def __init__(self, *, client: RedisClient, max_per_user: int) -> None:
        self._client = client
        self._max_per_user = max_per_user
        self._generation: object = None

    async def take(self, user_id: str, connection_id: str, *, replaces: str | None, alive: frozenset[str] | None) -> bool:
        args = [connection_id, self._max_per_user, replaces or "", _TTL_MS, "0" if alive is None else "1", *(alive or ())]
        try:
            return bool(await self._client.run(SEAT, [seats(user_id)], args))
        except (RedisGone, RedisRefused):
            return True

    def leave(self, user_id: str, connection_id: str) -> None:
        self._client.send("HDEL", seats(user_id), connection_id)

    def renew(self, held: Iterable[tuple[str, str]]) -> None:
        for user_id, connection_id in held:
            key = seats(user_id)
            self._client.send("HSET", key, connection_id, "")
            self._client.send("PEXPIRE", key, _TTL_MS)

    async def forgotten(self) -> bool:
        try:
            self._client.send("SET", GENERATION, secrets.token_hex(4), "NX")
            generation = await self._client.call("GET", GENERATION)
        except (RedisGone, RedisRefused):
            return False
        before, self._generation = self._generation, generation
        return bool(before != generation)
