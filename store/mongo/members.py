"""The members collection: each user's role and read position in a room. Joins and leaves go through the changes log;
membership_ends.py has the leaves.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from bson.datetime_ms import DatetimeMS
from msgspec import structs

from store.audit_notes import invitation_note
from store.errors import Missing, Refused
from store.list_cursors import cursor_of_name, name_of_cursor, prefix_range
from store.models import (
    ROOM_MENTION,
    Actor,
    AuditNote,
    Member,
    Membership,
    MembershipChange,
    ReadState,
    Refusal,
    Role,
    Standing,
    read_state,
)
from store.mongo import message_pipelines, room_pipelines
from store.mongo.apply_change import is_abandoned
from store.mongo.blocks import has_blocked
from store.mongo.change_log import ChangeLog
from store.mongo.database import Database, Document
from store.mongo.documents import last_seq_of, member_from, membership_from, room_from
from store.mongo.membership_ends import Leave
from store.mongo.room_at_rev import MemberPatch, ReadSet, RoomView
from store.room_rules import require_inviter, require_open_to_new, role_of_joiner


class MongoMembers:
    """store.contract.Members on MongoDB."""

    def __init__(self, *, database: Database, log: ChangeLog) -> None:
        self._database = database
        self._log = log
        self._members = database.members

    async def get(self, room_id: str, user_id: str) -> Membership | None:
        async with self._database.operation("members.get"):
            return await self._get(room_id, user_id)

    async def standings(self, pairs: Sequence[tuple[str, str]]) -> list[Standing | None]:
        """Reads the rooms first, so that no membership is older than its room's rev."""
        async with self._database.operation("members.standings"):
            rooms = await self._rooms_of({room_id for room_id, _ in pairs})
            within = dict.fromkeys(pair for pair in pairs if pair[0] in rooms)
            members: dict[tuple[str, str], Document] = {}
            if within:
                async for member in self._members.aggregate(room_pipelines.memberships(within)):
                    members[member["roomId"], member["userId"]] = member
            unread = {
                pair: member["readSeq"]
                for pair, member in members.items()
                if member["readSeq"] < last_seq_of(rooms[pair[0]])
            }
            mentioned: dict[tuple[str, str], set[int]] = {}  # by (room id, user id or ROOM_MENTION)
            if unread:
                async for found in self._database.messages.aggregate(message_pipelines.mentioned(unread)):
                    mentioned[found["_id"]["room"], found["_id"]["user"]] = set(found["seqs"])
        none: set[int] = set()
        counts = {
            pair: sum(seq > read for seq in mentioned.get(pair, none) | mentioned.get((pair[0], ROOM_MENTION), none))
            for pair, read in unread.items()
        }
        return [_standing(rooms.get(pair[0]), members.get(pair), counts.get(pair, 0)) for pair in pairs]

    async def _rooms_of(self, room_ids: Collection[str]) -> dict[str, Document]:
        """The rooms, with `head`. Entries that an ended process left unapplied are applied first."""
        pipeline = room_pipelines.rooms(list(room_ids))
        found = await self._database.rooms.aggregate(pipeline).to_list(None)
        left = [room["_id"] for room in found if is_abandoned(room["unapplied"][-1:], self._database.clock())]
        if left:
            for room_id in left:
                await self._log.apply_pending(room_id)
            found = await self._database.rooms.aggregate(pipeline).to_list(None)
        return {room["_id"]: room for room in found}

    async def add(
        self, room_id: str, user_id: str, *, role: Role = Role.MEMBER, actor: Actor | None = None
    ) -> MembershipChange:
        join = Join(user_id, role) if actor is None else Invitation(user_id, role, actor=actor, database=self._database)
        async with self._database.operation("members.add", write=True):
            change: MembershipChange = await self._log.change(room_id, join)
        return change

    async def remove(self, room_id: str, user_id: str) -> MembershipChange:
        async with self._database.operation("members.remove", write=True):
            change: MembershipChange = await self._log.change(room_id, Leave(user_id))
        return change

    async def list(
        self, room_id: str, *, limit: int, after: str | None, prefix: str = ""
    ) -> tuple[list[Member], str | None]:
        among = prefix_range(prefix)
        pipeline = room_pipelines.members(room_id, above=name_of_cursor(after), among=among, limit=limit + 1)
        async with self._database.operation("members.list"):
            found = await self._members.aggregate(pipeline).to_list(None)
        following = cursor_of_name(found[limit - 1]["usernameFolded"]) if len(found) > limit else None
        return [member_from(document) for document in found[:limit]], following

    async def mark_read(self, room_id: str, user_id: str, seq: int) -> ReadState | None:
        async with self._database.operation("members.mark_read", write=True):
            found = await self._members.aggregate(room_pipelines.membership(room_id, user_id)).to_list(1)
            if not found:
                return None
            read = min(seq, last_seq_of(found[0]))
            if read > found[0]["readSeq"]:
                await self._members.update_one(
                    {"roomId": room_id, "userId": user_id, "left": False}, {"$max": {"readSeq": read}}
                )
            membership = await self._get(room_id, user_id)
        if membership is None:
            return None
        return read_state(room_id, membership)

    async def _get(self, room_id: str, user_id: str) -> Membership | None:
        found = await self._members.aggregate(room_pipelines.membership(room_id, user_id)).to_list(1)
        return membership_from(found[0], last_seq_of(found[0])) if found else None


