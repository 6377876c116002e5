"""Accounts that their owners deleted: `endedAt` in the users collection, `endingSince` until all is done.

A message's document holds its author's name, and an entry of the changes log holds the whole message. The names are
replaced room by room: an index of messages on (roomId, userId, …) is there, and one on userId would cost each message.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from msgspec import Struct, structs

from store.errors import Missing, Outdated
from store.models import DELETED_DISPLAY_NAME, DELETED_USERNAME, Status
from store.mongo.database import Database, Document, stored_time
from store.mongo.files import abandon_files
from store.mongo.users import revoke_sessions

ROOMS_A_WRITE = 500
CHANGES_A_WRITE = 5000

_ERASED = ("avatarUrl", "textColor", "backgroundColor", "customStatus", "passwordSettingUntil")
_NAME = {"$ne": DELETED_USERNAME}


class _Progress(Struct, frozen=True):
    """How far the names are replaced: in all rooms up to `after`, and in those beyond up to a rev of one of them."""

    after: str = ""
    room_id: str = ""
    rev: int = 0


class MongoEndedAccounts:
    """store.contract.EndedAccounts on MongoDB."""

    def __init__(self, *, database: Database) -> None:
        self._database = database
        self._users = database.users

    async def end(self, user_id: str, *, before: str) -> list[str]:
        """Writes the account before the sessions: a concurrent login checks the account again after its session."""
        async with self._database.operation("ended_accounts.end", write=True):
            now = stored_time(self._database.clock())
            fields = {
                "username": DELETED_USERNAME,
                "displayName": DELETED_DISPLAY_NAME,
                "displayFolded": DELETED_DISPLAY_NAME.casefold(),
                "email": user_id,  # it is unique, and no email, so it takes none from anybody
                "emailFolded": user_id,
                "passwordHash": "",
                "status": Status.OFFLINE.value,
                "disabledAt": now,
                "endedAt": now,
                "endingSince": now,
            }
            update: Document = {"$set": fields, "$unset": dict.fromkeys(_ERASED, ""), "$inc": {"statusRev": 1}}
            result = await self._users.update_one({"_id": user_id, "passwordHash": before, "endedAt": None}, update)
            if not result.matched_count:
                if await self._users.find_one({"_id": user_id, "endedAt": None}, {"_id": 1}) is None:
                    raise Missing("user")
                raise Outdated
            return await revoke_sessions(self._database, user_id, None)

    async def erase(self, user_id: str, *, is_last: bool = False) -> None:
        """The rooms that the user was a member of lately come first, then all others, ROOMS_A_WRITE at a time.

        The last pass notes how far it has come: in a large database, or one that is slow, it may be cut off often.
        """
        database, own = self._database, {"userId": user_id}
        async with database.operation("ended_accounts.erase", write=True):
            user = await self._users.find_one({"_id": user_id, "endedAt": {"$ne": None}}, {"erased": 1})
            if user is None:
                raise Missing("user")
            await revoke_sessions(database, user_id, None)
            await database.settings.delete_one({"_id": user_id})
            await database.blocks.delete_many(own)
            await database.known_addresses.delete_many(own)
            await abandon_files(database, user_id)
            joined = [member["roomId"] async for member in database.members.find(own, {"_id": 0, "roomId": 1})]
        if is_last:
            await self._rename_in_all(user_id, _Progress(**user.get("erased", {})), is_noted=True)
            return
        for start in range(0, len(joined), ROOMS_A_WRITE):
            await self._rename(user_id, joined[start : start + ROOMS_A_WRITE], _Progress(), is_noted=False)
        await self._rename_in_all(user_id, _Progress(), is_noted=False)

    async def _rename_in_all(self, user_id: str, done: _Progress, *, is_noted: bool) -> None:
        while True:
            async with self._database.operation("ended_accounts.rooms"):
                found = self._database.rooms.find({"_id": {"$gt": done.after}}, {"_id": 1}).sort("_id", 1)
                room_ids = [room["_id"] for room in await found.limit(ROOMS_A_WRITE).to_list(None)]
            if not room_ids:
                return
            await self._rename(user_id, room_ids, done, is_noted=is_noted)
            done = _Progress(after=room_ids[-1])
            if is_noted:
                await self._note(user_id, done)

    async def _rename(self, user_id: str, room_ids: Sequence[str], done: _Progress, *, is_noted: bool) -> None:
        """Replace the user's name in the messages of these rooms, and in the entries of their changes logs.

        A changes log has no index on the author: those of rooms with such messages are walked, no others.
        """
        theirs: Document = {"roomId": {"$in": list(room_ids)}, "userId": user_id}
        async with self._database.operation("ended_accounts.rename", write=True):
            # Also where the messages have lost the name: their changes may not have when this was cut off.
            written_to = await self._database.messages.distinct("roomId", theirs)
            await self._database.messages.update_many(
                {**theirs, "username": _NAME}, {"$set": {"username": DELETED_USERNAME}}
            )
        for room_id in sorted(written_to):
            if room_id < done.room_id:
                continue
            rev = done.rev if room_id == done.room_id else 0
            while (last := await self._rename_in_changes(user_id, room_id, rev)) is not None:
                rev = last
                if is_noted:
                    await self._note(user_id, _Progress(done.after, room_id, rev))

    async def _rename_in_changes(self, user_id: str, room_id: str, after: int) -> int | None:
        """Replace the user's name in the next CHANGES_A_WRITE entries. Returns the rev of the last; None at the end."""
        changes = self._database.changes
        async with self._database.operation("ended_accounts.changes", write=True):
            beyond = changes.find({"roomId": room_id, "rev": {"$gt": after}}, {"_id": 0, "rev": 1}).sort("rev", 1)
            last = await beyond.skip(CHANGES_A_WRITE - 1).limit(1).to_list(1)
            span = {"$gt": after, "$lte": last[0]["rev"]} if last else {"$gt": after}
            await changes.update_many(
                {"roomId": room_id, "rev": span, "message.userId": user_id, "message.username": _NAME},
                {"$set": {"message.username": DELETED_USERNAME}},
            )
        return int(last[0]["rev"]) if last else None

    async def _note(self, user_id: str, done: _Progress) -> None:
        async with self._database.operation("ended_accounts.note", write=True):
            await self._users.update_one({"_id": user_id}, {"$set": {"erased": structs.asdict(done)}})

    async def unfinished(self, *, ended_before_ms: int, limit: int, without: Sequence[str] = ()) -> list[str]:
        async with self._database.operation("ended_accounts.unfinished"):
            wanted = {"endingSince": {"$lt": stored_time(ended_before_ms)}, "_id": {"$nin": list(without)}}
            found = self._users.find(wanted, {"_id": 1})
            return [user["_id"] for user in await found.sort("endingSince", 1).limit(limit).to_list(None)]

    async def finish(self, user_id: str) -> None:
        async with self._database.operation("ended_accounts.finish", write=True):
            await self._users.update_one({"_id": user_id}, {"$unset": {"endingSince": "", "erased": ""}})


async def ended_among(database: Database, user_ids: Collection[str]) -> set[str]:
    """Those of these users who deleted their account. To be called within an operation."""
    wanted = {"_id": {"$in": list(user_ids)}, "endedAt": {"$ne": None}}
    return {user["_id"] for user in await database.users.find(wanted, {"_id": 1}).to_list(None)} if user_ids else set()
