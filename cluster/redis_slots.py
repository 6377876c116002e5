"""The slots of all processes' connections: a hash a user in Redis, changed by scripts.

While that is away each process caps its own.
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
SCRIPTS = TAKE_SLOT, RECONCILE_SLOTS = [Script(_LUA / f"{name}.lua") for name in ("take_slot", "reconcile_slots")]
UNSURE_MAX = 100_000
_TTL_MS = SLOTS_TTL_S * 1000


class RedisConnectionSlots:
    """cluster.contract.ConnectionSlots on Redis; `max_per_user` over all processes, `process_id` is this one's.

    Users of whom Redis may hold too much are remembered, `UNSURE_MAX` at most: the earliest, whose connections it knew,
    and not those who came and went while it was away already. The slots of others end with their TTL.
    """

    def __init__(self, *, client: RedisClient, max_per_user: int, process_id: str) -> None:
        self._client = client
        self._max_per_user = max_per_user
        self._process_id = process_id
        self._generation: object = None
        self._unsure: dict[str, None] = {}

    async def take(
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

    def leave(self, user_id: str, connection_id: str) -> None:
        try:
            left = self._client.call("HDEL", slots_key(user_id), connection_id)
        except RedisGone:
            self._doubt(user_id)
        else:
            left.add_done_callback(lambda done: self._left(user_id, done))

    def unsure(self) -> list[str]:
        return list(self._unsure)

    async def reconcile(self, held: Sequence[tuple[str, Sequence[str]]]) -> int | None:
        asked: list[tuple[str, asyncio.Future[Any]]] = []
        is_gone = False
        # All of it is sent before anything else may happen here: what `take` and `leave` are asked for from now on
        # comes behind it.
        for user_id, connection_ids in held:
            self._unsure.pop(user_id, None)  # before it is asked: what fails to be left meanwhile is doubted anew
            try:
                told = self._client.call(
                    "EVALSHA", RECONCILE_SLOTS.sha, 1, slots_key(user_id), self._process_id, _TTL_MS, *connection_ids
                )
            except RedisGone:
                self._doubt(user_id)
                is_gone = True
            else:
                asked.append((user_id, told))
        freed = 0
        replies = await asyncio.gather(*[told for _, told in asked], return_exceptions=True)
        for (user_id, _), reply in zip(asked, replies, strict=True):
            if isinstance(reply, RedisGone | RedisRefused):
                # Also where Redis forgot the script: what was held then may not be any more, so it is not said again,
                # but read anew.
                self._doubt(user_id)
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

    def _left(self, user_id: str, done: asyncio.Future[Any]) -> None:
        if done.cancelled() or done.exception() is not None:
            self._doubt(user_id)

    def _doubt(self, user_id: str) -> None:
        if len(self._unsure) < UNSURE_MAX:
            self._unsure[user_id] = None
