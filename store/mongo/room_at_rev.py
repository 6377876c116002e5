"""A view of a room at one rev, and the operations that change it. Writes nothing.

An operation reads from the view and records entries in it. `change_log.py` inserts and applies these entries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from bson.datetime_ms import DatetimeMS
from bson.objectid import ObjectId
from msgspec import Struct

from store.errors import Missing
from store.models import AuditNote, MessageChange, Role
from store.mongo import room_pipelines
from store.mongo.database import Database, Document, stored_time, unset
from store.mongo.documents import message_from


class ReactionKey(Struct, frozen=True):
    """What identifies a reaction in a room: the seq of the message, the emoji, and the user."""

    seq: int
    emoji: str
    user_id: str


class ReadSet(Struct, frozen=True):
    """The documents that an operation needs. A batch reads those of all its operations by one query a collection.

    `with_owner`: also the membership of the room's owner. `bans`: the users whose bans are read.
    """

    members: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    seqs: tuple[int, ...] = ()
    reaction_keys: tuple[ReactionKey, ...] = ()
    with_owner: bool = False
    bans: tuple[str, ...] = ()


class MemberPatch(Struct, frozen=True):
    """Fields of a membership to set. `joined`: it is a new one, so the fields of an ended one are removed."""

    user_id: str
    fields: Mapping[str, Any]
    joined: bool = False


class BanPatch(Struct, frozen=True):
    """Fields of a ban to set; those that are None are removed. A ban that was `lifted` is kept for a day."""

    user_id: str
    fields: Mapping[str, Any]


class ReactionPatch(Struct, frozen=True):
    """A reaction that was added (`on`) or removed."""

    key: ReactionKey
    on: bool


class Operation(Protocol):
    """One change that a caller asks for. It may run again on a later view, so it writes through the view only."""

    read_set: ReadSet

    async def run(self, view: RoomView) -> Any:
        """Record entries in the view and return the caller's result. Raises StoreError before it records."""


class NeedsNextBatch(Exception):
    """An operation queries documents that earlier ones of its batch have changed: it moves to the next batch."""


