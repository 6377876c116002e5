"""The files collection: what was uploaded, by whom, and where it was posted; and the bytes of it, in GridFS."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterable, AsyncIterator
from typing import Any

from bson.int64 import Int64
from gridfs.errors import CorruptGridFile, NoFile
from motor.motor_asyncio import AsyncIOMotorGridFSBucket, AsyncIOMotorGridOut

from store.blob_files import BlobFiles
from store.blobs import PIECE_BYTES, PROVISIONAL_KEEP_S, Written
from store.errors import Missing, OverQuota, StoreError
from store.models import FILES_MAX, UNDESCRIBED_KEEP_MS, UNPOSTED_KEEP_MS, File, FileDraft
from store.mongo.database import Database, Document, stored_time
from store.mongo.documents import file_document, file_from

BUCKET = "uploads"
_SWEEP_MAX = 500
_WRITES_AT_ONCE = 3
SLICE_FILES = 500
_NOT_SHOWN: Document = {"posts.0": {"$exists": False}}


class GridBlobs:
    """store.blobs.Blobs in GridFS. A provisional one has the date in `metadata.provisionalSince`."""

    def __init__(self, *, database: Database) -> None:
        self._database = database
        self._bucket = AsyncIOMotorGridFSBucket(database.raw, BUCKET, chunk_size_bytes=PIECE_BYTES)
        self._files = database.raw[f"{BUCKET}.files"]
        self._chunks = database.raw[f"{BUCKET}.chunks"]
        self._writing = asyncio.Semaphore(_WRITES_AT_ONCE)

    async def write(self, key: str, pieces: AsyncIterable[bytes]) -> Written:
        """As a GridFS upload writes it, but a chunk at a time: the driver's own gathers 48 MB of each before it writes
        any. A chunk on its way takes over a megabyte, so few blobs are written at once.
        """
        async with self._writing:
            return await self._write(key, pieces)

    async def _write(self, key: str, pieces: AsyncIterable[bytes]) -> Written:
        digest, size, number = hashlib.sha256(), 0, 0
        rest = bytearray()
        await self.delete(key)  # what a broken-off upload of this id has left
        try:
            async for piece in pieces:
                size += len(piece)
                digest.update(piece)
                rest += piece
                while len(rest) >= PIECE_BYTES:
                    await self._write_chunk(key, number, bytes(rest[:PIECE_BYTES]))
                    del rest[:PIECE_BYTES]
                    number += 1
            if rest:
                await self._write_chunk(key, number, bytes(rest))
            await self._describe(key, size)
        except BaseException:
            with contextlib.suppress(StoreError):
                await asyncio.shield(self._abort(key))
            raise
        return Written(size, digest.hexdigest())

    async def _write_chunk(self, key: str, number: int, data: bytes) -> None:
        async with self._database.operation("files.write", write=True):
            await self._chunks.insert_one({"files_id": key, "n": number, "data": data})

    async def _describe(self, key: str, size: int) -> None:
        """Last of all: until then readers find nothing. What dies before leaves chunks of nothing, which are swept."""
        now = stored_time(self._database.clock())
        async with self._database.operation("files.write", write=True):
            await self._files.insert_one(
                {
                    "_id": key,
                    "filename": key,
                    "length": Int64(size),
                    "chunkSize": PIECE_BYTES,
                    "uploadDate": now,
                    "metadata": {"provisionalSince": now},
                }
            )

    async def _abort(self, key: str) -> None:
        async with self._database.operation("files.write", write=True):
            await self._chunks.delete_many({"files_id": key})
            await self._files.delete_one({"_id": key})

    async def keep(self, key: str) -> None:
        async with self._database.operation("files.keep", write=True):
            result = await self._files.update_one({"_id": key}, {"$unset": {"metadata.provisionalSince": ""}})
        if not result.matched_count:
            raise Missing("file")

    async def read(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        blob: Any = await self._open(key)  # Motor's stub says that its read never returns
        place, last = start, blob.length if end is None else min(end, blob.length)
        if place < last:
            blob.seek(place)
        while place < last:
            async with self._database.operation("files.read"):
                try:
                    piece: bytes = await blob.read(min(PIECE_BYTES, last - place))
                except CorruptGridFile as error:  # deleted while it was read, or a chunk is lost
                    raise Missing("file") from error
            if not piece:
                raise Missing("file")
            place += len(piece)
            yield piece

    async def _open(self, key: str) -> AsyncIOMotorGridOut:
        async with self._database.operation("files.read"):
            try:
                blob = await self._bucket.open_download_stream(key)
            except NoFile as error:
                raise Missing("file") from error
        if "provisionalSince" in (blob.metadata or {}):
            raise Missing("file")
        return blob

    async def delete(self, key: str) -> None:
        async with self._database.operation("files.delete", write=True):
            with contextlib.suppress(NoFile):
                await self._bucket.delete(key)

    async def sweep(self, now_s: float) -> int:
        before = stored_time(int((now_s - PROVISIONAL_KEEP_S) * 1000))
        async with self._database.operation("files.sweep"):
            old = self._files.find({"metadata.provisionalSince": {"$lt": before}}, {"_id": 1}).limit(_SWEEP_MAX)
            keys = [blob["_id"] for blob in await old.to_list(None)]
        for key in keys:
            await self.delete(key)
        return len(keys)

    async def close(self) -> None:
        """The database's connections are closed with it."""


