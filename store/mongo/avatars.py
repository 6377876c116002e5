"""The file that is a user's picture: `isAvatar` in the files collection, `avatarUrl` in the users collection."""

from __future__ import annotations

from pymongo import ReturnDocument

from store.errors import Missing
from store.ids import file_id_of, file_url
from store.models import User
from store.mongo.database import Database, Document
from store.mongo.documents import user_from
from store.mongo.files import MongoFiles


class MongoAvatars:
    """store.contract.Avatars on MongoDB.

    The user's document decides: who replaces an address there removes the file that it led to, and nobody else does.
    """

    def __init__(self, *, database: Database, files: MongoFiles) -> None:
        self._database = database
        self._users = database.users
        self._files = files

    async def set(self, user_id: str, file_id: str | None) -> User:
        url = None if file_id is None else file_url(file_id)
        if file_id is not None and not await self._files.mark_avatar(file_id, user_id):
            await self._require(user_id)
            raise Missing("file")
        update: Document = {"$unset": {"avatarUrl": ""}} if url is None else {"$set": {"avatarUrl": url}}
        async with self._database.operation("avatars.set", write=True):
            before: Document | None = await self._users.find_one_and_update(
                {"_id": user_id, "endedAt": None}, update, return_document=ReturnDocument.BEFORE
            )
        if before is None:
            if file_id is not None:
                await self._files.drop_avatar(file_id, user_id)
            raise Missing("user")
        former = file_id_of(before.get("avatarUrl"))
        if former is not None and former != file_id:
            await self._files.drop_avatar(former, user_id)
        return user_from({**before, "avatarUrl": url})

    async def _require(self, user_id: str) -> None:
        async with self._database.operation("avatars.user"):
            if await self._users.find_one({"_id": user_id, "endedAt": None}, {"_id": 1}) is None:
                raise Missing("user")
