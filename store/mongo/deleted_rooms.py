"""The deletion of rooms: an entry of the changes log ends the room, and what belonged to it is removed in slices.

Applying the entry writes a document to deleted_rooms, ends the memberships, then removes the room. An append that had
read the room before may store a message after that, and a process that was held up may apply an older entry. So what
belonged to the room is removed once more a day later; until then the entry stays in the log, and gives its rev to
nobody else.
"""

from __future__ import annotations

from collections.abc import Sequence

from store.models import Actor
from store.mongo.apply_change import TOMBSTONE_MS
from store.mongo.bots import revoke
from store.mongo.database import Database, Document, stored_time
from store.mongo.documents import room_from
from store.mongo.indexes import INDEXES
from store.mongo.members import role_in
from store.mongo.room_at_rev import ReadSet, RoomView
from store.room_rules import require_owner

SLICE_DOCUMENTS = 500

# The collections whose documents belong to rooms. Memberships go first: they let people read files.
ROOM_COLLECTIONS: Sequence[str] = sorted(
    {index.collection for index in INDEXES if index.keys[0][0] == "roomId"}, key=lambda name: (name != "members", name)
)


class DeleteRoom:
    """The change that ends a room. Whatever follows in its batch finds no room."""

    def __init__(self, actor: Actor) -> None:
        self._actor = actor
        self.read_set = ReadSet(members=(actor.user_id,))

    async def run(self, view: RoomView) -> None:
        """Raises Refused."""
        require_owner(room_from(view.room), self._actor, role_in(view, self._actor.user_id))
        view.record(deletes_room=True)


class DeletedRooms:
    """Removes what deleted rooms have left."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def sweep(self, now_ms: int) -> tuple[int, bool]:
        """Remove one slice. Returns how many documents, and whether there may be more."""
        old = {"deletedAt": {"$lte": stored_time(now_ms - TOMBSTONE_MS)}}
        async with self._database.operation("rooms.purge", write=True):
            deleted = self._database.deleted_rooms
            room = await deleted.find_one({"$or": [{"isEmpty": False}, old]}, sort=[("deletedAt", 1)])
            if room is None:
                return 0, False
            room_id, is_old = room["_id"], int(room["deletedAt"]) <= now_ms - TOMBSTONE_MS
            # Whoever applied the entry may have ended before it removed the room.
            await self._database.rooms.delete_one({"_id": room_id})
            for name in ROOM_COLLECTIONS:
                removed = await self._remove(name, room_id, with_entry=is_old)
                if removed:
                    return removed, True
            if is_old:
                await deleted.delete_one({"_id": room_id})
            else:
                await deleted.update_one({"_id": room_id}, {"$set": {"isEmpty": True}})
        return 0, True

    async def _remove(self, name: str, room_id: str, *, with_entry: bool) -> int:
        """Remove one slice of a collection. `with_entry`: also the entry of the changes log that ended the room."""
        collection = self._database.raw[name]
        left: Document = {"roomId": room_id} if with_entry else {"roomId": room_id, "deletesRoom": None}
        fields = {"attachments._id": 1, "sessionId": 1}
        found = await collection.find(left, fields).limit(SLICE_DOCUMENTS).to_list(None)
        for session_id in (document["sessionId"] for document in found if "sessionId" in document):  # a bot's
            await revoke(self._database, session_id)
        files = {file["_id"] for document in found for file in document.get("attachments", ())}
        if files:
            shown = {"$pull": {"posts": {"roomId": room_id}}}
            await self._database.files.update_many({"_id": {"$in": list(files)}}, shown)
        if found:
            await collection.delete_many({"_id": {"$in": [document["_id"] for document in found]}})
        return len(found)
