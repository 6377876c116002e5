"""The changes log: each room's numbered changes, each written once and then applied.

The one way to change what is in a room.

Without transactions, and with any number of processes (docs/decisions/0006):

(a) read the room; entries beyond its `rev` were written by somebody who has not applied them yet: apply them first;
(b) read what the change is about, and compute the entry: it says all that it does, so that anybody can apply it;
(c) insert it as rev + 1. The index on (roomId, rev) is unique: on a duplicate somebody else was first, so back to (a);
(d) apply it, move the room's `rev` to it, and only then answer.

What is applied carries the entry's rev and gives way to a greater one, so that a late repetition does nothing. A room's
`rev` says how far its log has been applied; readers go by it alone. What a batch of changes brings is one insert, and
one update a collection.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import pymongo
from bson.datetime_ms import DatetimeMS
from bson.errors import BSONError
from bson.objectid import ObjectId
from msgspec import Struct
from pymongo import ReplaceOne, UpdateMany, UpdateOne
from pymongo.errors import BulkWriteError, PyMongoError

from common.backoff import longest_s
from store.errors import Missing, StoreError, StoreTimeout
from store.keyed_batcher import KeyedBatcher
from store.models import MessageChange, Role
from store.mongo import pipelines
from store.mongo.database import Collection, Database, Document, stored_time
from store.mongo.documents import message_from
from store.mongo.errors import explained, only_duplicates

logger = logging.getLogger(__name__)

KEEP_MS = 7 * 24 * 3600 * 1000
TOMBSTONE_MS = 24 * 3600 * 1000
BATCH_MAX = 100

# An entry that is not applied after this long was left behind by a process that died; whoever finds it finishes the
# work.
ABANDONED_MS = 1000
_WAITING_MAX = 10_000
_RETRY_FIRST_S = 0.004
_RETRY_MAX_S = 0.05


class Reactor(Struct, frozen=True):
    """One person's reaction with one emoji to one message."""

    seq: int
    emoji: str
    user_id: str


class Wants(Struct, frozen=True):
    """What an operation looks at, so that a batch reads it in one query a collection."""

    members: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    seqs: tuple[int, ...] = ()
    reactors: tuple[Reactor, ...] = ()


class MemberPatch(Struct, frozen=True):
    """Fields of a membership to set; `joined`: made now, so that what an earlier one left is gone."""

    user_id: str
    fields: Mapping[str, Any]
    joined: bool = False


class ReactionPatch(Struct, frozen=True):
    """A reaction that is there now, or no more."""

    reactor: Reactor
    on: bool


class Operation(Protocol):
    """One change, as its caller means it.

    It may be run again on a later state, so it has no effect but through the view.
    """

    wants: Wants

    async def run(self, view: RoomView) -> Any:
        """Return what the caller gets. Raises StoreError, before it records."""


class NotTogether(Exception):
    """An operation needs what earlier ones of its batch have changed: it goes into the next."""


