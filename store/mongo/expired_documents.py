"""Removes expired and orphaned documents, one slice in each call. Knows the collections by name only."""

from __future__ import annotations

from datetime import UTC, datetime

from bson.objectid import ObjectId

from store.models import KNOWN_ADDRESS_KEEP_MS
from store.mongo import indexes
from store.mongo.database import Collection, Database, Document, stored_time
from store.mongo.lookup_stages import Pipeline

SLICE_DOCUMENTS = 500
SLICE_ENTRIES = 2000


def parents_after(field: str, after: str, *, limit: int) -> Pipeline:
    """The parents of the next `limit` entries of the index on `field`, each with its number of entries."""
    return [
        {"$match": {field: {"$gt": after}}},
        {"$sort": {field: 1}},
        {"$limit": limit},
        {"$group": {"_id": f"${field}", "entries": {"$sum": 1}}},
    ]


class ExpiredDocuments:
    """Documents past `expiresAt`. A TTL index removes them on most servers, but some servers have no TTL."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def sweep(self, now_ms: int) -> tuple[int, bool]:
        """Remove one slice of each collection. Returns how many documents, and whether there may be more."""
        past = {"expiresAt": {"$lte": stored_time(now_ms)}}
        removed, is_full = 0, False
        async with self._database.operation("store.sweep", write=True):
            for name in (index.collection for index in indexes.INDEXES if "expireAfterSeconds" in index.options):
                collection = self._database.raw[name]
                found = await collection.find(past, {"_id": 1}).limit(SLICE_DOCUMENTS).to_list(None)
                if found:
                    # The time is matched again: a document may have been renewed since, as when a user joins again.
                    ids = [document["_id"] for document in found]
                    removed += (await collection.delete_many({"_id": {"$in": ids}, **past})).deleted_count
                    is_full = is_full or len(found) == SLICE_DOCUMENTS
        return removed, is_full


class OldAddresses:
    """Known addresses without a successful login for KNOWN_ADDRESS_KEEP_MS."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def sweep(self, now_ms: int) -> tuple[int, bool]:
        """Remove one slice. Returns how many documents, and whether there may be more."""
        old = {"seenAt": {"$lt": stored_time(now_ms - KNOWN_ADDRESS_KEEP_MS)}}
        addresses = self._database.known_addresses
        async with self._database.operation("store.sweep", write=True):
            found = await addresses.find(old, {"_id": 1}).limit(SLICE_DOCUMENTS).to_list(None)
            if not found:
                return 0, False
            result = await addresses.delete_many({"_id": {"$in": [document["_id"] for document in found]}, **old})
        return result.deleted_count, len(found) == SLICE_DOCUMENTS


class OrphanedDocuments:
    """Documents whose parent does not exist: the process that was to write it last ended before that.

    Walks the index that begins with `field`, from where the last call stopped, and reads no document but an orphan.
    Documents younger than `keep_ms` by their `_id`, an ObjectId, are kept: their parent may be about to be written.
    """

    def __init__(
        self, *, database: Database, children: Collection, field: str, parents: Collection, keep_ms: int
    ) -> None:
        self._database = database
        self._children = children
        self._field = field
        self._parents = parents
        self._keep_ms = keep_ms
        self._after = ""

    async def sweep(self, now_ms: int) -> tuple[int, bool]:
        """Check one slice. Returns the number of removed documents, and whether the walk goes on."""
        before = ObjectId.from_datetime(datetime.fromtimestamp(max(0, now_ms - self._keep_ms) / 1000, UTC))
        async with self._database.operation("store.sweep", write=True):
            pipeline = parents_after(self._field, self._after, limit=SLICE_ENTRIES)
            found: list[Document] = await self._children.aggregate(pipeline).to_list(None)
            ids = {group["_id"] for group in found}
            present = await self._parents.find({"_id": {"$in": list(ids)}}, {"_id": 1}).to_list(None)
            orphaned = list(ids - {parent["_id"] for parent in present})
            removed = 0
            if orphaned:
                result = await self._children.delete_many({self._field: {"$in": orphaned}, "_id": {"$lt": before}})
                removed = result.deleted_count
        is_full = sum(group["entries"] for group in found) >= SLICE_ENTRIES
        self._after = max(ids) if is_full else ""
        return removed, is_full
