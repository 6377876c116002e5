"""Gives the messages of older programs, which write no `folded`, that field: each message is looked at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from bson.objectid import ObjectId
from pymongo import UpdateOne

from store.mongo.database import Database, Document
from store.mongo.documents import folded

# A message that is younger may still be followed by one with a lower id: ids are made by the clocks of the processes.
SETTLED_MS = 3600 * 1000
_STATE = {"_id": "folded"}


class UnfoldedMessages:
    """Walks the messages in the order of their ids; how far it has come is kept in the collection `meta`."""

    def __init__(self, *, database: Database, slice_documents: int = 2000) -> None:
        self._database = database
        self._slice_documents = slice_documents

    async def sweep(self, now_ms: int) -> tuple[int, bool]:
        """Look at one slice. Returns 0, because nothing is removed, and whether there may be more."""
        database, state = self._database, self._database.raw["meta"]
        settled = ObjectId.from_datetime(datetime.fromtimestamp((now_ms - SETTLED_MS) / 1000, UTC))
        async with database.operation("store.index", write=True):
            known = await state.find_one(_STATE)
            beyond = {"$lt": settled} if known is None else {"$lt": settled, "$gt": known["after"]}
            found = database.messages.find({"_id": beyond}, {"content": 1, "folded": 1})
            documents = await found.sort("_id", 1).limit(self._slice_documents).to_list(None)
            updates = await asyncio.to_thread(_updates, documents)  # up to a second of CPU
            if updates:
                await database.messages.bulk_write(updates, ordered=False)
            if documents:
                await state.update_one(_STATE, {"$set": {"after": documents[-1]["_id"]}}, upsert=True)
        return 0, len(documents) == self._slice_documents


def _updates(documents: Sequence[Document]) -> list[UpdateOne]:
    """Not of a message that was edited since it was read: its editor has written the field, or no content."""
    return [
        UpdateOne({"_id": one["_id"], "content": one["content"]}, {"$set": {"folded": form}})
        for one in documents
        if "folded" not in one and (form := folded(one.get("content"))) is not None
    ]
