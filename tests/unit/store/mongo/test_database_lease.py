"""The lease of a database: its holder goes on renewing it after any error, and notices when it is lost."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from pymongo.database import Database as RawDatabase
from pymongo.errors import OperationFailure

from store.errors import StoreUnavailable
from store.mongo import MongoStore, database_lease

Raw = RawDatabase[dict[str, Any]]


class FailingLeases:
    """Replaces the collection of leases: the first `failures` updates raise `error`, later ones reach it."""

    def __init__(self, leases: Any, error: Exception, failures: int) -> None:
        self._leases = leases
        self._error = error
        self.failures_left = failures
        self.succeeded = asyncio.Event()

    async def update_one(self, *arguments: Any) -> Any:
        if self.failures_left:
            self.failures_left -= 1
            raise self._error
        result = await self._leases.update_one(*arguments)
        self.succeeded.set()
        return result

    def __getattr__(self, name: str) -> Any:
        return getattr(self._leases, name)


@pytest.mark.parametrize(
    ("error", "lines"),
    [(OperationFailure("no such command", 59), 1), (RuntimeError("a defect"), 1), (StoreUnavailable("io"), 0)],
)
@pytest.mark.gen_test
async def test_a_beat_that_fails_in_any_way_is_tried_again_and_told_once(
    store: MongoStore,
    raw: Raw,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
    lines: int,
) -> None:
    monkeypatch.setattr(database_lease, "BEAT_S", 0.01)
    lease = store.lease("ours")
    await lease.acquire()
    lease._leases = failing_leases = FailingLeases(lease._leases, error, failures=3)
    with caplog.at_level(logging.ERROR, "store.mongo.database_lease"):
        await asyncio.wait_for(failing_leases.succeeded.wait(), 30)
        assert len(caplog.records) == lines
        assert not lease.lost.is_set()
        # another process took the lease over while this one could not renew it
        raw.leases.update_one({}, {"$set": {"holder": "theirs"}})
        await asyncio.wait_for(lease.lost.wait(), 30)
    await lease.release()
    assert raw.leases.count_documents({"holder": "theirs"}) == 1
