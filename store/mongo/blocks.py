"""The blocks collection: whom each user blocked."""

from __future__ import annotations

from pymongo.errors import DuplicateKeyError

from store.errors import Missing, Refused
from store.models import BLOCKS_MAX, Refusal, User
from store.mongo.database import Database, stored_time
from store.mongo.documents import user_from


class MongoBlocks:
    """store.contract.Blocks on MongoDB."""

    def __init__(self, *, database: Database) -> None:
        self._database = database
        self._blocks = database.blocks

    async def add(self, user_id: str, blocked_id: str) -> None:
        pair = {"userId": user_id, "blockedId": blocked_id}
        async with self._database.operation("blocks.add", write=True):
            if await has_blocked(self._database, user_id, blocked_id):
                return
            people = {"_id": {"$in": [user_id, blocked_id]}}
            if await self._database.users.count_documents(people) < len({user_id, blocked_id}):
                raise Missing("user")
            if await self._blocks.count_documents({"userId": user_id}) >= BLOCKS_MAX:
                raise Refused(Refusal.CONFLICT)
            try:
                await self._blocks.insert_one({**pair, "createdAt": stored_time(self._database.clock())})
            except DuplicateKeyError:
                return  # another request has just blocked the same person

    async def remove(self, user_id: str, blocked_id: str) -> None:
        async with self._database.operation("blocks.remove", write=True):
            await self._blocks.delete_one({"userId": user_id, "blockedId": blocked_id})

    async def list(self, user_id: str) -> list[User]:
        async with self._database.operation("blocks.list"):
            found = self._blocks.find({"userId": user_id}, {"_id": 0, "blockedId": 1})
            blocks = await found.sort([("createdAt", -1), ("blockedId", 1)]).limit(BLOCKS_MAX).to_list(None)
            ids = [block["blockedId"] for block in blocks]
            people = await self._database.users.find({"_id": {"$in": ids}}).to_list(None)
        users = {document["_id"]: user_from(document) for document in people}
        return [users[user_id] for user_id in ids if user_id in users]


async def has_blocked(database: Database, user_id: str, blocked_id: str) -> bool:
    """Whether the first user blocked the second. To be called within an operation."""
    return await database.blocks.find_one({"userId": user_id, "blockedId": blocked_id}, {"_id": 1}) is not None
