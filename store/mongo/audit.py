"""The audit collection: what moderators did.

An entry of the changes log that does such a thing has a field `audit` (RoomView.record); applying the entry writes the
document, under an id that follows from the entry, so that a repetition has no effect.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo import DESCENDING, UpdateOne

from common.rfc3339 import rfc3339
from store import models
from store.list_cursors import cursor_of_key, key_of_cursor
from store.models import AUDIT_KEEP_MS, AuditEntry
from store.mongo.database import Database, Document, stored_time

_NEWEST_FIRST = [("at", DESCENDING), ("n", DESCENDING)]


def audit_update(room_id: str, entry: Mapping[str, Any]) -> UpdateOne:
    """The write of an entry's `audit`. `n` orders those of one time."""
    at = entry["createdAt"]
    document = {
        **entry["audit"],
        "roomId": room_id,
        "n": entry["rev"],
        "at": at,
        "expiresAt": stored_time(int(at) + AUDIT_KEEP_MS),
    }
    return UpdateOne({"_id": f"{room_id}-{entry['rev']}"}, {"$setOnInsert": document}, upsert=True)


async def trim_audit(database: Database, room_id: str, rev: int) -> None:
    """Remove the room's entries past AUDIT_MAX, after the entry `rev` was applied. Each rev has one at most, so a room
    whose rev is not greater is not asked.
    """
    if rev <= models.AUDIT_MAX:
        return
    among = {"roomId": room_id}
    past = (
        await database.audit.find(among, {"at": 1, "n": 1})
        .sort(_NEWEST_FIRST)
        .skip(models.AUDIT_MAX)
        .limit(1)
        .to_list(1)
    )
    if past:
        at, n = past[0]["at"], past[0]["n"]
        await database.audit.delete_many({**among, "$or": [{"at": {"$lt": at}}, {"at": at, "n": {"$lte": n}}]})


class MongoAuditTrail:
    """store.contract.AuditTrail on MongoDB."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def page(self, room_id: str, *, limit: int, after: str | None) -> tuple[list[AuditEntry], str | None]:
        key = key_of_cursor(after, tuple[int, int])
        among: Document = {"roomId": room_id}
        if key is not None:
            at = stored_time(key[0])
            among["$or"] = [{"at": {"$lt": at}}, {"at": at, "n": {"$lt": key[1]}}]
        async with self._database.operation("audit.page"):
            found = await self._database.audit.find(among).sort(_NEWEST_FIRST).limit(limit + 1).to_list(None)
        following = None
        if len(found) > limit:
            last = found[limit - 1]
            following = cursor_of_key((int(last["at"]), last["n"]))
        return [_entry_from(document) for document in found[:limit]], following


def _entry_from(document: Mapping[str, Any]) -> AuditEntry:
    return AuditEntry(
        at=rfc3339(int(document["at"])),
        by=document["by"],
        action=document["action"],
        user_id=document.get("userId"),
        details=document["details"],
    )