class RoomView:
    """A room as its log has left it, with the batch's own changes on top."""

    def __init__(
        self,
        *,
        database: Database,
        room: Document,
        members: dict[str, Document],
        users: Mapping[str, Document],
        messages: dict[int, Document],
        reactors: set[Reactor],
    ) -> None:
        self._database = database
        self._members = members
        self._users = users
        self._messages = messages
        self._reactors = reactors
        self.room = room
        self.now: DatetimeMS = stored_time(database.clock())
        self.base: int = room["rev"]
        self.entries: list[Document] = []

    @property
    def next_rev(self) -> int:
        return self.base + len(self.entries) + 1

    def member(self, user_id: str) -> Document | None:
        """A membership that stands."""
        found = self._members.get(user_id)
        return None if found is None or found["left"] else found

    def user(self, user_id: str) -> Document | None:
        return self._users.get(user_id)

    def message(self, seq: int) -> Document:
        """Raises Missing("message")."""
        found = self._messages.get(seq)
        if found is None:
            raise Missing("message")
        return found

    def has_reacted(self, reactor: Reactor) -> bool:
        return reactor in self._reactors

    async def mentioned(self, user_id: str) -> list[Document]:
        """What pipelines.membership joins as `mentioned`."""
        pipeline = pipelines.membership(self.room["_id"], user_id)
        found = await self._database.members.aggregate(pipeline).to_list(1)
        return found[0]["mentioned"] if found else []

    async def heir(self, roles: Sequence[Role], *, without: str) -> Document | None:
        """The longest-standing other member with the first of `roles` that anybody has. Raises NotTogether."""
        if self.entries:
            raise NotTogether
        for role in roles:
            wanted = {"roomId": self.room["_id"], "role": role.value, "left": False, "userId": {"$ne": without}}
            found = await self._database.members.find_one(wanted, sort=[("joinedRev", 1)])
            if found is not None:
                return found
        return None

    async def first_reactors(self, like: Reactor, limit: int) -> list[str]:
        """Who reacted to the message with the emoji of `like`, in order. Raises NotTogether."""
        if self.entries:
            raise NotTogether
        wanted = {"roomId": self.room["_id"], "seq": like.seq, "emoji": like.emoji, "on": True}
        found = self._database.reactions.find(wanted, {"_id": 0, "userId": 1}).sort([("since", 1), ("userId", 1)])
        return [reaction["userId"] for reaction in await found.limit(limit).to_list(None)]

    def record(
        self,
        *,
        settings: Mapping[str, Any] | None = None,
        members: Sequence[MemberPatch] = (),
        message: Document | None = None,
        reactions: Sequence[ReactionPatch] = (),
        withdrawn: Sequence[str] = (),
    ) -> int:
        """Add an entry, and see the room as it leaves it. Returns its rev, which `message` must carry.

        `withdrawn`: ids of files that the message no longer shows.
        """
        rev = self.next_rev
        entry: Document = {"_id": ObjectId(), "roomId": self.room["_id"], "rev": rev, "createdAt": self.now}
        if settings:
            entry["settings"] = dict(settings)
        if members:
            entry["members"] = [
                {"userId": patch.user_id, "fields": dict(patch.fields), "joined": patch.joined} for patch in members
            ]
        if message is not None:
            entry |= {"seq": message["seq"], "message": message}
        if withdrawn:
            entry["withdrawn"] = list(withdrawn)
        if reactions:
            entry["reactions"] = [_reaction(patch) for patch in reactions]
        self.entries.append(entry)
        self.room = {**self.room, **(settings or {}), "rev": rev}
        for patch in members:
            self._members[patch.user_id] = {**self._members.get(patch.user_id, {}), **patch.fields}
        self._see(message, reactions)
        return rev

    def fold(self, message: Document, reactions: Sequence[ReactionPatch]) -> bool:
        """Put more reactions into the batch's newest entry if that is one of the same message.

        `message` carries its rev then.
        """
        newest = self.entries[-1] if self.entries else {}
        if newest.get("seq") != message["seq"] or "reactions" not in newest:
            return False
        newest["message"] = message
        newest["reactions"] += [_reaction(patch) for patch in reactions]
        self._see(message, reactions)
        return True

    def as_left(self, outcome: Any) -> Any:
        """The outcome with the message as its entry left it: others may have folded theirs into the same rev since."""
        if not isinstance(outcome, MessageChange) or outcome.message.rev <= self.base:
            return outcome
        entry = self.entries[outcome.message.rev - self.base - 1]
        return MessageChange(message_from(entry["message"]), outcome.changed)

    def _see(self, message: Document | None, reactions: Sequence[ReactionPatch]) -> None:
        if message is not None:
            self._messages[message["seq"]] = message
        for patch in reactions:
            (self._reactors.add if patch.on else self._reactors.discard)(patch.reactor)