def _standing(room: Document | None, member: Document | None, mentions: int) -> Standing | None:
    if room is None:
        return None
    standing = (
        None if member is None else membership_from({**member, "mentioned": [{"count": mentions}]}, last_seq_of(room))
    )
    return Standing(room_from(room), standing)


def member_document(
    room_id: str,
    user: Mapping[str, Any],
    *,
    role: Role,
    room_order: int,
    read_seq: int,
    joined_at: DatetimeMS,
    rev: int,
) -> Document:
    """A new members document. `rev` moves with each change to it; `joinedRev` stays and orders members by seniority.

    Raises Refused for a bot of another room.
    """
    bot_room_id = user.get("botRoomId")
    if bot_room_id not in (None, room_id):
        raise Refused(Refusal.FORBIDDEN)
    document = {
        "roomId": room_id,
        "userId": user["_id"],
        "username": user["username"],
        "usernameFolded": user["usernameFolded"],
        "roomOrder": room_order,
        "role": role.value,
        "readSeq": read_seq,
        "left": False,
        "joinedAt": joined_at,
        "joinedRev": rev,
        "rev": rev,
    }
    return document if bot_room_id is None else document | {"isBot": True}


class Join:
    """The change that makes somebody a member, and the note of it for the audit trail, if there is one."""

    def __init__(self, user_id: str, role: Role, *, audit: AuditNote | None = None) -> None:
        self._user_id = user_id
        self._role = role
        self._audit = audit
        self.read_set = ReadSet(members=(user_id,), users=(user_id,), bans=(user_id,))

    async def run(self, view: RoomView) -> MembershipChange:
        """Raises Missing("user"), Refused, RoomFull."""
        room, member = view.room, view.member(self._user_id)
        if member is not None:
            present = {**member, "mentioned": await view.mentioned(self._user_id)}
            return MembershipChange(
                room=room_from(room),
                membership=membership_from(present, last_seq_of(room)),
                changed=False,
                rev=room["rev"],
            )
        user = view.user(self._user_id)
        if user is None or "endedAt" in user:
            raise Missing("user")
        before = room_from(room)
        require_open_to_new(before, is_banned=view.is_banned(self._user_id))
        role = role_of_joiner(before, self._role, is_bot="botRoomId" in user)
        joined = member_document(
            room["_id"],
            user,
            role=role,
            room_order=room["order"],
            read_seq=last_seq_of(room),
            joined_at=view.now,
            rev=view.next_rev,
        )
        if (muted_until := view.kept_mute(self._user_id)) is not None:
            joined["mutedUntil"] = muted_until
        settings: Document = {"memberCount": room["memberCount"] + 1}
        if role is Role.OWNER:
            settings["ownerId"] = self._user_id
        rev = view.record(
            settings=settings,
            members=[MemberPatch(self._user_id, joined, joined=True)],
            audit=self._audit,
        )
        membership = membership_from({**joined, "mentioned": []}, last_seq_of(room))
        return MembershipChange(
            room=room_from(view.room),
            membership=membership,
            changed=True,
            rev=rev,
            has_new_owner="ownerId" in settings,
        )


class Invitation:
    """The change that makes somebody a member whom the actor invites."""

    def __init__(self, user_id: str, role: Role, *, actor: Actor, database: Database) -> None:
        self._user_id = user_id
        self._role = role
        self._actor = actor
        self._database = database
        self.read_set = structs.replace(Join(user_id, role).read_set, members=(user_id, actor.user_id))

    async def run(self, view: RoomView) -> MembershipChange:
        """Raises as Join, and Refused for what the actor may not."""
        room, actors_role = room_from(view.room), role_in(view, self._actor.user_id)
        require_inviter(room, self._actor, actors_role)
        if await has_blocked(self._database, self._user_id, self._actor.user_id):
            raise Refused(Refusal.FORBIDDEN)
        note = invitation_note(room, self._actor, actors_role, user_id=self._user_id)
        return await Join(self._user_id, self._role, audit=note).run(view)


def role_in(view: RoomView, user_id: str) -> Role | None:
    """The user's role in the room; None for a non-member."""
    member = view.member(user_id)
    return None if member is None else Role(member["role"])
