"""Who is typing where: one event when it begins, another every few seconds while it goes on, and one when it ends or
expires.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable

from chat.codec import Codec
from chat.events import TypingStatus
from chat.presence.online_members import OnlineMembers
from cluster.contract import Bus
from cluster.events import RoomEphemeral
from cluster.topics import room_topic
from common.serial_task_queue import SerialTaskQueue
from store.models import User

EXPIRES_MS = 6_000
AGAIN_AFTER_S = 3.0  # receivers forget after EXPIRES_MS, so that who goes on typing is published again before
MAX_TYPISTS = 100_000
SLICE = 500  # of those who expire, between two loop turns: some 5 ms


class TypingIndicators:
    """Publishes through `task_queue`, droppable, so that the end of typing arrives after the message that ended it. A
    large room (see OnlineMembers.is_large) gets no typing events.

    `now` is monotonic, in seconds. At most `MAX_TYPISTS` are kept; past them no new one is published.
    """

    def __init__(
        self,
        *,
        online_members: OnlineMembers,
        codec: Codec,
        bus: Bus,
        task_queue: SerialTaskQueue,
        now: Callable[[], float],
    ) -> None:
        self._online_members = online_members
        self._codec = codec
        self._bus = bus
        self._task_queue = task_queue
        self._now = now
        self._typists: OrderedDict[tuple[str, str], Typist] = OrderedDict()  # in the order in which they expire
        self._rooms_of: dict[str, set[str]] = {}  # user id → rooms in which the user types

    def started(self, room_id: str, user: User) -> None:
        """The user types."""
        now = self._now()
        typist = self._typists.get((room_id, user.id))
        if typist is None:
            if len(self._typists) >= MAX_TYPISTS:
                return
            typist = self._typists[room_id, user.id] = Typist(user.username)
            self._rooms_of.setdefault(user.id, set()).add(room_id)
        self._typists.move_to_end((room_id, user.id))
        typist.until = now + EXPIRES_MS / 1000
        if now - typist.published_at >= AGAIN_AFTER_S:
            typist.published_at = now
            self._publish(room_id, user.id, typist, is_typing=True)

    def stopped(self, room_id: str, user_id: str) -> None:
        """The user stopped, sent what was typed, or left the room."""
        typist = self._typists.pop((room_id, user_id), None)
        if typist is None:
            return
        rooms = self._rooms_of[user_id]
        rooms.discard(room_id)
        if not rooms:
            del self._rooms_of[user_id]
        self._publish(room_id, user_id, typist, is_typing=False)

    def gone(self, user_id: str) -> None:
        """The user has no connection to this process any more."""
        for room_id in list(self._rooms_of.get(user_id, ())):
            self.stopped(room_id, user_id)

    def sweep(self) -> None:
        """End what has expired, in slices; to be called every half second."""
        now = self._now()
        for _ in range(SLICE):
            if not self._typists:
                return
            (room_id, user_id), typist = next(iter(self._typists.items()))
            if typist.until > now:
                return
            self.stopped(room_id, user_id)
        asyncio.get_running_loop().call_soon(self.sweep)

    @property
    def typists(self) -> int:
        """How many (room, user) pairs are typing."""
        return len(self._typists)

    def _publish(self, room_id: str, user_id: str, typist: Typist, *, is_typing: bool) -> None:
        if self._online_members.is_large(room_id):
            return
        event = TypingStatus(room_id, user_id, typist.username, is_typing, EXPIRES_MS)
        happening = RoomEphemeral(room_id, self._codec.event(event), user_id)
        self._task_queue.run(lambda: self._bus.publish(room_topic(room_id), happening), droppable=True)


class Typist:
    """One person typing in one room; times are monotonic seconds."""

    __slots__ = ("published_at", "until", "username")

    def __init__(self, username: str) -> None:
        self.username = username
        self.until = 0.0
        self.published_at = float("-inf")
