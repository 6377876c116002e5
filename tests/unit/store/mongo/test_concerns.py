"""The read and write concerns that the driver sends: a read after an acknowledged write must find it, also on a replica
set.
"""

from __future__ import annotations

import threading
from typing import Any

import pytest
from pymongo import monitoring

from monitor.observer import Observer
from store.mongo import MongoOptions
from store.mongo.client import connect
from store.mongo.database import Database
from tests.support.clock import HandClock


class SentCommands(monitoring.CommandListener):
    """The commands that the driver sent, by name."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # it is called on the driver's threads
        self.commands: list[tuple[str, dict[str, Any]]] = []

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        with self._lock:
            self.commands.append((event.command_name, dict(event.command)))

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Not recorded."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Not recorded."""


@pytest.mark.parametrize(("concern", "w", "level"), [("majority", "majority", "majority"), ("1", 1, "local")])
@pytest.mark.gen_test
async def test_reads_wait_for_a_majority_only_where_writes_do(
    mongo_uri: str, database_name: str, concern: str, w: str | int, level: str
) -> None:
    options, sent = MongoOptions(uri=mongo_uri, db_name=database_name, write_concern=concern), SentCommands()
    database = Database(
        client=connect(options, listeners=(sent,)),
        name=database_name,
        write_concern=options.w,
        timeout_s=5.0,
        observer=Observer(),
        now_ms=HandClock(),
    )
    async with database.operation("rooms.test"):
        await database.rooms.insert_one({"_id": "r"})
        await database.rooms.find_one({"_id": "r"})
        await database.rooms.aggregate([{"$match": {"_id": "r"}}]).to_list(None)
        await database.raw["leases"].find_one({"_id": "r"})
    await database.close()
    concerns = [(name, command.get("readConcern"), command.get("writeConcern")) for name, command in sent.commands]
    assert [one for one in concerns if one[0] in ("insert", "find", "aggregate")] == [
        ("insert", None, {"w": w, "j": True}),
        ("find", {"level": level}, None),
        ("aggregate", {"level": level}, None),
        ("find", {"level": level}, None),
    ]