class MongoFiles(BlobFiles):
    """store.contract.Files on MongoDB.

    `posts` of a file: room and clientId of each message of its owner that shows it. `hiddenSince`: the file is about to
    be there, or to be removed, so that it is found whenever the process ends in between; nobody may read or post it.
    """

    def __init__(self, *, database: Database, blobs: GridBlobs) -> None:
        super().__init__(blobs=blobs)
        self._database = database
        self._files = database.files
        self._swept_to = ""

    async def create(self, draft: FileDraft, *, quota_bytes: int | None = None) -> File:
        """Also raises Missing("user"). Of two at once that fit alone and not together, both may be refused."""
        now = stored_time(self._database.clock())
        document = file_document(draft) | {"ownerId": draft.owner_id, "createdAt": now}
        async with self._database.operation("files.note", write=True):
            if await self._database.users.find_one({"_id": draft.owner_id}, {"_id": 1}) is None:
                raise Missing("user")
            await self._files.insert_one(document | {"hiddenSince": now})
        try:
            await self._require_quota(draft.owner_id, quota_bytes)
            await self._keep(draft)
        except (Missing, OverQuota):
            await self._remove(draft.id)
            raise
        async with self._database.operation("files.create", write=True):
            result = await self._files.update_one({"_id": draft.id}, {"$unset": {"hiddenSince": ""}})
            if not result.matched_count:
                raise Missing("file")
        return file_from(document)

    async def _require_quota(self, owner_id: str, quota_bytes: int | None) -> None:
        """Raises OverQuota. The new file is stored already, as those of other processes are, so none is overlooked."""
        sums = {"_id": None, "count": {"$sum": 1}, "size": {"$sum": "$size"}}
        async with self._database.operation("files.quota"):
            found = await self._files.aggregate([{"$match": {"ownerId": owner_id}}, {"$group": sums}]).to_list(1)
        if found and (found[0]["count"] > FILES_MAX or (quota_bytes is not None and found[0]["size"] > quota_bytes)):
            raise OverQuota

    async def mark_avatar(self, file_id: str, owner_id: str) -> bool:
        """Let every user read a file. Returns False where the owner has no such file."""
        async with self._database.operation("files.mark_avatar", write=True):
            own = {"_id": file_id, "ownerId": owner_id, "hiddenSince": None}
            return (await self._files.update_one(own, {"$set": {"isAvatar": True}})).matched_count > 0

    async def drop_avatar(self, file_id: str, owner_id: str) -> None:
        """Remove what is no picture any more; where a message shows it, it stays for those who may read that."""
        own = {"_id": file_id, "ownerId": owner_id, "hiddenSince": None}
        drop = {"$unset": {"isAvatar": ""}}
        async with self._database.operation("files.drop_avatar", write=True):
            # One write with its condition, as in `sweep`
            hidden = await self._files.update_one(
                {**own, **_NOT_SHOWN}, {**drop, "$set": {"hiddenSince": stored_time(0)}}
            )
            if not hidden.matched_count:
                await self._files.update_one(own, drop)
        if hidden.matched_count:
            await self._remove(file_id)

    async def _remove(self, file_id: str) -> None:
        """Remove the bytes of a hidden file, then what is known of it."""
        await self.discard(file_id)
        async with self._database.operation("files.remove", write=True):
            await self._files.delete_one({"_id": file_id, "hiddenSince": {"$ne": None}})

    async def get(self, file_id: str) -> File | None:
        async with self._database.operation("files.get"):
            found = await self._files.find_one({"_id": file_id, "hiddenSince": None})
        return None if found is None else file_from(found)

    async def may_read(self, file_id: str, user_id: str) -> bool:
        async with self._database.operation("files.may_read"):
            of_file = {"_id": file_id, "hiddenSince": None}
            file = await self._files.find_one(of_file, {"ownerId": 1, "isAvatar": 1, "posts.roomId": 1})
            if file is None or file["ownerId"] == user_id or file.get("isAvatar"):
                return file is not None
            rooms = list({post["roomId"] for post in file.get("posts", ())})
            of_user = {"userId": user_id, "roomId": {"$in": rooms}, "left": False}
            return bool(rooms) and await self._database.members.find_one(of_user, {"_id": 1}) is not None

    async def owned_by(self, user_id: str, *, limit: int, after: str = "") -> list[File]:
        own = {"ownerId": user_id, "_id": {"$gt": after}, "hiddenSince": None}
        async with self._database.operation("files.owned_by"):
            return [file_from(file) for file in await self._files.find(own).sort("_id", 1).limit(limit).to_list(None)]

    async def sweep(self, now_ms: int) -> tuple[int, bool]:
        """Check one slice of all files, from where the last call stopped: an index of those that nothing shows would
        cost each message with a file. Returns how many were removed, and whether the walk goes on.
        """
        unposted = {"$lte": stored_time(now_ms - UNPOSTED_KEEP_MS)}
        undescribed = {"$lte": stored_time(now_ms - UNDESCRIBED_KEEP_MS)}
        async with self._database.operation("files.sweep", write=True):
            walked = self._files.find({"_id": {"$gt": self._swept_to}}, {"_id": 1}).sort("_id", 1)
            among: Document = {"_id": {"$in": [file["_id"] for file in await walked.limit(SLICE_FILES).to_list(None)]}}
            # One write with its condition: who posts the file in that moment comes before it, or finds it hidden.
            await self._files.update_many(
                {**among, **_NOT_SHOWN, "createdAt": unposted, "isAvatar": {"$ne": True}, "hiddenSince": None},
                {"$set": {"hiddenSince": stored_time(now_ms)}},
            )
            found = await self._files.find({**among, "hiddenSince": undescribed}, {"_id": 1}).to_list(None)
        for file in found:
            await self._remove(file["_id"])
        ids = among["_id"]["$in"]
        is_full = len(ids) == SLICE_FILES
        self._swept_to = ids[-1] if is_full else ""
        return len(found), is_full


async def abandon_files(database: Database, user_id: str) -> None:
    """Leave the files of a deleted account to the next sweep, but those that messages show. To be called within an
    operation.
    """
    await database.files.update_many({"ownerId": user_id}, {"$unset": {"isAvatar": ""}})
    await database.files.update_many({"ownerId": user_id, **_NOT_SHOWN}, {"$set": {"createdAt": stored_time(0)}})
