"""Takes the records of another store into MongoDB, and reads them back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from pymongo.errors import BulkWriteError

from common.startup_error import StartupError
from store.export_records import KINDS, Key
from store.mongo.database import Collection, Database
from store.mongo.errors import only_duplicates
from store.mongo.export_documents import MAPPINGS
from store.mongo.files import GridBlobs

_READ_BATCH = 1000

# Of the collections that also keep documents of what is over: those that are records.
_STANDING: Mapping[str, Mapping[str, Any]] = {
    "members": {"left": False},
    "kept_mutes": {"left": True},
    "message_edits": {"texts": {"$exists": True}},
    "reactions": {"on": True},
}

# Kinds of records whose documents are in a collection of another name
_COLLECTIONS = {"kept_mutes": "members"}


class MongoImporter:
    """store.export_records.ImportTarget on MongoDB. Its position is kept in the collection `migration` until `end`."""

    def __init__(self, *, database: Database) -> None:
        self._database = database
        self._state = database.raw["migration"]
        self._blobs = GridBlobs(database=database)

    async def begin(self, source_id: str) -> None:
        async with self._database.operation("migration.begin", write=True):
            state = await self._state.find_one({"_id": "source"})
            if state is not None and state["source"] == source_id:
                return
            for kind in KINDS:
                if state is not None or await self._collection(kind).find_one({}, {"_id": 1}) is not None:
                    raise StartupError("the target database is not empty: give another MONGO_DB_NAME, or drop it")
            await self._state.insert_one({"_id": "source", "source": source_id})

    async def position(self, kind: str) -> tuple[Key | None, bool]:
        async with self._database.operation("migration.position"):
            state = await self._state.find_one({"_id": kind})
        if state is None:
            return None, False
        return (None, True) if state["key"] is None else (tuple(state["key"]), False)

    async def put(self, kind: str, records: Sequence[Any], key: Key | None) -> None:
        documents = [MAPPINGS[kind].document(record) for record in records]
        async with self._database.operation("migration.put", write=True):
            if documents:
                try:
                    await self._collection(kind).insert_many(documents, ordered=False)
                except BulkWriteError as error:
                    if not only_duplicates(error):  # an interrupted run has stored them
                        raise
            position = {"key": None if key is None else list(key)}
            await self._state.update_one({"_id": kind}, {"$set": position}, upsert=True)

    async def put_blob(self, key: str, pieces: AsyncIterator[bytes], *, sha256: str | None) -> None:
        written = await self._blobs.write(key, pieces)
        if sha256 is not None and written.sha256 != sha256:
            await self._blobs.delete(key)
            raise StartupError(f"the bytes of file {key} are not those that were uploaded: its SHA-256 differs")
        await self._blobs.keep(key)

    async def records(self, kind: str) -> AsyncIterator[Any]:
        wanted = _STANDING.get(kind, {})
        last: Any = None
        while True:
            after = {} if last is None else {"_id": {"$gt": last}}
            async with self._database.operation("migration.records"):
                found = self._collection(kind).find({**wanted, **after}).sort("_id", 1).limit(_READ_BATCH)
                documents = await found.to_list(None)
            for document in documents:
                yield MAPPINGS[kind].record(document)
            if len(documents) < _READ_BATCH:
                return
            last = documents[-1]["_id"]

    async def end(self) -> None:
        async with self._database.operation("migration.end", write=True):
            await self._state.drop()

    def _collection(self, kind: str) -> Collection:
        return self._database.raw[_COLLECTIONS.get(kind, kind)]
