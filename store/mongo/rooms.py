"""The rooms collection: creating, finding and counting rooms. members.py has the memberships."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

from pymongo.errors import DuplicateKeyError

from common.rfc3339 import rfc3339
from store.errors import Missing, Refused
from store.ids import make_id
from store.list_cursors import place_of_cursor
from store.models import (
    Actor,
    Head,
    Refusal,
    Role,
    Room,
    RoomChange,
    RoomDraft,
    RoomPatch,
    RoomStats,
    Standing,
    User,
)
from store.mongo import room_pipelines
from store.mongo.apply_change import is_abandoned
from store.mongo.blocks import has_blocked
from store.mongo.change_log import ChangeLog
from store.mongo.database import Database, Document, stored_time, unset
from store.mongo.deleted_rooms import DeletedRooms, DeleteRoom
from store.mongo.documents import last_seq_of, membership_from, room_from, standing_from, user_from
from store.mongo.errors import index_of
from store.mongo.indexes import ORDER_INDEX
from store.mongo.lookup_stages import Pipeline
from store.mongo.members import Join, member_document
from store.mongo.room_settings import ChangeSettings

_IDS_MAX = 100_000
_NAMES_BATCH = 1000

# A room's position in lists: milliseconds and a random part, so that two processes rarely take the same one (the
# index is unique).
_ORDER_BITS = 16


class MongoRooms:
    """store.contract.Rooms on MongoDB."""

    def __init__(self, *, database: Database, log: ChangeLog, deleted: DeletedRooms) -> None:
        self._database = database
        self._deleted = deleted
        self._log = log
        self._rooms = database.rooms
        self._members = database.members
        self._last_order = 0

    async def create(self, draft: RoomDraft, owner_id: str) -> Standing:
        """Raises Missing("user")."""
        room = {
            "name": draft.name,
            "nameFolded": draft.name.casefold(),
            "description": draft.description,
            "isPrivate": draft.is_private,
            "kind": "room",
            "ownerId": owner_id,
            "maxUsers": draft.max_users,
        }
        async with self._database.operation("rooms.create", write=True):
            room_id = await self._insert(room, [owner_id], Role.OWNER)
            return await self._require_for(room_id, owner_id)

    async def direct(self, user_id: str, other_id: str) -> tuple[Standing, bool]:
        people = sorted({user_id, other_id})
        key = {"directKey": " ".join(people)}
        room = {"name": "", "nameFolded": "", "isPrivate": True, "kind": "direct", "maxUsers": 2, **key}
        async with self._database.operation("rooms.direct", write=True):
            found = await self._rooms.find_one(key, {"_id": 1})
            if found is None:
                if await has_blocked(self._database, other_id, user_id):
                    raise Refused(Refusal.FORBIDDEN)
                try:
                    room_id = await self._insert(room, people, Role.MEMBER)
                    return await self._require_for(room_id, user_id), True
                except DuplicateKeyError:
                    found = await self._rooms.find_one(key, {"_id": 1})
                    if found is None:
                        raise
            # Who had left is a member again. The other comes first: where they cannot, nothing has changed.
            for person in sorted(people, key=lambda one: one == user_id):
                await self._log.change(found["_id"], Join(person, Role.MEMBER))
            return await self._require_for(found["_id"], user_id), False

    async def get(self, room_id: str) -> Room | None:
        async with self._database.operation("rooms.get"):
            found = await self._read(room_pipelines.room(room_id))
        return None if found is None else room_from(found)

    async def get_for(self, room_id: str, user_id: str) -> Standing | None:
        async with self._database.operation("rooms.get_for"):
            return await self._get_for(room_id, user_id)

    async def list_for(
        self, user_id: str, *, mine: bool, query: str | None, limit: int, after: str | None
    ) -> tuple[list[Standing], str | None]:
        below, part = place_of_cursor(after), (query or "").casefold()
        pipeline = room_pipelines.rooms_of(user_id, below=below, part=part, limit=limit + 1)
        found: dict[str, tuple[int, Standing]] = {}
        async with self._database.operation("rooms.list_for"):
            own = self._members.aggregate(pipeline).to_list(None)
            if not mine:
                # Two index ranges, merged here: one range over all rooms would also read other users' private ones.
                pipeline = room_pipelines.public_rooms(user_id, below=below, part=part, limit=limit + 1)
                for document in await self._rooms.aggregate(pipeline).to_list(None):
                    found[document["_id"]] = document["order"], standing_from(document)
            for document in await own:
                room = room_from({**document["room"], "head": document["head"]})
                of = Standing(room=room, membership=membership_from(document, room.last_seq))
                found[room.id] = document["roomOrder"], of
        rows = sorted(found.values(), key=lambda row: row[0], reverse=True)
        following = str(rows[limit - 1][0]) if len(rows) > limit else None
        return [of for _, of in rows[:limit]], following

    async def update(self, room_id: str, actor: Actor, patch: RoomPatch) -> RoomChange:
        async with self._database.operation("rooms.update", write=True):
            change: RoomChange = await self._log.change(room_id, ChangeSettings(actor, patch))
        return change

    async def delete(self, room_id: str, actor: Actor) -> None:
        async with self._database.operation("rooms.delete", write=True):
            await self._log.change(room_id, DeleteRoom(actor))

    async def purge(self) -> bool:
        _, is_more = await self._deleted.sweep(self._database.clock())
        return is_more

    async def peers(self, pairs: Sequence[tuple[str, str]]) -> list[User | None]:
        wanted = {"_id": {"$in": list({room_id for room_id, _ in pairs})}, "directKey": {"$ne": None}}
        async with self._database.operation("rooms.peers"):
            rooms = await self._rooms.find(wanted, {"directKey": 1}).to_list(None)
            people = {room["_id"]: room["directKey"].split(" ") for room in rooms}
            others = [_other_of(people.get(room_id, ()), user_id) for room_id, user_id in pairs]
            found = await self._database.users.find({"_id": {"$in": list({*others} - {None})}}).to_list(None)
        users = {user["_id"]: user_from(user) for user in found}
        return [None if other is None else users.get(other) for other in others]

    async def joined_by(self, user_id: str) -> dict[str, int]:
        async with self._database.operation("rooms.joined_by"):
            found = self._members.find({"userId": user_id, "left": False}, {"_id": 0, "roomId": 1, "joinedRev": 1})
            return {member["roomId"]: member["joinedRev"] for member in await found.limit(_IDS_MAX).to_list(None)}

    async def names_of(self, user_id: str) -> dict[str, str]:
        ids = list(await self.joined_by(user_id))
        names: dict[str, str] = {}
        async with self._database.operation("rooms.names_of"):
            for first in range(0, len(ids), _NAMES_BATCH):
                wanted = {"_id": {"$in": ids[first : first + _NAMES_BATCH]}}
                async for room in self._rooms.find(wanted, {"name": 1}):
                    names[room["_id"]] = room["name"]
        return names

    async def joined_by_each(self, user_ids: Sequence[str]) -> dict[str, dict[str, int]]:
        joined: dict[str, dict[str, int]] = {user_id: {} for user_id in user_ids}
        within = {"userId": {"$in": list(joined)}, "left": False}
        async with self._database.operation("rooms.joined_by_each"):
            found = self._members.find(within, {"_id": 0, "userId": 1, "roomId": 1, "joinedRev": 1})
            async for member in found.limit(_IDS_MAX * max(len(joined), 1)):  # 0 would mean no limit
                joined[member["userId"]][member["roomId"]] = member["joinedRev"]
        return joined

    async def stats(self, room_id: str) -> RoomStats | None:
        async with self._database.operation("rooms.stats"):
            found = await self._rooms.aggregate(room_pipelines.stats(room_id)).to_list(1)
        if not found:
            return None
        (room,) = found
        newest = room["head"][0] if room["head"] else room
        return RoomStats(
            room_id=room_id,
            participant_count=room["memberCount"],
            message_count=last_seq_of(room),
            last_activity=rfc3339(int(newest["createdAt"])),
        )

    async def member_counts(self, room_ids: Sequence[str]) -> Mapping[str, int]:
        async with self._database.operation("rooms.member_counts"):
            found = await self._rooms.find({"_id": {"$in": list(room_ids)}}, {"memberCount": 1}).to_list(None)
        return {room["_id"]: room["memberCount"] for room in found}

    async def heads(self, room_ids: Sequence[str]) -> Mapping[str, Head]:
        async with self._database.operation("rooms.heads"):
            found = await self._rooms.aggregate(room_pipelines.heads(room_ids)).to_list(None)
            heads = {room["_id"]: Head(seq=last_seq_of(room), rev=room["rev"]) for room in found}
            for room in found:
                if self._is_abandoned(room):
                    applied = await self._log.apply_pending(room["_id"])
                    heads[room["_id"]] = Head(seq=last_seq_of(room), rev=max(applied, room["rev"]))
        return heads

    def _is_abandoned(self, room: Document) -> bool:
        """Whether the changes log has an entry beyond the room's rev that no process applies any more."""
        ahead = [entry for entry in room["ahead"] if entry["rev"] > room["rev"]]
        return is_abandoned(ahead, self._database.clock())

    async def _insert(self, fields: Document, people: Sequence[str], role: Role) -> str:
        """Store a room and its first members.

        Raises Missing("user"), DuplicateKeyError for a direct room that exists.
        """
        users = await self._database.users.find(
            {"_id": {"$in": list(people)}, "endedAt": None}, {"username": 1, "usernameFolded": 1, "botRoomId": 1}
        ).to_list(None)
        if len(users) < len(people):
            raise Missing("user")
        while True:
            try:
                return await self._insert_at(self._next_order(), fields, users, role)
            except DuplicateKeyError as error:
                if index_of(error) != ORDER_INDEX:  # another process took this order in the same millisecond
                    raise

    def _next_order(self) -> int:
        order = (self._database.clock() << _ORDER_BITS) + secrets.randbelow(1 << _ORDER_BITS)
        self._last_order = max(self._last_order + 1, order)
        return self._last_order

    async def _insert_at(self, order: int, fields: Document, users: Sequence[Document], role: Role) -> str:
        """Insert the members, then the room: no reader sees members of a room that does not exist.

        A duplicate key leaves nothing. After any other error the room may exist or appear later; members without a
        room are removed by the sweep an hour later.
        """
        room_id, now = make_id("r"), stored_time(self._database.clock())
        members = [
            member_document(room_id, user, role=role, room_order=order, read_seq=0, joined_at=now, rev=0)
            for user in users
        ]
        await self._members.insert_many(members)
        room = {"_id": room_id, "memberCount": len(users), "rev": 0, "order": order, "createdAt": now}
        try:
            await self._rooms.insert_one(unset({**room, **fields}))
        except DuplicateKeyError:
            await self._members.delete_many({"roomId": room_id})
            raise
        return room_id

    async def _get_for(self, room_id: str, user_id: str) -> Standing | None:
        found = await self._read(room_pipelines.room_for(room_id, user_id))
        return None if found is None else standing_from(found)

    async def _read(self, pipeline: Pipeline) -> Document | None:
        """One room, with `unapplied`. Entries that an ended process left unapplied are applied first."""
        found = await self._rooms.aggregate(pipeline).to_list(1)
        if found and self._is_abandoned({**found[0], "ahead": found[0]["unapplied"][-1:]}):
            await self._log.apply_pending(found[0]["_id"])
            found = await self._rooms.aggregate(pipeline).to_list(1)
        return found[0] if found else None

    async def _require_for(self, room_id: str, user_id: str) -> Standing:
        found = await self._get_for(room_id, user_id)
        if found is None:
            raise Missing("room")
        return found


def _other_of(people: Sequence[str], user_id: str) -> str | None:
    """The other one of two people; None where the user is neither."""
    return next((one for one in people if one != user_id), None) if user_id in people else None
