"""Mends memberships that programs of before this may have written during a rolling restart: they know neither bans nor
bots, make a member of somebody who is banned, and an owner of a bot.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from store.errors import Missing
from store.models import Role
from store.mongo.change_log import ChangeLog
from store.mongo.database import Collection, Database, Document, stored_time
from store.mongo.membership_ends import NO_ENDING, end_membership, record_end, succession
from store.mongo.room_at_rev import MemberPatch, Operation, ReadSet, RoomView, standing_ban
from store.mongo.room_pipelines import of_pairs

SLICE_DOCUMENTS = 500


class MembershipRepair:
    """Walks a collection in the order of its ids, from where the last call stopped; each document names a room and a
    user. Their memberships are changed by an operation where they match `wrong`.
    """

    def __init__(
        self,
        *,
        database: Database,
        log: ChangeLog,
        walked: Collection,
        match: Callable[[int], Document],
        wrong: Mapping[str, Any],
        operation: Callable[[str], Operation],
        slice_documents: int = SLICE_DOCUMENTS,
    ) -> None:
        self._database = database
        self._log = log
        self._walked = walked
        self._match = match
        self._wrong = wrong
        self._operation = operation
        self._slice_documents = slice_documents
        self._after: Any = None

    async def sweep(self, now_ms: int) -> tuple[int, bool]:
        """Check one slice. Returns the number of memberships that it changed, and whether the walk goes on."""
        beyond = {} if self._after is None else {"_id": {"$gt": self._after}}
        async with self._database.operation("store.sweep", write=True):
            found = self._walked.find({**beyond, **self._match(now_ms)}, {"roomId": 1, "userId": 1})
            documents = await found.sort("_id", 1).limit(self._slice_documents).to_list(None)
            members = await self._wrong_among([(document["roomId"], document["userId"]) for document in documents])
        changed = 0
        for room_id, user_id in members:
            async with self._database.operation("members.repair", write=True):
                try:
                    changed += await self._log.change(room_id, self._operation(user_id))
                except Missing:
                    continue  # the room was deleted meanwhile
        is_full = len(documents) == self._slice_documents
        self._after = documents[-1]["_id"] if is_full else None
        return changed, is_full

    async def _wrong_among(self, pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
        if not pairs:
            return []
        wrong = {**of_pairs(pairs, left=False), **self._wrong}
        found = await self._database.members.find(wrong, {"roomId": 1, "userId": 1}).to_list(None)
        return [(member["roomId"], member["userId"]) for member in found]


def banned_members(database: Database, log: ChangeLog, *, slice_documents: int = SLICE_DOCUMENTS) -> MembershipRepair:
    """Ends the memberships of people who are banned."""
    return MembershipRepair(
        database=database,
        log=log,
        walked=database.bans,
        match=lambda now_ms: standing_ban(stored_time(now_ms)),
        wrong={},
        operation=EndOfBanned,
        slice_documents=slice_documents,
    )


def bots_with_roles(database: Database, log: ChangeLog, walked: Collection) -> MembershipRepair:
    """Takes the roles of bots, or of webhooks, those of the collection; a room that one owns goes to a person."""
    return MembershipRepair(
        database=database,
        log=log,
        walked=walked,
        match=lambda _: {},
        wrong={"role": {"$ne": Role.MEMBER.value}},
        operation=EndOfBotRole,
    )


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
        record_end(view, await end_membership(view, member))
        return True


class EndOfBotRole:
    """The change that takes the role of a bot."""

    def __init__(self, user_id: str) -> None:
        self._user_id = user_id
        self.read_set = ReadSet(members=(user_id,))

    async def run(self, view: RoomView) -> bool:
        """Returns whether it had one."""
        member = view.member(self._user_id)
        if member is None or member["role"] == Role.MEMBER:
            return False
        then = await succession(view, self._user_id) if member["role"] == Role.OWNER else NO_ENDING
        plain = MemberPatch(self._user_id, {"role": Role.MEMBER.value})
        view.record(settings=then.settings, members=[plain, *then.members])
        return True
