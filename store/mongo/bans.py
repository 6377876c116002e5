"""The bans collection: who may not become a member of a room. Bans and their ends go through the changes log, so that a
join that the log puts after a ban is refused.

`until` is the end of a ban. A ban that is lifted, or is over, is kept for a day with `expiresAt`: a late repetition of
an earlier entry finds a greater rev there and has no effect.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pymongo import DESCENDING

from store import room_rules
from store.audit_notes import ban_note, end_of_ban_note
from store.errors import Missing
from store.list_cursors import cursor_of_key, key_of_cursor
from store.models import Actor, Ban, BanChange, User
from store.mongo.apply_change import TOMBSTONE_MS
from store.mongo.change_log import ChangeLog
from store.mongo.database import Database, Document, stored_time, stored_time_or_none
from store.mongo.documents import room_from, time_or_none, user_from
from store.mongo.members import role_in
from store.mongo.membership_ends import NO_ENDING, end_membership, record_end
from store.mongo.room_at_rev import BanPatch, ReadSet, RoomView, standing_ban
from store.mongo.room_pipelines import of_pairs

_NEWEST_FIRST = [("bannedAt", DESCENDING), ("userId", DESCENDING)]


class MongoBans:
    """store.contract.Bans on MongoDB."""

    def __init__(self, *, database: Database, log: ChangeLog) -> None:
        self._database = database
        self._log = log

    async def add(
        self, room_id: str, user_id: str, *, reason: str | None, expires_at_ms: int | None, actor: Actor
    ) -> BanChange:
        operation = AddBan(user_id, reason=reason, expires_at_ms=expires_at_ms, actor=actor)
        async with self._database.operation("bans.add", write=True):
            change: BanChange = await self._log.change(room_id, operation)
        return change

    async def lift(self, room_id: str, user_id: str, *, actor: Actor) -> BanChange:
        async with self._database.operation("bans.lift", write=True):
            change: BanChange = await self._log.change(room_id, LiftBan(user_id, actor=actor))
        return change

    async def page(self, room_id: str, *, limit: int, after: str | None) -> tuple[list[Ban], str | None]:
        key = key_of_cursor(after, tuple[int, str])
        among: list[Document] = [standing_ban(stored_time(self._database.clock()))]
        if key is not None:
            at = stored_time(key[0])
            among.append({"$or": [{"bannedAt": {"$lt": at}}, {"bannedAt": at, "userId": {"$lt": key[1]}}]})
        async with self._database.operation("bans.page"):
            bans = self._database.bans.find({"roomId": room_id, "$and": among}).sort(_NEWEST_FIRST)
            found = await bans.limit(limit + 1).to_list(None)
            ids = [ban["userId"] for ban in found[:limit]]
            people = await self._database.users.find({"_id": {"$in": ids}}).to_list(None)
        users = {user["_id"]: user_from(user) for user in people}
        following = None
        if len(found) > limit:
            last = found[limit - 1]
            following = cursor_of_key((int(last["bannedAt"]), last["userId"]))
        return [_ban_from(ban, users[ban["userId"]]) for ban in found[:limit] if ban["userId"] in users], following

    async def among(self, pairs: Sequence[tuple[str, str]]) -> list[bool]:
        if not pairs:
            return []
        match = {"$and": [standing_ban(stored_time(self._database.clock())), of_pairs(pairs)]}
        async with self._database.operation("bans.among"):
            found = await self._database.bans.find(match, {"_id": 0, "roomId": 1, "userId": 1}).to_list(None)
        banned = {(ban["roomId"], ban["userId"]) for ban in found}
        return [pair in banned for pair in pairs]


class AddBan:
    """The change that bans somebody and ends their membership."""

    def __init__(self, user_id: str, *, reason: str | None, expires_at_ms: int | None, actor: Actor) -> None:
        self._user_id = user_id
        self._reason = reason
        self._expires_at_ms = expires_at_ms
        self._actor = actor
        self.read_set = ReadSet(members=(user_id, actor.user_id), users=(user_id,), bans=(user_id,))

    async def run(self, view: RoomView) -> BanChange:
        """Raises Missing("user"), Refused."""
        room_rules.require_authority_over(
            room_from(view.room),
            self._actor,
            role_in(view, self._actor.user_id),
            target_role=role_in(view, self._user_id),
        )
        if view.user(self._user_id) is None:
            raise Missing("user")
        if not view.is_banned(self._user_id):
            room_rules.require_place_for_ban(await view.count_bans())
        member = view.member(self._user_id)
        ending = NO_ENDING if member is None else await end_membership(view, member)
        until_ms = self._expires_at_ms
        fields = {
            "by": self._actor.user_id,
            "reason": self._reason,
            "bannedAt": view.now,
            "lifted": False,
            "until": stored_time_or_none(until_ms),
            "expiresAt": None if until_ms is None else stored_time(until_ms + TOMBSTONE_MS),
        }
        note = ban_note(self._actor, self._user_id, reason=self._reason, expires_at_ms=until_ms)
        ended = record_end(view, ending, bans=[BanPatch(self._user_id, fields)], audit=note)
        return BanChange(room=ended.room, changed=True, rev=ended.rev, membership=None if member is None else ended)


class LiftBan:
    """The change that ends a ban."""

    def __init__(self, user_id: str, *, actor: Actor) -> None:
        self._user_id = user_id
        self._actor = actor
        self.read_set = ReadSet(members=(actor.user_id,), bans=(user_id,))

    async def run(self, view: RoomView) -> BanChange:
        """Raises Refused."""
        room_rules.require_moderator(room_from(view.room), self._actor, role_in(view, self._actor.user_id))
        if not view.is_banned(self._user_id):
            return BanChange(room=room_from(view.room), changed=False, rev=view.room["rev"])
        fields = {"lifted": True, "expiresAt": stored_time(int(view.now) + TOMBSTONE_MS)}
        note = end_of_ban_note(self._actor, self._user_id)
        rev = view.record(bans=[BanPatch(self._user_id, fields)], audit=note)
        return BanChange(room=room_from(view.room), changed=True, rev=rev)


def _ban_from(document: Mapping[str, Any], user: User) -> Ban:
    return Ban(user, document["by"], document.get("reason"), time_or_none(document.get("until")))
