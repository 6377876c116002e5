"""Whoever is let in hears the user's events from the first moment, and no subscription is left behind."""

from __future__ import annotations

import asyncio

import pytest

from chat.connections.connection_pool import Pool
from cluster.memory_bus import MemoryBus
from cluster.memory_connections_per_user import MemoryConnectionSlots
from cluster.topics import user_topic
from common.serial_task_queue import SerialTaskQueue
from tests.unit.chat.connections.pool import pool_with

pytestmark = pytest.mark.gen_test


class SlowBus(MemoryBus):
    """A bus that confirms subscriptions when `confirmed` is set, as one on Redis does after a while."""

    def __init__(self) -> None:
        super().__init__()
        self.confirmed = asyncio.Event()

    async def subscribe(self, topic: str) -> None:
        await super().subscribe(topic)
        await self.confirmed.wait()


class Admissions:
    """A pool on a slow bus, and what the user's topic brings."""

    def __init__(self) -> None:
        self.bus = SlowBus()
        self.received: list[object] = []
        self.bus.start(receive=lambda topic, event: self.received.append(event))
        self._task_queue = SerialTaskQueue()
        self.pool: Pool = pool_with(MemoryConnectionSlots(), bus=self.bus, task_queue=self._task_queue)
        self.let_in: list[str] = []

    async def admit(self, connection_id: str) -> None:
        async with self.pool.reserve_slot(connection_id, "u1", replaces=None):
            self.let_in.append(connection_id)

    async def is_subscribed(self) -> bool:
        while self._task_queue.is_busy:
            await asyncio.sleep(0)
        before = len(self.received)
        self.bus.publish(user_topic("u1"), "event")
        await asyncio.sleep(0)
        return len(self.received) > before


async def test_nobody_is_let_in_before_the_subscription_to_the_users_events_is_confirmed() -> None:
    admissions = Admissions()
    both = [asyncio.ensure_future(admissions.admit(name)) for name in ("p-1", "p-2")]
    for _ in range(5):
        await asyncio.sleep(0)
    assert admissions.let_in == []
    admissions.bus.confirmed.set()
    await asyncio.gather(*both)
    assert sorted(admissions.let_in) == ["p-1", "p-2"]


async def test_who_was_not_let_in_leaves_no_subscription() -> None:
    admissions = Admissions()
    waiting = asyncio.ensure_future(admissions.admit("p-1"))
    await asyncio.sleep(0)
    assert await admissions.is_subscribed()
    waiting.cancel()
    await asyncio.wait([waiting])
    assert not await admissions.is_subscribed()
    admissions.bus.confirmed.set()
    await admissions.admit("p-2")
    assert not await admissions.is_subscribed()
