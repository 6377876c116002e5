"""Tells the connections of all members of a room of a message that mentions them, whether they have joined it or not.

Who has joined the room is a member: that is compared with the store every few seconds. Of the others presence may show
somebody whose membership has ended without an event, so the store is asked; such messages are rare. In a room of 10,000
members one is as much work as the message itself, so it is done in slices between loop turns.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence

from chat.connections.connection_pool import Pool
from chat.membership_reader import ReadStandings, members_among
from chat.presence.presence import Presence
from cluster.events import AllMentioned
from common.in_parts import in_parts
from common.serial_task_queue import SerialTaskQueue
from store.errors import StoreError

log = logging.getLogger(__name__)

WAITING_MAX = 1_000  # messages; past them a mention is not told, and shows in the counts alone
MEMBERS_A_READ = 500
MEMBERS_A_STEP = 20


class MentionsOfAll:
    """Sends one mention after the other, in the order in which they came. `frame` makes a frame of an encoded event.

    `standings` asks the store (see store.contract.Members). `task_queue` is for this alone, since it waits for it.
    """

    def __init__(
        self,
        *,
        pool: Pool,
        presence: Presence,
        standings: ReadStandings,
        task_queue: SerialTaskQueue,
        frame: Callable[[bytes], bytes],
    ) -> None:
        self._pool = pool
        self._presence = presence
        self._standings = standings
        self._task_queue = task_queue
        self._frame = frame
        self._waiting: deque[AllMentioned] = deque()
        self._is_sending = False

    def __len__(self) -> int:
        """How many messages wait to be told."""
        return len(self._waiting)

    def send(self, happening: AllMentioned) -> None:
        """Send the event to the members who are connected to this process, the author excepted."""
        if len(self._waiting) >= WAITING_MAX:
            return
        self._waiting.append(happening)
        if not self._is_sending:
            self._is_sending = self._task_queue.run(self._send_all)

    async def close(self) -> None:
        """Send what waits, for 2 s at most."""
        await self._task_queue.close()

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                await self._send(self._waiting.popleft())
        finally:
            self._is_sending = False

    async def _send(self, happening: AllMentioned) -> None:
        room_id = happening.room_id
        frame = self._frame(happening.event)
        members = self._presence.members_of(room_id)
        for some in in_parts(members, MEMBERS_A_READ):
            part = [user_id for user_id in some if user_id != happening.author_id and self._pool.sessions_of(user_id)]
            ended = await self._not_members(room_id, part)
            for number, user_id in enumerate(part, 1):
                # Asked again, because the membership may have ended while the others were served
                if user_id not in ended and self._presence.is_in(room_id, user_id):
                    for session in self._pool.sessions_of(user_id):
                        session.link.send(frame)
                if not number % MEMBERS_A_STEP:
                    await asyncio.sleep(0)
            await asyncio.sleep(0)

    async def _not_members(self, room_id: str, user_ids: Sequence[str]) -> set[str]:
        """Those who are no members, or of whom that cannot be read: a message reaches nobody whom it may not reach."""
        asked = [one for one in user_ids if room_id not in self._pool.rooms_of(one)]
        if not asked:
            return set()
        try:
            return set(asked) - await members_among(self._standings, room_id, asked)
        except StoreError as error:
            log.warning("a mention of all is not told to who has not joined room %s: %s", room_id, error)
            return set(asked)
