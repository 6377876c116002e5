"""The monitoring collection: one document for each minute of a process, with all its metrics.

It has no TTL index: the caller of `forget` decides how long minutes are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pymongo import UpdateOne

from monitor.history_minute import MinutePoint
from store.mongo.database import Database, Document
from store.mongo.lookup_stages import Pipeline

SLICE_DOCUMENTS = 200


def metric_steps(source: str, metric: str, *, since: int, until: int, step: int) -> Pipeline:
    """The minutes of one metric from `since` up to `until` (exclusive), merged by step. On monitoring.

    `metric` is a name of this program, never a client's.
    """
    value = f"metrics.{metric}"
    return [
        {"$match": {"source": source, "minute": {"$gte": since, "$lt": until}, f"{value}.samples": {"$exists": True}}},
        {
            "$group": {
                "_id": {"$subtract": ["$minute", {"$mod": ["$minute", step]}]},
                "least": {"$min": f"${value}.least"},
                "total": {"$sum": f"${value}.total"},
                "most": {"$max": f"${value}.most"},
                "samples": {"$sum": f"${value}.samples"},
            }
        },
        {"$sort": {"_id": 1}},
    ]


class MongoMonitoring:
    """store.contract.Monitoring on MongoDB."""

    def __init__(self, *, database: Database, slice_documents: int = SLICE_DOCUMENTS) -> None:
        self._database = database
        self._points = database.monitoring
        self._slice_documents = slice_documents

    async def append(self, source: str, points: Sequence[MinutePoint]) -> None:
        if not points:
            return
        updates: dict[int, dict[str, Document]] = {}
        for point in points:
            update = updates.setdefault(point.minute, {"$min": {}, "$inc": {}, "$max": {}})
            name = f"metrics.{point.metric}"
            update["$min"][f"{name}.least"] = point.least
            update["$max"][f"{name}.most"] = point.most
            update["$inc"] |= {f"{name}.total": point.total, f"{name}.samples": point.samples}
        writes = [
            UpdateOne({"source": source, "minute": minute}, update, upsert=True) for minute, update in updates.items()
        ]
        async with self._database.operation("monitoring.append", write=True):
            await self._points.bulk_write(writes, ordered=False)

    async def read(
        self, source: str, metric: str, *, since_minute: int, until_minute: int, step_minutes: int
    ) -> list[MinutePoint]:
        pipeline = metric_steps(source, metric, since=since_minute, until=until_minute, step=step_minutes)
        async with self._database.operation("monitoring.read"):
            found: list[Document] = await self._points.aggregate(pipeline).to_list(None)
        return [
            MinutePoint(
                metric,
                int(step["_id"]),
                float(step["least"]),
                float(step["total"]),
                float(step["most"]),
                int(step["samples"]),
            )
            for step in found
        ]

    async def forget(self, before_minute: int) -> int:
        old: dict[str, Any] = {"minute": {"$lt": before_minute}}
        async with self._database.operation("monitoring.forget", write=True):
            found = await self._points.find(old, {"_id": 1}).limit(self._slice_documents).to_list(None)
            if not found:
                return 0
            return (
                await self._points.delete_many({"_id": {"$in": [document["_id"] for document in found]}})
            ).deleted_count