class ChangeLog:
    """Carries out operations: those of one room one batch after another."""

    def __init__(self, *, database: Database, batch_max: int = BATCH_MAX) -> None:
        self._database = database
        self._batcher: KeyedBatcher[Operation, Any] = KeyedBatcher(
            work=self._work, batch_max=batch_max, waiting_max=_WAITING_MAX, timeout_s=database.timeout_s
        )

    async def change(self, room_id: str, operation: Operation) -> Any:
        """Returns what the operation returns, once that is durable.

        Raises what it raises, Missing("room"), StoreError.
        """
        return await self._batcher.submit(room_id, operation)

    async def settle(self, room_id: str) -> int:
        """Apply what was left unapplied; returns the room's rev, 0 where there is no room."""
        room = await self._settled(room_id)
        return 0 if room is None else int(room["rev"])

    async def close(self) -> None:
        await self._batcher.close()

    async def _work(self, room_id: str, operations: Sequence[Operation]) -> Sequence[Any]:
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
            view = await self._view(room_id, [operations[number] for number in waiting])
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
        """Run the operations in order; returns for each how many of the view's entries must be stored for its outcome
        to hold.
        """
        needed = {}
        for number in waiting:
            try:
                outcomes[number] = await operations[number].run(view)
            except NotTogether:
                break
            except StoreError as error:
                outcomes[number] = error
            needed[number] = len(view.entries)
        for number in needed:
            outcomes[number] = view.as_left(outcomes[number])
        return needed

    async def _view(self, room_id: str, operations: Sequence[Operation]) -> RoomView | None:
        """The room with what the operations look at, all of one rev; None where there is no room.

        Between two reads another process may have changed the room. What was read is then of several revs, so it is
        read again.
        """
        lost = newest_rev = 0
        while True:
            room = await self._settled(room_id)
            if room is None:
                return None
            if room["rev"] < newest_rev:
                await self._skip_to(room_id, newest_rev)
                continue
            view, newest_rev = await self._read(room, operations)
            if newest_rev <= room["rev"]:
                return view
            lost += 1
            await _pause(lost)

    async def _skip_to(self, room_id: str, rev: int) -> None:
        """Move a room whose log lacks entries on to `rev`: readers are told that what is missing has expired.

        An entry is in the log before anything carries its rev. What carries one that the log does not lead to comes
        from a copy of the database that was made, document after document, while it was written to.
        """
        logger.error(
            "room %s: documents have rev %d, which its changes log does not lead to; the room goes on from there",
            room_id,
            rev,
        )
        await self._database.rooms.update_one({"_id": room_id, "rev": {"$lt": rev}}, {"$set": {"rev": rev}})

    async def _read(self, room: Document, operations: Sequence[Operation]) -> tuple[RoomView, int]:
        """A view of the room, and the greatest rev of what it shows."""
        database, wants = self._database, [operation.wants for operation in operations]
        wanted = {reactor for want in wants for reactor in want.reactors}
        of_room = {"roomId": room["_id"]}
        # Also those that were taken back: by their rev it shows that this was done since the room was read.
        reacted = {
            **of_room,
            "emoji": {"$in": list({reactor.emoji for reactor in wanted})},
            "userId": {"$in": list({reactor.user_id for reactor in wanted})},
        }
        members, users, messages, reactions = await asyncio.gather(
            _found(database.members, of_room, "userId", (one for want in wants for one in want.members)),
            _found(database.users, {}, "_id", (one for want in wants for one in want.users)),
            _found(database.messages, of_room, "seq", (one for want in wants for one in want.seqs)),
            _found(database.reactions, reacted, "seq", (reactor.seq for reactor in wanted)),
        )
        view = RoomView(
            database=database,
            room=room,
            members={member["userId"]: member for member in members},
            users={user["_id"]: user for user in users},
            messages={message["seq"]: message for message in messages},
            reactors={_reactor_of(found) for found in reactions if found["on"]},
        )
        return view, max((found["rev"] for found in (*members, *messages, *reactions)), default=0)

    async def _settled(self, room_id: str) -> Document | None:
        """The room with `head`, all of its log applied."""
        while True:
            found = await self._database.rooms.aggregate(pipelines.room(room_id)).to_list(1)
            if not found:
                return None
            unapplied = found[0].pop("unapplied")
            if not unapplied:
                return found[0]
            await self._apply(room_id, unapplied)

    async def _insert(self, view: RoomView) -> int:
        """Write the view's entries; returns how many are ours now:
        others may have been first, or the answer was lost.
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
        """Do what consecutive entries say. Whatever of it was done before, by whomever, is left as it is."""
        if not entries:
            return
        first, last = entries[0]["rev"], entries[-1]["rev"]
        settings: Document = {}
        messages: dict[int, ReplaceOne[Document]] = {}
        members: list[UpdateOne] = []
        reactions: dict[Reactor, UpdateOne] = {}
        files: list[UpdateMany] = []
        for entry in entries:
            rev = entry["rev"]
            settings |= entry.get("settings", {})
            if message := entry.get("message"):
                place = {"roomId": room_id, "seq": message["seq"], "rev": {"$lt": rev}}
                messages[message["seq"]] = ReplaceOne(
                    place, {name: value for name, value in message.items() if name != "_id"}
                )
                if withdrawn := entry.get("withdrawn"):
                    post = {"roomId": room_id, "clientId": message["clientId"]}
                    files.append(UpdateMany({"_id": {"$in": withdrawn}}, {"$pull": {"posts": post}}))
            members += [_member_update(room_id, rev, patch) for patch in entry.get("members", ())]
            for patch in entry.get("reactions", ()):
                reactions[_reactor_of(patch)] = _reaction_update(room_id, rev, entry["createdAt"], patch)
        database = self._database
        expires_at = stored_time(int(entries[-1]["createdAt"]) + KEEP_MS)
        await asyncio.gather(
            _write(database.messages, list(messages.values())),
            _write(database.members, members),
            _write(database.reactions, list(reactions.values())),
            _write(database.files, files),
            # An entry with a successor may go in 7 days. This comes before the room's rev, so that who finishes our
            # work does it too.
            database.changes.update_many(
                {"roomId": room_id, "rev": {"$gte": first - 1, "$lt": last}}, {"$set": {"expiresAt": expires_at}}
            ),
        )
        await database.rooms.update_one({"_id": room_id, "rev": {"$lt": last}}, {"$set": {**settings, "rev": last}})


def is_abandoned(ahead: Sequence[Document], now_ms: int) -> bool:
    """Whether the newest entry beyond a room's rev, if there is one, is not being applied any more: its process has
    died.
    """
    return bool(ahead) and now_ms - int(ahead[-1]["createdAt"]) >= ABANDONED_MS


async def _pause(lost: int) -> None:
    """Wait before the room is read again, after others were first `lost` times: longer each time, and no two processes
    as long.
    """
    await asyncio.sleep(random.uniform(0, longest_s(lost, first_s=_RETRY_FIRST_S, most_s=_RETRY_MAX_S)))


async def _found(collection: Collection, among: Mapping[str, Any], field: str, values: Iterable[Any]) -> list[Document]:
    wanted = list(dict.fromkeys(values))
    if not wanted:
        return []
    found: list[Document] = await collection.find({**among, field: {"$in": wanted}}).to_list(None)
    return found


def _reaction(patch: ReactionPatch) -> Document:
    reactor = patch.reactor
    return {"seq": reactor.seq, "emoji": reactor.emoji, "userId": reactor.user_id, "on": patch.on}


def _reactor_of(patch: Mapping[str, Any]) -> Reactor:
    return Reactor(patch["seq"], patch["emoji"], patch["userId"])


def _member_update(room_id: str, rev: int, patch: Mapping[str, Any]) -> UpdateOne:
    update: Document = {"$set": {**patch["fields"], "rev": rev}}
    if patch["joined"]:
        update["$unset"] = {"expiresAt": "", "mutedUntil": ""}
    place = {"roomId": room_id, "userId": patch["userId"], "rev": {"$lt": rev}}
    return UpdateOne(place, update, upsert=patch["joined"])


def _reaction_update(room_id: str, rev: int, created_at: DatetimeMS, patch: Mapping[str, Any]) -> UpdateOne:
    fields: Document = {"on": patch["on"], "rev": rev}
    update: Document = {"$set": fields}
    if patch["on"]:
        fields["since"] = created_at
        update["$unset"] = {"expiresAt": ""}
    else:
        fields["expiresAt"] = stored_time(int(created_at) + TOMBSTONE_MS)
    place = {"roomId": room_id, **{name: patch[name] for name in ("seq", "emoji", "userId")}, "rev": {"$lt": rev}}
    return UpdateOne(place, update, upsert=True)


async def _write(collection: Collection, updates: Sequence[Any]) -> None:
    """Carry out guarded updates in order; one whose document has a greater rev finds nothing, and its upsert a
    duplicate key.
    """
    while updates:
        try:
            await collection.bulk_write(updates, ordered=True)
            return
        except BulkWriteError as error:
            if not only_duplicates(error):
                raise
            updates = updates[error.details["writeErrors"][0]["index"] + 1 :]
