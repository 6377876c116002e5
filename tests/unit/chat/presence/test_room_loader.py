"""The rooms of people who connect at once are read together."""

from __future__ import annotations

import asyncio
import logging
import random
from pathlib import Path
from typing import Any

import pytest

from chat.presence.room_loader import USERS_A_READ, RoomLoader
from common.serial_task_queue import SerialTaskQueue
from store.errors import StoreError, StoreUnavailable
from store.models import RoomDraft
from tests.support.waiting import until_on_loop
from tests.unit.chat.delivery.test_join_is_exact import DelayedStore, open_store
from tests.unit.chat.presence.test_late_facts import PresenceProcess

pytestmark = pytest.mark.gen_test


async def test_people_who_connect_at_once_are_read_together_and_each_is_in_their_own_rooms(tmp_path: Path) -> None:
    async with open_store(tmp_path) as store:
        users = [
            await store.users.create(username=f"u{number}", email=f"u{number}@example.com", password_hash="x")
            for number in range(USERS_A_READ + 20)
        ]
        room_id = (await store.rooms.create(RoomDraft("tea", None, True, 1000), users[0].id)).room.id
        for user in users[::2]:
            await store.members.add(room_id, user.id)
        presence = PresenceProcess(asyncio.get_running_loop()).presence
        reads: list[str] = []
        counted: Any = DelayedStore(store, random.Random(1), reads)
        queue = SerialTaskQueue()
        loader = RoomLoader(store=counted, presence=presence, task_queue=queue)
        for user in users:
            assert presence.connected(user)
            loader.load(user.id)
        await until_on_loop(lambda: not queue.is_busy)
        assert presence.members_of(room_id) == [user.id for user in users[::2]]
        assert not presence.connected(users[-1]), "it is known of everybody"
        assert reads == ["joined_by_each"] * 2
        presence.close()


class FailingOnce:
    """A store whose first read fails."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.rooms = self
        self._failed = False

    async def joined_by_each(self, user_ids: list[str]) -> Any:
        if not self._failed:
            self._failed = True
            raise StoreUnavailable("stalled")
        return await self._store.rooms.joined_by_each(user_ids)


async def test_a_read_that_failed_hinders_none_that_come_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_store(tmp_path) as store:
        users = [
            await store.users.create(username=f"u{number}", email=f"u{number}@example.com", password_hash="x")
            for number in range(2)
        ]
        presence = PresenceProcess(asyncio.get_running_loop()).presence
        queue = SerialTaskQueue(expected=(StoreError,))
        failing: Any = FailingOnce(store)
        loader = RoomLoader(store=failing, presence=presence, task_queue=queue)
        for user in users:
            presence.connected(user)
            loader.load(user.id)
            await until_on_loop(lambda: not queue.is_busy)
        assert presence.connected(users[0]), "to be read again: by the next connection, or by the recheck"
        assert not presence.connected(users[1])
        assert [record.levelno for record in caplog.records] == [logging.WARNING]
        presence.close()
