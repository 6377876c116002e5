"""The changes collection: reads of each room's changes log. change_log.py writes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from store.models import Change, ChangePage
from store.mongo import message_pipelines
from store.mongo.database import Database, Document
from store.mongo.documents import change_from, message_from


class MongoChanges:
    """store.contract.Changes on MongoDB. Readers see the log up to the room's rev, which is the applied part."""

    def __init__(self, *, database: Database) -> None:
        self._database = database
        self._changes = database.changes

    async def page(self, room_id: str, *, since: int, limit: int) -> ChangePage:
        async with self._database.operation("changes.page"):
            rev = await self._rev(room_id)
            wanted = {"roomId": room_id, "rev": {"$gt": since, "$lte": rev}}
            entries = await self._changes.find(wanted).sort("rev", 1).limit(limit + 1).to_list(None)
            deleted = await self._deleted(room_id, entries)
        # If the clock was stepped while entries were written, they may have expired anywhere below the head.
        expired = since < rev and [entry["rev"] for entry in entries] != list(
            range(since + 1, min(rev, since + limit + 1) + 1)
        )
        return ChangePage(
            changes=tuple(change_from(entry, deleted) for entry in entries[:limit]),
            rev=rev,
            has_more=len(entries) > limit,
            expired=expired,
        )

    async def latest_between(self, room_id: str, *, since: int, upto: int, limit: int) -> ChangePage:
        async with self._database.operation("changes.latest_between"):
            rev = await self._rev(room_id)
            last = min(upto, rev)
            pipeline = message_pipelines.latest_changes(room_id, since=since, upto=last, limit=limit + 1)
            found = await self._changes.aggregate(pipeline).to_list(None)
            # Counted after the read, so that an entry that expires in between is reported as expired.
            kept = await self._changes.count_documents({"roomId": room_id, "rev": {"$gt": since, "$lte": last}})
        return ChangePage(
            changes=tuple(Change(rev=one["rev"], message=message_from(one["message"][0])) for one in found[:limit]),
            rev=rev,
            has_more=len(found) > limit,
            expired=kept < last - since,
        )

    async def _deleted(self, room_id: str, entries: Sequence[Document]) -> Mapping[int, Document]:
        """Those of the entries' messages that are deleted by now, by seq: texts of older entries are not given out."""
        seqs = list({entry["seq"] for entry in entries if "message" in entry})
        if not seqs:
            return {}
        wanted = {"roomId": room_id, "seq": {"$in": seqs}, "deletedAt": {"$exists": True}}
        return {message["seq"]: message async for message in self._database.messages.find(wanted)}

    async def _rev(self, room_id: str) -> int:
        room = await self._database.rooms.find_one({"_id": room_id}, {"rev": 1})
        return 0 if room is None else int(room["rev"])
