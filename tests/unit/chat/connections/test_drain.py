"""The end of a drain waits for admissions under way: each is answered, and takes no slot with it."""

from __future__ import annotations

import asyncio

import pytest

from chat.connections.connection_pool import Pool
from chat.connections.drain import Drain
from chat.connections.heartbeat_sweep import CLOSE_WITHIN_S
from cluster.memory_connections_per_user import MemoryConnectionSlots
from handlers.codec.json_codec import JsonCodec
from tests.unit.chat.connections.pool import pool_with

pytestmark = pytest.mark.gen_test


class LateSlots(MemoryConnectionSlots):
    """Slots that are granted when `granted` is set; `released` has the connections that gave theirs back."""

    def __init__(self) -> None:
        self.granted = asyncio.Event()
        self.released: list[str] = []

    async def acquire(
        self, user_id: str, connection_id: str, *, replaces: str | None, alive: frozenset[str] | None
    ) -> bool:
        await self.granted.wait()
        return True

    def release(self, user_id: str, connection_id: str) -> None:
        self.released.append(connection_id)


class CountedClock:
    """A clock that stands for 3 readings, the last of which grants `slots`, and then is past every deadline."""

    def __init__(self, slots: LateSlots | None = None) -> None:
        self._slots = slots
        self._readings = 0

    def __call__(self) -> float:
        self._readings += 1
        if self._readings == 3 and self._slots is not None:
            self._slots.granted.set()
        return 0.0 if self._readings <= 3 else 2 * CLOSE_WITHIN_S


async def admission(pool: Pool) -> None:
    async with pool.reserve_slot("p-1", "u1", replaces=None):
        pass  # it is refused: the process drains


async def test_an_admission_that_waits_for_its_slot_ends_first() -> None:
    slots = LateSlots()
    pool = pool_with(slots)
    admitted = asyncio.ensure_future(admission(pool))
    await asyncio.sleep(0)
    await Drain(pool=pool, codec=JsonCodec(), now=CountedClock(slots)).cut_off()
    assert slots.released == ["p-1"]
    await admitted


async def test_it_does_not_wait_for_good() -> None:
    slots = LateSlots()
    pool = pool_with(slots)
    admitted = asyncio.ensure_future(admission(pool))
    await asyncio.sleep(0)
    await Drain(pool=pool, codec=JsonCodec(), now=CountedClock()).cut_off()
    assert slots.released == []
    slots.granted.set()
    await admitted
