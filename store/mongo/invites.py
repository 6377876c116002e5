"""The invites collection: links that make people members.

A use is taken by a conditional update before the membership is written to the changes log, and given back where that
refuses. So never more than `maxUses` are taken; a process that dies in between, or a store that fails then, leaves one
taken for nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from store.audit_notes import link_made_note, link_revoked_note
from store.errors import Missing, Refused, RoomFull
from store.models import (
    INVITES_PER_ROOM_MAX,
    Actor,
    Invite,
    InviteChange,
    MembershipChange,
    Role,
)
from store.mongo import room_pipelines
from store.mongo.apply_change import TOMBSTONE_MS
from store.mongo.change_log import ChangeLog
from store.mongo.database import Database, Document, stored_time
from store.mongo.documents import room_from, time_or_none
from store.mongo.members import Join, role_in
from store.mongo.room_at_rev import ReadSet, RoomView
from store.room_rules import (
    is_moderator,
    require_author_or_moderator,
    require_inviter,
    require_known,
    require_open_to_new,
    require_place_for_invite,
)


class MongoInvites:
    """store.contract.Invites on MongoDB."""

    def __init__(self, *, database: Database, log: ChangeLog) -> None:
        self._database = database
        self._log = log
        self._invites = database.invites

    async def create(
        self, room_id: str, code: str, *, actor: Actor, max_uses: int | None, expires_in_ms: int | None
    ) -> InviteChange:
        operation = MakeInvite(
            code, actor=actor, max_uses=max_uses, expires_in_ms=expires_in_ms, database=self._database
        )
        async with self._database.operation("invites.create", write=True):
            change: InviteChange = await self._log.change(room_id, operation)
        return change

    async def list(self, room_id: str, *, actor: Actor) -> Sequence[Invite]:
        async with self._database.operation("invites.list"):
            found = await self._database.rooms.aggregate(room_pipelines.room_for(room_id, actor.user_id)).to_list(1)
            if not found:
                raise Missing("room")
            role = Role(found[0]["membership"][0]["role"]) if found[0]["membership"] else None
            require_known(room_from(found[0]), actor, role)
            among: Document = {"roomId": room_id, **_good(self._database.clock())}
            if not is_moderator(actor, role):
                among["makerId"] = actor.user_id
            links = self._invites.find(among).sort([("createdAt", -1), ("_id", 1)]).limit(INVITES_PER_ROOM_MAX)
            return [_invite_from(document) for document in await links.to_list(None)]

    async def revoke(self, room_id: str, code: str, *, actor: Actor) -> int:
        async with self._database.operation("invites.revoke", write=True):
            rev: int = await self._log.change(room_id, RevokeInvite(code, actor=actor, database=self._database))
        return rev

    async def find(self, code: str, *, member_id: str | None = None) -> Invite | None:
        async with self._database.operation("invites.find"):
            found = await self._find(code, member_id)
        return None if found is None else _invite_from(found)

    async def use(self, code: str, user_id: str) -> MembershipChange:
        async with self._database.operation("invites.use", write=True):
            room_id = (await self._require(code, user_id))["roomId"]
            if await self._is_member(room_id, user_id):
                unchanged: MembershipChange | None = await self._log.change(room_id, FindMembership(user_id))
                if unchanged is not None:
                    return unchanged
            await self._take(code)
            try:
                change: MembershipChange = await self._log.change(room_id, Join(user_id, Role.MEMBER))
            except (Missing, Refused, RoomFull):  # after any other error they may have become a member
                await self._give_back(code)
                raise
            if not change.changed:
                await self._give_back(code)
            return change

    async def claim(self, code: str) -> Invite:
        async with self._database.operation("invites.claim", write=True):
            invite = _invite_from(await self._require(code))
            found = await self._database.rooms.aggregate(room_pipelines.room(invite.room_id)).to_list(1)
            if not found:
                raise Missing("invite")
            require_open_to_new(room_from(found[0]))
            await self._take(code)
        return invite

    async def release(self, code: str) -> None:
        async with self._database.operation("invites.release", write=True):
            await self._give_back(code)

    async def _find(self, code: str, member_id: str | None = None) -> Document | None:
        found: Document | None = await self._invites.find_one({"_id": code, **_live(self._database.clock())})
        if found is None or await self._database.rooms.find_one({"_id": found["roomId"]}, {"_id": 1}) is None:
            return None
        is_used_up = found["usesLeft"] == 0
        if is_used_up and not (member_id is not None and await self._is_member(found["roomId"], member_id)):
            return None
        return found

    async def _is_member(self, room_id: str, user_id: str) -> bool:
        standing = {"roomId": room_id, "userId": user_id, "left": False}
        return await self._database.members.find_one(standing, {"_id": 1}) is not None

    async def _require(self, code: str, member_id: str | None = None) -> Document:
        found = await self._find(code, member_id)
        if found is None:
            raise Missing("invite")
        return found

    async def _take(self, code: str) -> None:
        """Take one use; the last lets the link expire. Raises Missing("invite") where others took the last."""
        now_ms = self._database.clock()
        expiring = {"expiresAt": stored_time(now_ms + TOMBSTONE_MS)}
        tries: Sequence[tuple[Any, Document]] = (
            ({"$gt": 1}, {"$inc": {"uses": 1, "usesLeft": -1}}),
            (1, {"$inc": {"uses": 1, "usesLeft": -1}, "$set": expiring}),
            (None, {"$inc": {"uses": 1}}),
        )
        for left, change in tries:
            good = {"_id": code, **_good(now_ms), "usesLeft": left}
            if (await self._invites.update_one(good, change)).matched_count:
                return
        raise Missing("invite")

    async def _give_back(self, code: str) -> None:
        """Give a use back. A link that was used up by it expires when it would have; a revoked one stays as it is."""
        found = await self._invites.find_one({"_id": code}, {"endsAt": 1})
        if found is None:
            return
        taken: Document = {"_id": code, "uses": {"$gt": 0}}
        limited = {**taken, "usesLeft": {"$gte": 0}, "revoked": None}
        more = {"$inc": {"uses": -1, "usesLeft": 1}, "$set": {"expiresAt": found["endsAt"]}}
        await self._invites.update_one(limited, more)
        await self._invites.update_one({**taken, "usesLeft": None}, {"$inc": {"uses": -1}})


class FindMembership:
    """An operation that changes nothing: it finds the membership, or None."""

    def __init__(self, user_id: str) -> None:
        self._user_id = user_id
        self._join = Join(user_id, Role.MEMBER)
        self.read_set = self._join.read_set

    async def run(self, view: RoomView) -> MembershipChange | None:
        return None if view.member(self._user_id) is None else await self._join.run(view)


class MakeInvite:
    """The change that makes a link. Those of a room are made one after the other, so that their number is bounded."""

    def __init__(
        self, code: str, *, actor: Actor, max_uses: int | None, expires_in_ms: int | None, database: Database
    ) -> None:
        self._code = code
        self._actor = actor
        self._max_uses = max_uses
        self._expires_in_ms = expires_in_ms
        self._database = database
        self.read_set = ReadSet(members=(actor.user_id,))

    async def run(self, view: RoomView) -> InviteChange:
        """Raises Refused."""
        room, actor, now_ms = room_from(view.room), self._actor, int(view.now)
        require_inviter(room, actor, role_in(view, actor.user_id))
        made = sum("made" in entry.get("invite", {}) for entry in view.entries)
        good = {"roomId": room.id, **_good(now_ms)}
        require_place_for_invite(made + await self._database.invites.count_documents(good))
        ends_at = None if self._expires_in_ms is None else stored_time(now_ms + self._expires_in_ms)
        document = {
            "roomId": room.id,
            "makerId": actor.user_id,
            "maxUses": self._max_uses,
            "uses": 0,
            "usesLeft": self._max_uses,
            "endsAt": ends_at,
            "expiresAt": ends_at,
            "createdAt": view.now,
        }
        note = link_made_note(actor, max_uses=self._max_uses)
        rev = view.record(invite={"code": self._code, "made": document}, audit=note)
        return InviteChange(_invite_from({"_id": self._code, **document}), rev)


class RevokeInvite:
    """The change that revokes a link. The document stays for a day: a late application must not make it anew."""

    def __init__(self, code: str, *, actor: Actor, database: Database) -> None:
        self._code = code
        self._actor = actor
        self._database = database
        self.read_set = ReadSet(members=(actor.user_id,))

    async def run(self, view: RoomView) -> int:
        """Raises Missing("invite"), Refused."""
        room, actor = room_from(view.room), self._actor
        role = role_in(view, actor.user_id)
        require_known(room, actor, role)
        found = await self._database.invites.find_one({"_id": self._code, "roomId": room.id, "revoked": None})
        if found is None or any(entry.get("invite", {}).get("code") == self._code for entry in view.entries):
            raise Missing("invite")
        require_author_or_moderator(actor, role, author_id=found["makerId"])
        gone = {"revoked": True, "expiresAt": stored_time(int(view.now) + TOMBSTONE_MS)}
        note = link_revoked_note(actor, maker_id=found["makerId"])
        return view.record(invite={"code": self._code, "set": gone}, audit=note)


def _live(now_ms: int) -> Document:
    """The match of links that are neither revoked nor expired."""
    return {"revoked": None, "$or": [{"endsAt": None}, {"endsAt": {"$gt": stored_time(now_ms)}}]}


def _good(now_ms: int) -> Document:
    """The match of links that are neither revoked, expired nor used up."""
    return {"$and": [_live(now_ms), {"$or": [{"usesLeft": None}, {"usesLeft": {"$gt": 0}}]}]}


def _invite_from(document: Document) -> Invite:
    return Invite(
        code=document["_id"],
        room_id=document["roomId"],
        maker_id=document["makerId"],
        uses=document["uses"],
        max_uses=document["maxUses"],
        expires_at=time_or_none(document["endsAt"]),
    )
