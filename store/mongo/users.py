"""The users collection: accounts, their unique username and email, their password hashes."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import pymongo
from pymongo import ReturnDocument
from pymongo.errors import DuplicateKeyError, PyMongoError

from store.errors import Missing, Outdated, StoreUnavailable, Taken
from store.ids import make_id
from store.list_cursors import prefix_range
from store.models import KNOWN_ADDRESS_KEEP_MS, KNOWN_ADDRESSES_MAX, Account, ProfileChange, Status, User
from store.mongo.database import Database, Document, stored_time
from store.mongo.documents import account_from, user_from

_CLAIM = "passwordSettingUntil"
_BATCH = 500
SEARCH_WITHIN_S = 2.0

_FIELDS = {
    "display_name": "displayName",
    "avatar_url": "avatarUrl",
    "text_color": "textColor",
    "background_color": "backgroundColor",
    "status": "status",
    "custom_status": "customStatus",
}


class MongoUsers:
    """store.contract.Users on MongoDB."""

    def __init__(self, *, database: Database) -> None:
        self._database = database
        self._users = database.users
        self._addresses = database.known_addresses
        self._claim_ms = int(database.timeout_s * 1000)

    async def create(self, *, username: str, email: str, password_hash: str) -> User:
        document: Document = {
            "_id": make_id("u"),
            "username": username,
            "usernameFolded": username.casefold(),
            "email": email,
            "emailFolded": email.lower(),
            "passwordHash": password_hash,
            "displayName": username,
            "displayFolded": username.casefold(),
            "status": Status.ONLINE.value,
        }
        async with self._database.operation("users.create", write=True):
            document["createdAt"] = stored_time(self._database.clock())
            try:
                await self._users.insert_one(document)
            except DuplicateKeyError as error:
                by_name = await self._users.find_one({"usernameFolded": document["usernameFolded"]}, {"_id": 1})
                raise Taken("username" if by_name is not None else "email") from error
        return user_from(document)

    async def get(self, user_id: str) -> User | None:
        async with self._database.operation("users.get"):
            found = await self._users.find_one({"_id": user_id})
        return None if found is None else user_from(found)

    async def account(self, user_id: str) -> Account | None:
        async with self._database.operation("users.account"):
            found = await self._users.find_one({"_id": user_id})
        return None if found is None else account_from(found)

    async def account_by_login(self, *, username: str | None = None, email: str | None = None) -> Account | None:
        if (username is None) == (email is None):
            raise ValueError("exactly one of username and email")
        key = {"usernameFolded": username.casefold()} if username is not None else {"emailFolded": str(email).lower()}
        async with self._database.operation("users.account_by_login"):
            found = await self._users.find_one({**key, "endedAt": None})
        return None if found is None else account_from(found)

    async def has_any(self) -> bool:
        async with self._database.operation("users.has_any"):
            return await self._users.find_one({}, {"_id": 1}) is not None

    async def search(self, prefix: str, limit: int) -> list[User]:
        async with self._database.operation("users.search"):
            found = await self._users.find(_beginning(prefix)).sort("usernameFolded", 1).limit(limit).to_list(limit)
        return [user_from(document) for document in found]

    async def search_members(self, room_ids: Sequence[str], prefix: str, limit: int) -> list[User]:
        found: list[User] = []
        async with self._database.operation("users.search_members"):
            with pymongo.timeout(SEARCH_WITHIN_S):
                after = ""
                while len(found) < limit:
                    people = self._users.find(_beginning(prefix, after)).sort("usernameFolded", 1)
                    users = await people.limit(_BATCH).to_list(None)
                    ids = [user["_id"] for user in users]
                    of_rooms = {"roomId": {"$in": list(room_ids)}, "userId": {"$in": ids}, "left": False}
                    members = set(await self._database.members.distinct("userId", of_rooms)) if ids else set()
                    found += [user_from(user) for user in users if user["_id"] in members]
                    if len(users) < _BATCH:
                        break
                    after = users[-1]["usernameFolded"]
        return found[:limit]

    async def update(self, user_id: str, change: ProfileChange) -> User:
        values = {field: getattr(change, name) for name, field in _FIELDS.items()}
        values = {field: value for field, value in values.items() if value is not False}
        update: dict[str, Any] = {}
        if given := {field: value for field, value in values.items() if value is not None}:
            if "displayName" in given:
                given["displayFolded"] = str(given["displayName"]).casefold()
            update["$set"] = given
        if "status" in given:
            update["$inc"] = {"statusRev": 1}
        if cleared := [field for field, value in values.items() if value is None]:
            update["$unset"] = dict.fromkeys(cleared, "")
        async with self._database.operation("users.update", write=True):
            found: Document | None
            if update:
                found = await self._users.find_one_and_update(
                    {"_id": user_id, "endedAt": None}, update, return_document=ReturnDocument.AFTER
                )
            else:
                found = await self._users.find_one({"_id": user_id})
        if found is None:
            raise Missing("user")
        return user_from(found)

    async def set_password(
        self, user_id: str, password_hash: str, *, keep_session_id: str | None, before: str | None = None
    ) -> list[str]:
        """Revokes sessions before the hash is set and once more after it, so that a kill in between leaves none live.

        With `before` the call claims the account first, so that a late one revokes nothing.
        """
        async with self._database.operation("users.set_password", write=True):
            if before is None:
                if await self._users.find_one({"_id": user_id, "endedAt": None}, {"_id": 1}) is None:
                    raise Missing("user")
                return await self._set_password({"_id": user_id, "endedAt": None}, password_hash, keep_session_id)
            claimed = await self._claim(user_id, before)
            try:
                return await self._set_password(claimed, password_hash, keep_session_id)
            except BaseException:
                with contextlib.suppress(PyMongoError):  # a claim that cannot be removed expires
                    await self._users.update_one(claimed, {"$unset": {_CLAIM: ""}})
                raise

    async def _claim(self, user_id: str, before: str) -> Document:
        """Claim the account for the duration of an operation. Returns a filter that matches while the claim holds.

        Raises Missing, Outdated where `before` is not the current hash, StoreUnavailable where another call holds it.
        """
        until = stored_time(self._database.clock() + self._claim_ms)
        ours = {"_id": user_id, "passwordHash": before}
        if (await self._users.update_one({**ours, **self._unclaimed()}, {"$set": {_CLAIM: until}})).matched_count:
            return {**ours, _CLAIM: until}
        account = await self._users.find_one({"_id": user_id}, {"passwordHash": 1})
        if account is None:
            raise Missing("user")
        raise StoreUnavailable("busy") if account["passwordHash"] == before else Outdated

    def _unclaimed(self) -> Document:
        """A filter for no claim, an expired one, or one that ends too late because another machine's clock is ahead."""
        now_ms = self._database.clock()
        return {_CLAIM: {"$not": {"$gt": stored_time(now_ms), "$lte": stored_time(now_ms + self._claim_ms)}}}

    async def _set_password(self, whose: Document, password_hash: str, keep_session_id: str | None) -> list[str]:
        user_id: str = whose["_id"]
        revoked = await revoke_sessions(self._database, user_id, keep_session_id)
        changed = await self._users.update_one(whose, {"$set": {"passwordHash": password_hash}, "$unset": {_CLAIM: ""}})
        if not changed.matched_count:
            raise Outdated
        return revoked + await revoke_sessions(self._database, user_id, keep_session_id)

    async def rehash(self, user_id: str, before: str, after: str) -> bool:
        async with self._database.operation("users.rehash", write=True):
            result = await self._users.update_one(
                {"_id": user_id, "passwordHash": before, **self._unclaimed()}, {"$set": {"passwordHash": after}}
            )
        return result.modified_count > 0

    async def disable(self, user_id: str) -> list[str]:
        """Writes the account before the sessions: a concurrent login checks the account again after its session."""
        async with self._database.operation("users.disable", write=True):
            disabled_at = stored_time(self._database.clock())
            found = {"_id": user_id, "endedAt": None}
            result = await self._users.update_one(found, {"$set": {"disabledAt": disabled_at}})
            if not result.matched_count:
                raise Missing("user")
            return await revoke_sessions(self._database, user_id, None)

    async def enable(self, user_id: str) -> None:
        async with self._database.operation("users.enable", write=True):
            result = await self._users.update_one({"_id": user_id, "endedAt": None}, {"$unset": {"disabledAt": ""}})
        if not result.matched_count:
            raise Missing("user")

    async def address_seen(self, user_id: str, marks: Sequence[str], *, now_ms: int) -> int | None:
        since = stored_time(now_ms - KNOWN_ADDRESS_KEEP_MS)
        wanted = {"userId": user_id, "mark": {"$in": list(marks)}, "seenAt": {"$gte": since}}
        async with self._database.operation("users.address_seen"):
            found = await self._addresses.find(wanted, {"seenAt": 1}).to_list(None)
        return max((int(address["seenAt"]) for address in found), default=None)

    async def remember_address(self, user_id: str, mark: str, *, now_ms: int) -> None:
        seen = {"$set": {"seenAt": stored_time(now_ms)}}
        async with self._database.operation("users.remember_address", write=True):
            with contextlib.suppress(DuplicateKeyError):  # another process inserts the same mark now
                await self._addresses.update_one({"userId": user_id, "mark": mark}, seen, upsert=True)
            newest_first = self._addresses.find({"userId": user_id}, {"seenAt": 1}).sort([("seenAt", -1), ("mark", 1)])
            older = await newest_first.skip(KNOWN_ADDRESSES_MAX).to_list(None)
            if older:  # the filter on `seenAt` keeps one that another process has just updated
                ids = {"$in": [address["_id"] for address in older]}
                await self._addresses.delete_many({"_id": ids, "seenAt": {"$lte": older[0]["seenAt"]}})


def _beginning(prefix: str, after: str = "") -> Document:
    """A match of people, not bots, with a name that begins with a prefix, whose username comes after another one."""
    wanted: Document = {"disabledAt": None, "botRoomId": None}
    if prefix:
        # Ranges of two indexes: a range has no wildcards to escape.
        first, end = prefix_range(prefix)
        span = {"$gte": first, "$lt": end}
        wanted["$or"] = [{"usernameFolded": span}, {"displayFolded": span}]
    if after:
        wanted["usernameFolded"] = {"$gt": after}
    return wanted


async def revoke_sessions(database: Database, user_id: str, keep_session_id: str | None) -> list[str]:
    """Revoke the user's live sessions but one, within the caller's operation. Returns their ids."""
    now = stored_time(database.clock())
    live = {"userId": user_id, "_id": {"$ne": keep_session_id}, "revokedAt": None, "expiresAt": {"$gt": now}}
    revoked = []
    async for found in database.sessions.find(live, {"_id": 1}):
        ours = await database.sessions.update_one(
            {"_id": found["_id"], "revokedAt": None}, {"$set": {"revokedAt": now}}
        )
        if ours.modified_count:
            revoked.append(found["_id"])
    return revoked
