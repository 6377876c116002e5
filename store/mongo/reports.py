"""The reports collection: messages that were reported to moderators. A report changes nothing of the room, so it is no
entry of the changes log.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import structs
from pymongo import DESCENDING
from pymongo.errors import DuplicateKeyError

from common.rfc3339 import rfc3339
from store import room_rules
from store.list_cursors import cursor_of_key, key_of_cursor
from store.models import DELETED_USERNAME, REPORT_KEEP_MS, Message, Report
from store.mongo.database import Database, Document, stored_time
from store.mongo.ended_accounts import ended_among

_NEWEST_FIRST = [("reportedAt", DESCENDING), ("seq", DESCENDING), ("by", DESCENDING)]


class MongoReports:
    """store.contract.Reports on MongoDB. Reports at the same moment may pass a room's bounds by their number."""

    def __init__(self, *, database: Database) -> None:
        self._database = database
        self._reports = database.reports

    async def add(self, message: Message, by_id: str, reason: str) -> bool:
        of_room = {"roomId": message.room_id}
        now_ms = self._database.clock()
        document = {
            **of_room,
            "seq": message.seq,
            "by": by_id,
            "reason": reason,
            "message": msgspec.json.encode(message).decode(),  # it is shown and never queried
            "reportedAt": stored_time(now_ms),
            "expiresAt": stored_time(now_ms + REPORT_KEEP_MS),
        }
        async with self._database.operation("reports.add", write=True):
            if await self._reports.find_one({**of_room, "by": by_id, "seq": message.seq}, {"_id": 1}) is not None:
                return False
            count = await self._reports.count_documents(of_room)
            of_one = await self._reports.count_documents({**of_room, "by": by_id})
            room_rules.require_place_for_report(count, of_one=of_one)
            try:
                await self._reports.insert_one(document)
            except DuplicateKeyError:
                return False
        return True

    async def page(self, room_id: str, *, limit: int, after: str | None) -> tuple[list[Report], str | None]:
        key = key_of_cursor(after, tuple[int, int, str])
        among: Document = {"roomId": room_id}
        if key is not None:
            at = stored_time(key[0])
            among["$or"] = [
                {"reportedAt": {"$lt": at}},
                {"reportedAt": at, "seq": {"$lt": key[1]}},
                {"reportedAt": at, "seq": key[1], "by": {"$lt": key[2]}},
            ]
        async with self._database.operation("reports.page"):
            found = await self._reports.find(among).sort(_NEWEST_FIRST).limit(limit + 1).to_list(None)
            reports = [_report_from(document) for document in found[:limit]]
            ended = await ended_among(self._database, {report.message.user_id for report in reports})
        following = None
        if len(found) > limit:
            last = found[limit - 1]
            following = cursor_of_key((int(last["reportedAt"]), last["seq"], last["by"]))
        return [_without_name(one) if one.message.user_id in ended else one for one in reports], following


def _report_from(document: dict[str, Any]) -> Report:
    return Report(
        message=msgspec.json.decode(document["message"], type=Message),
        by=document["by"],
        reason=document["reason"],
        at=rfc3339(int(document["reportedAt"])),
    )


def _without_name(report: Report) -> Report:
    return structs.replace(report, message=structs.replace(report.message, username=DELETED_USERNAME))
