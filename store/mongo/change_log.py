"""The changes log: the numbered changes of each room, each inserted once and then applied.

No other code changes a room.

It works without transactions and with any number of processes (docs/decisions/0006):

(a) read the room; apply the entries beyond its `rev` first: another process has inserted but not applied them;
(b) read the documents that the change needs and compute the entry, which holds all that it writes;
(c) insert the entry as rev + 1; the index on (roomId, rev) is unique, so on a duplicate another process was first: (a);
(d) apply the entry, set the room's `rev` to it, and only then return.

Applied documents carry the entry's rev, and a smaller rev never replaces a greater one, so a late repetition has no
effect. A room's `rev` is the newest applied entry; readers use it alone. A batch of changes is one insert, and one
update for each collection.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pymongo
from bson.errors import BSONError
from pymongo.errors import PyMongoError

from common.backoff import longest_s
from store.errors import Missing, StoreError, StoreTimeout
from store.keyed_batcher import KeyedBatcher
from store.mongo import room_pipelines
from store.mongo.apply_change import apply_entries, reaction_key_from
from store.mongo.database import Collection, Database, Document
from store.mongo.errors import explained, only_duplicates
from store.mongo.room_at_rev import NeedsNextBatch, Operation, RoomView

logger = logging.getLogger(__name__)

BATCH_MAX = 100
_WAITING_MAX = 10_000
_RETRY_FIRST_S = 0.004
_RETRY_MAX_S = 0.05


class ChangeLog:
    """Executes operations, one batch at a time of each room."""

    def __init__(self, *, database: Database, batch_max: int = BATCH_MAX) -> None:
        self._database = database
        self._batcher: KeyedBatcher[Operation, Any] = KeyedBatcher(
            work=self._write_batch, batch_max=batch_max, waiting_max=_WAITING_MAX, timeout_s=database.timeout_s
        )

    async def change(self, room_id: str, operation: Operation) -> Any:
        """Execute an operation. Returns its result once it is durable.

        Raises what the operation raises, Missing("room"), StoreError.
        """
        return await self._batcher.submit(room_id, operation)

    async def apply_pending(self, room_id: str) -> int:
        """Apply the room's unapplied entries. Returns the room's rev, 0 if there is no such room."""
        room = await self._read_applied(room_id)
        return 0 if room is None else int(room["rev"])

    async def close(self) -> None:
        await self._batcher.close()

    async def _write_batch(self, room_id: str, operations: Sequence[Operation]) -> Sequence[Any]:
        try:
            with pymongo.timeout(self._database.timeout_s):
                return await self._execute(room_id, operations, time.monotonic() + self._database.timeout_s)
        except (PyMongoError, BSONError) as error:
            raise explained("changes", error) from error

    async def _execute(self, room_id: str, operations: Sequence[Operation], deadline_s: float) -> Sequence[Any]:
        outcomes: list[Any] = [None] * len(operations)
        waiting = list(range(len(operations)))
        lost = 0
        while waiting:
            started_s = time.monotonic()
            if started_s > deadline_s:
                raise StoreTimeout("changes")
            view = await self._consistent_view(room_id, [operations[number] for number in waiting])
            if view is None:
                return [
                    outcomes[number] if number not in waiting else Missing("room") for number in range(len(operations))
                ]
            needed = await self._run(view, operations, waiting, outcomes)
            stored = await self._insert(view)
            await self._apply(room_id, view.entries[:stored])
            if stored:
                self._database.committed(stored, time.monotonic() - started_s)
            waiting = [number for number in waiting if needed.get(number, stored + 1) > stored]
            if stored < len(view.entries):
                lost += 1
                await _pause(lost)
        return outcomes

    async def _run(
        self, view: RoomView, operations: Sequence[Operation], waiting: Sequence[int], outcomes: list[Any]
    ) -> dict[int, int]:
        """Run the operations in order. Returns for each the number of view entries that its outcome depends on."""
        needed = {}
        for number in waiting:
            try:
                if view.is_deleted:
                    raise Missing("room")
                outcomes[number] = await operations[number].run(view)
            except NeedsNextBatch:
                break
            except StoreError as error:
                outcomes[number] = error
            needed[number] = len(view.entries)
        for number in needed:
            outcomes[number] = view.with_folded(outcomes[number])
        return needed

    async def _consistent_view(self, room_id: str, operations: Sequence[Operation]) -> RoomView | None:
        """The room and the documents that the operations need, all of one rev; None if there is no such room.

        Another process may change the room between two reads. The documents are then of several revs and are read
        again.
        """
        lost = newest_rev = 0
        while True:
            room = await self._read_applied(room_id)
            if room is None:
                return None
            if room["rev"] < newest_rev:
                await self._skip_missing_entries(room_id, newest_rev)
                continue
            view, newest_rev = await self._read(room, operations)
            if newest_rev <= room["rev"]:
                return view
            lost += 1
            await _pause(lost)

    async def _skip_missing_entries(self, room_id: str, rev: int) -> None:
        """Set a room whose log lacks entries to `rev`. Readers then get the missing entries reported as expired.

        An entry is in the log before any document carries its rev. A document with a rev that the log does not have
        comes from a copy of the database that was made document by document during writes.
        """
        logger.error(
            "room %s: documents have rev %d, which its changes log does not lead to; the room goes on from there",
            room_id,
            rev,
        )
        await self._database.rooms.update_one({"_id": room_id, "rev": {"$lt": rev}}, {"$set": {"rev": rev}})

    async def _read(self, room: Document, operations: Sequence[Operation]) -> tuple[RoomView, int]:
        """A view of the room, and the greatest rev of the documents in it."""
        database, read_set = self._database, [operation.read_set for operation in operations]
        wanted = {key for want in read_set for key in want.reaction_keys}
        people = [one for want in read_set for one in want.members]
        if room.get("ownerId") is not None and any(want.with_owner for want in read_set):
            people.append(room["ownerId"])
        of_room = {"roomId": room["_id"]}
        # Removed reactions are read too: their rev shows a removal that happened after the room was read.
        reacted = {
            **of_room,
            "emoji": {"$in": list({key.emoji for key in wanted})},
            "userId": {"$in": list({key.user_id for key in wanted})},
        }
        members, users, messages, reactions, bans = await asyncio.gather(
            find_in(database.members, of_room, "userId", people),
            find_in(database.users, {}, "_id", (one for want in read_set for one in want.users)),
            find_in(database.messages, of_room, "seq", (one for want in read_set for one in want.seqs)),
            find_in(database.reactions, reacted, "seq", (key.seq for key in wanted)),
            find_in(database.bans, of_room, "userId", (one for want in read_set for one in want.bans)),
        )
        view = RoomView(
            database=database,
            room=room,
            members={member["userId"]: member for member in members},
            users={user["_id"]: user for user in users},
            messages={message["seq"]: message for message in messages},
            reaction_keys={reaction_key_from(found) for found in reactions if found["on"]},
            bans={ban["userId"]: ban for ban in bans},
        )
        return view, max((found["rev"] for found in (*members, *messages, *reactions, *bans)), default=0)

    async def _read_applied(self, room_id: str) -> Document | None:
        """The room with `head`, after all entries of its log are applied; None if there is no such room."""
        while True:
            found = await self._database.rooms.aggregate(room_pipelines.room(room_id)).to_list(1)
            if not found:
                return None
            unapplied = found[0].pop("unapplied")
            if not unapplied:
                return found[0]
            await self._apply(room_id, unapplied)

    async def _insert(self, view: RoomView) -> int:
        """Insert the view's entries. Returns how many of them are stored.

        Another process may have been first, or the answer was lost; so after an error the entries are read back.
        """
        if not view.entries:
            return 0
        try:
            await self._database.changes.insert_many(view.entries, ordered=True)
        except PyMongoError as error:
            span = {"$gt": view.base, "$lte": view.base + len(view.entries)}
            found = await self._database.changes.find({"roomId": view.room["_id"], "rev": span}, {"_id": 1}).to_list(
                None
            )
            ids = {entry["_id"] for entry in found}
            stored = sum(entry["_id"] in ids for entry in view.entries)
            if not stored and not only_duplicates(error):
                raise
            return stored
        return len(view.entries)

    async def _apply(self, room_id: str, entries: Sequence[Document]) -> None:
        await apply_entries(self._database, room_id, entries)


async def _pause(lost: int) -> None:
    """Wait before the next try, after `lost` lost races: a random time with a bound that grows with each."""
    await asyncio.sleep(random.uniform(0, longest_s(lost, first_s=_RETRY_FIRST_S, most_s=_RETRY_MAX_S)))


async def find_in(
    collection: Collection, among: Mapping[str, Any], field: str, values: Iterable[Any]
) -> list[Document]:
    wanted = list(dict.fromkeys(values))
    if not wanted:
        return []
    found: list[Document] = await collection.find({**among, field: {"$in": wanted}}).to_list(None)
    return found
