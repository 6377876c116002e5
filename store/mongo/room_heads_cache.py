"""The newest seq of each room, kept from one append to the next. Bounded; the least recently used room goes first."""

from __future__ import annotations

from collections import OrderedDict

from store.mongo.database import Database

HEADS_MAX = 10_000


class RoomHeads:
    """A stale head costs an append one retry, never a hole: the index on (roomId, seq) is unique."""

    def __init__(self, *, database: Database) -> None:
        self._messages = database.messages
        self._heads: OrderedDict[str, int] = OrderedDict()

    async def get(self, room_id: str) -> int:
        """The seq of the room's newest message, 0 where it has none. Reads the database where none is kept."""
        head = self._heads.get(room_id)
        if head is None:
            newest = await self._messages.find_one({"roomId": room_id}, {"_id": 0, "seq": 1}, sort=[("seq", -1)])
            head = 0 if newest is None else int(newest["seq"])
            self.remember(room_id, head)
        return head

    def remember(self, room_id: str, head: int) -> None:
        """Keep the head of a room that was read or written now."""
        self._heads[room_id] = head
        self._heads.move_to_end(room_id)
        if len(self._heads) > HEADS_MAX:
            self._heads.popitem(last=False)

    def forget(self, room_id: str) -> None:
        """Drop the head of a room that another process may have written to."""
        self._heads.pop(room_id, None)

    def forget_all(self) -> None:
        """Drop all heads: after a failover the new primary may lack what was not written to a majority."""
        self._heads.clear()
