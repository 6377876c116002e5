"""Connection slots over all processes: one hash for each user in Redis, changed by scripts.

While Redis is away each process caps its own connections.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cluster.redis_connection import RedisClient, RedisGone, RedisRefused, Script
from cluster.redis_keys import GENERATION, SLOTS_TTL_S, slots_key

_LUA = Path(__file__).parent / "lua"
TAKE_SLOT = Script(_LUA / "take_connection_slot.lua")
RECONCILE_SLOTS = Script(_LUA / "reconcile_connection_slots.lua")
SCRIPTS = TAKE_SLOT, RECONCILE_SLOTS
UNCONFIRMED_MAX = 100_000
_TTL_MS = SLOTS_TTL_S * 1000


class RedisConnectionSlots:
    """cluster.contract.ConnectionSlots on Redis. `max_per_user` counts over all processes; `process_id` is this one's.

    At most `UNCONFIRMED_MAX` unconfirmed users are kept, the earliest: Redis holds slots of those, but none of users
    who connected and disconnected while it was away. Slots of further users expire with their TTL.
    """

    def __init__(self, *, client: RedisClient, max_per_user: int, process_id: str) -> None:
        self._client = client
        self._max_per_user = max_per_user
        self._process_id = process_id
        self._generation: object = None
        self._unconfirmed: dict[str, None] = {}

    async def acquire(
        self, user_id: str, connection_id: str, *, replaces: str | None, alive: frozenset[str] | None
    ) -> bool:
        args = [
            connection_id,
            self._max_per_user,
            replaces or "",
            _TTL_MS,
            "0" if alive is None else "1",
            *(alive or ()),
        ]
        try:
            return bool(await self._client.run(TAKE_SLOT, [slots_key(user_id)], args))
        except (RedisGone, RedisRefused):
            return True

    def release(self, user_id: str, connection_id: str) -> None:
        try:
            released = self._client.call("HDEL", slots_key(user_id), connection_id)
        except RedisGone:
            self._mark_unconfirmed(user_id)
        else:
            released.add_done_callback(lambda done: self._check_released(user_id, done))

    def unconfirmed_users(self) -> list[str]:
        return list(self._unconfirmed)

    async def reconcile(self, held: Sequence[tuple[str, Sequence[str]]]) -> int | None:
        calls: list[tuple[str, asyncio.Future[Any]]] = []
        is_gone = False
        # All commands are queued before the first await, so those of a later `acquire` or `release` follow them
        for user_id, connection_ids in held:
            self._unconfirmed.pop(user_id, None)  # before the call: a release that fails meanwhile marks the user again
            try:
                call = self._client.call(
                    "EVALSHA", RECONCILE_SLOTS.sha, 1, slots_key(user_id), self._process_id, _TTL_MS, *connection_ids
                )
            except RedisGone:
                self._mark_unconfirmed(user_id)
                is_gone = True
            else:
                calls.append((user_id, call))
        freed = 0
        replies = await asyncio.gather(*[call for _, call in calls], return_exceptions=True)
        for (user_id, _), reply in zip(calls, replies, strict=True):
            if isinstance(reply, RedisGone | RedisRefused):
                # Also if Redis no longer has the script. The call is not repeated, because its connections may be
                # outdated by then: the next reconciliation reads them again.
                self._mark_unconfirmed(user_id)
                is_gone = is_gone or isinstance(reply, RedisGone)
            elif isinstance(reply, BaseException):
                raise reply
            else:
                freed += int(reply)
        return None if is_gone else freed

    async def forgotten(self) -> bool:
        try:
            self._client.send("SET", GENERATION, secrets.token_hex(4), "NX")
            generation = await self._client.call("GET", GENERATION)
        except (RedisGone, RedisRefused):
            return False
        before, self._generation = self._generation, generation
        return bool(before != generation)

    def _check_released(self, user_id: str, done: asyncio.Future[Any]) -> None:
        if done.cancelled() or done.exception() is not None:
            self._mark_unconfirmed(user_id)

    def _mark_unconfirmed(self, user_id: str) -> None:
        if len(self._unconfirmed) < UNCONFIRMED_MAX:
            self._unconfirmed[user_id] = None
