"""The replication lag of a replica set's secondaries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.database import Database as RawDatabase

from store.mongo import MongoStore
from store.mongo.store import lag_of

NOW = datetime(2027, 1, 15, tzinfo=UTC)


def members(**seconds_behind: float) -> dict[str, Any]:
    """The status of a replica set: `primary`, `secondary_1` …, each that many seconds behind."""
    states = {name: name.partition("_")[0].upper() for name in seconds_behind}
    return {
        "members": [
            {"stateStr": states[name], "optimeDate": NOW - timedelta(seconds=behind)}
            for name, behind in seconds_behind.items()
        ]
    }


@pytest.mark.parametrize(
    ("status", "lag_s"),
    [
        (members(primary=0, secondary_1=2, secondary_2=30), 30.0),
        (members(primary=1, secondary_1=0), 0.0),
        (members(primary=0), None),
        (members(secondary_1=0, secondary_2=9), None),
        (members(primary=0, arbiter=50_000, secondary_1=1), 1.0),
    ],
)
def test_the_lag_is_that_of_the_secondary_furthest_behind(status: dict[str, Any], lag_s: float | None) -> None:
    assert lag_of(status) == lag_s


@pytest.mark.gen_test
async def test_without_a_replica_set_there_is_no_lag(store: MongoStore, raw: RawDatabase[dict[str, Any]]) -> None:
    if "setName" not in raw.client.admin.command("isMaster"):
        assert (await store.inspect()).replication_lag_s is None


@pytest.mark.real_mongod
@pytest.mark.gen_test
async def test_a_replica_sets_lag_is_told(store: MongoStore, raw: RawDatabase[dict[str, Any]]) -> None:
    if len(raw.client.admin.command("hello").get("hosts", ())) < 2:
        pytest.skip("need a replica set of several: set MONGO_URI to one")
    raw.messages.insert_one({"roomId": "r", "seq": 1})
    lag_s = (await store.inspect()).replication_lag_s
    assert lag_s is not None
    assert 0 <= lag_s < 60
