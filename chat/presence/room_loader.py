"""Reads the rooms of people who connect, those of all who wait in one read of the store.

A herd that comes back is 1,000 people in a second: one read each, one after the other, took as much of a connect as
its handshake (bench: spike).
"""

from __future__ import annotations

from chat.presence.presence import Presence
from common.in_parts import take_first
from common.serial_task_queue import SerialTaskQueue
from store.contract import Store

USERS_A_READ = 100  # for each is registered in the loop turn that follows


class RoomLoader:
    """Tells `presence` the rooms of people whose rooms it does not know.

    `task_queue` reads from the store, which may take long, so it is shared with nothing else. People whose rooms could
    not be read are left to the recheck of memberships. At most those wait who are connected here.
    """

    def __init__(self, *, store: Store, presence: Presence, task_queue: SerialTaskQueue) -> None:
        self._store = store
        self._presence = presence
        self._task_queue = task_queue
        self._waiting: dict[str, None] = {}

    def load(self, user_id: str) -> None:
        """Read a person's rooms soon."""
        if not self._waiting:
            self._task_queue.run(self._load_some)
        self._waiting[user_id] = None

    async def _load_some(self) -> None:
        part = take_first(self._waiting, USERS_A_READ)
        if self._waiting:
            self._task_queue.run(self._load_some)
        for user_id, rooms in (await self._store.rooms.joined_by_each(part)).items():
            self._presence.entered(user_id, rooms)
