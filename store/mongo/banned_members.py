"""Ends memberships of people who are banned. Programs of before this know no bans: during a rolling restart they may
make somebody a member all the same.
"""

from __future__ import annotations

from typing import Any

from store.errors import Missing
from store.mongo.change_log import ChangeLog
from store.mongo.database import Database, Document, stored_time
from store.mongo.members import end_membership
from store.mongo.room_at_rev import ReadSet, RoomView, standing_ban

SLICE_BANS = 500


class BannedMembers:
    """Walks the bans in the order of their ids, from where the last call stopped."""

    def __init__(self, *, database: Database, log: ChangeLog, slice_bans: int = SLICE_BANS) -> None:
        self._database = database
        self._log = log
        self._slice_bans = slice_bans
        self._after: Any = None

    async def sweep(self, now_ms: int) -> tuple[int, bool]:
        """Check one slice. Returns the number of memberships that it ended, and whether the walk goes on."""
        beyond = {} if self._after is None else {"_id": {"$gt": self._after}}
        async with self._database.operation("store.sweep", write=True):
            found = self._database.bans.find(
                {**beyond, **standing_ban(stored_time(now_ms))}, {"roomId": 1, "userId": 1}
            )
            bans = await found.sort("_id", 1).limit(self._slice_bans).to_list(None)
            members = await self._members_among(bans)
        ended = 0
        for member in members:
            async with self._database.operation("bans.enforce", write=True):
                try:
                    ended += await self._log.change(member["roomId"], EndOfBanned(member["userId"]))
                except Missing:
                    continue  # the room was deleted meanwhile
        is_full = len(bans) == self._slice_bans
        self._after = bans[-1]["_id"] if is_full else None
        return ended, is_full

    async def _members_among(self, bans: list[Document]) -> list[Document]:
        users: dict[str, list[str]] = {}
        for ban in bans:
            users.setdefault(ban["roomId"], []).append(ban["userId"])
        if not users:
            return []
        places = [{"roomId": room_id, "userId": {"$in": ids}} for room_id, ids in users.items()]
        found = self._database.members.find({"left": False, "$or": places}, {"roomId": 1, "userId": 1})
        members: list[Document] = await found.to_list(None)
        return members


class EndOfBanned:
    """The change that ends the membership of somebody who is banned."""

    def __init__(self, user_id: str) -> None:
        self._user_id = user_id
        self.read_set = ReadSet(members=(user_id,), bans=(user_id,))

    async def run(self, view: RoomView) -> bool:
        """Returns whether there was one."""
        member = view.member(self._user_id)
        if member is None or not view.is_banned(self._user_id):
            return False
        ending = await end_membership(view, member)
        view.record(settings=ending.settings, members=ending.members)
        return True