class RoomView:
    """A room at the rev `base`, with the changes of the batch's own entries on top."""

    def __init__(
        self,
        *,
        database: Database,
        room: Document,
        members: dict[str, Document],
        users: Mapping[str, Document],
        messages: dict[int, Document],
        reaction_keys: set[ReactionKey],
        bans: dict[str, Document],
    ) -> None:
        self._database = database
        self._members = members
        self._users = users
        self._messages = messages
        self._reaction_keys = reaction_keys
        self._bans = bans
        self.room = room
        self.now: DatetimeMS = stored_time(database.clock())
        self.base: int = room["rev"]
        self.entries: list[Document] = []
        self.is_deleted = False  # by the newest entry

    @property
    def next_rev(self) -> int:
        return self.base + len(self.entries) + 1

    def member(self, user_id: str) -> Document | None:
        """The user's membership; None where it has ended or there was none."""
        found = self._members.get(user_id)
        # Who was promoted by an entry of this batch, and was not read for it, has only the fields of that entry.
        return None if found is None or found.get("left") else found

    def kept_mute(self, user_id: str) -> DatetimeMS | None:
        """Until when somebody who is no member is muted, should they join; None if they are not."""
        found = self._members.get(user_id, {})
        until: DatetimeMS | None = found.get("mutedUntil")
        return until if until is not None and int(until) > int(self.now) else None

    def is_banned(self, user_id: str) -> bool:
        """Whether the user is banned from the room now."""
        ban = self._bans.get(user_id)
        if ban is None or ban["lifted"]:
            return False
        until: DatetimeMS | None = ban.get("until")
        return until is None or int(until) > int(self.now)

    async def count_bans(self) -> int:
        """The room's bans that have not expired; those of this batch are counted, ends of bans are not."""
        standing = {"roomId": self.room["_id"], **standing_ban(self.now)}
        stored: int = await self._database.bans.count_documents(standing)
        return stored + sum("bans" in entry for entry in self.entries)

    def user(self, user_id: str) -> Document | None:
        return self._users.get(user_id)

    def message(self, seq: int) -> Document:
        """Raises Missing("message")."""
        found = self._messages.get(seq)
        if found is None:
            raise Missing("message")
        return found

    def has_reacted(self, key: ReactionKey) -> bool:
        return key in self._reaction_keys

    async def mentioned(self, user_id: str) -> list[Document]:
        """The `mentioned` array of room_pipelines.membership."""
        pipeline = room_pipelines.membership(self.room["_id"], user_id)
        found = await self._database.members.aggregate(pipeline).to_list(1)
        return found[0]["mentioned"] if found else []

    async def successor(self, roles: Sequence[Role], *, without: str) -> Document | None:
        """The longest-standing other member, no bot, with the first of `roles` that anybody has.

        Raises NeedsNextBatch.
        """
        if self.entries:
            raise NeedsNextBatch
        for role in roles:
            wanted = {
                "roomId": self.room["_id"],
                "role": role.value,
                "left": False,
                "userId": {"$ne": without},
                "isBot": None,
            }
            found = await self._database.members.find_one(wanted, sort=[("joinedRev", 1)])
            if found is not None:
                return found
        return None

    async def first_reactors(self, like: ReactionKey, limit: int) -> list[str]:
        """Who reacted to the message with the emoji of `like`, in order. Raises NeedsNextBatch."""
        if self.entries:
            raise NeedsNextBatch
        wanted = {"roomId": self.room["_id"], "seq": like.seq, "emoji": like.emoji, "on": True}
        found = self._database.reactions.find(wanted, {"_id": 0, "userId": 1}).sort([("since", 1), ("userId", 1)])
        return [reaction["userId"] for reaction in await found.limit(limit).to_list(None)]

    def record(
        self,
        *,
        settings: Mapping[str, Any] | None = None,
        is_settings: bool = False,
        deletes_room: bool = False,
        invite: Mapping[str, Any] | None = None,
        members: Sequence[MemberPatch] = (),
        message: Document | None = None,
        reactions: Sequence[ReactionPatch] = (),
        withdrawn: Sequence[str] = (),
        bans: Sequence[BanPatch] = (),
        audit: AuditNote | None = None,
        replaced: str | None = None,
    ) -> int:
        """Add an entry and apply it to the view. Returns its rev, which `message` must carry.

        `settings`: fields of the room, which a change of membership has too; `is_settings`: they were set by hand.
        An entry by which the room has another owner is of its settings too: all who see the room are told.
        `deletes_room`: the room ends with this entry. `invite`: the code of a link, and what is made or set of it.
        `withdrawn`: ids of files that the message no longer shows. `audit`: what the entry adds to the audit trail.
        `replaced`: the text that the message had before an edit.
        """
        rev = self.next_rev
        entry: Document = {"_id": ObjectId(), "roomId": self.room["_id"], "rev": rev, "createdAt": self.now}
        if settings:
            entry["settings"] = dict(settings)
        if is_settings or "ownerId" in (settings or {}):
            entry["isSettings"] = True
        if invite is not None:
            entry["invite"] = dict(invite)
        if deletes_room:
            entry["deletesRoom"] = self.is_deleted = True
        if members:
            entry["members"] = [
                {"userId": patch.user_id, "fields": dict(patch.fields), "joined": patch.joined} for patch in members
            ]
        if message is not None:
            entry |= {"seq": message["seq"], "message": message}
        if withdrawn:
            entry["withdrawn"] = list(withdrawn)
        if replaced is not None:
            entry["replaced"] = replaced
        if reactions:
            entry["reactions"] = [reaction_fields(patch) for patch in reactions]
        if bans:
            entry["bans"] = [{"userId": patch.user_id, "fields": dict(patch.fields)} for patch in bans]
        if audit is not None:
            entry["audit"] = audit_fields(audit)
        self.entries.append(entry)
        self.room = {**self.room, **(settings or {}), "rev": rev}
        for patch in members:
            self._members[patch.user_id] = {**self._members.get(patch.user_id, {}), **patch.fields}
        for ban in bans:
            self._bans[ban.user_id] = {**self._bans.get(ban.user_id, {}), **ban.fields}
        self._update(message, reactions)
        return rev

    def fold(self, message: Document, reactions: Sequence[ReactionPatch]) -> bool:
        """Add reactions to the batch's newest entry. Returns False if that is not of reactions to the same message.

        `message` gets that entry's rev.
        """
        newest = self.entries[-1] if self.entries else {}
        if newest.get("seq") != message["seq"] or "reactions" not in newest:
            return False
        newest["message"] = message
        newest["reactions"] += [reaction_fields(patch) for patch in reactions]
        self._update(message, reactions)
        return True

    def with_folded(self, outcome: Any) -> Any:
        """The outcome with its entry's final message: later operations may have folded reactions into the entry."""
        if not isinstance(outcome, MessageChange) or outcome.message.rev <= self.base:
            return outcome
        entry = self.entries[outcome.message.rev - self.base - 1]
        return MessageChange(message_from(entry["message"]), outcome.changed)

    def _update(self, message: Document | None, reactions: Sequence[ReactionPatch]) -> None:
        if message is not None:
            self._messages[message["seq"]] = message
        for patch in reactions:
            (self._reaction_keys.add if patch.on else self._reaction_keys.discard)(patch.key)


def reaction_fields(patch: ReactionPatch) -> Document:
    key = patch.key
    return {"seq": key.seq, "emoji": key.emoji, "userId": key.user_id, "on": patch.on}


def audit_fields(note: AuditNote) -> Document:
    return unset({"by": note.by_id, "action": note.action.value, "userId": note.user_id, "details": dict(note.details)})


def standing_ban(now: DatetimeMS) -> Document:
    """The match of bans that are neither lifted nor expired."""
    return {"lifted": False, "$or": [{"until": None}, {"until": {"$gt": now}}]}
