"""The schema version of a database, and which programs may run on it."""

from __future__ import annotations

from typing import Any

import pytest
from pymongo.database import Database as RawDatabase

from common.startup_error import StartupError
from store.mongo.schema_version import VERSION
from tests.support.clock import START_MS
from tests.unit.store.mongo.conftest import Open

Raw = RawDatabase[dict[str, Any]]


def marked(raw: Raw, version: int, compatible_from: int) -> None:
    mark = {"version": version, "compatibleFrom": compatible_from}
    raw["meta"].update_one({"_id": "schema"}, {"$set": mark}, upsert=True)


@pytest.mark.gen_test
async def test_sessions_of_before_begin_when_the_database_gets_its_version(open_mongo: Open, raw: Raw) -> None:
    raw["sessions"].insert_one({"_id": "s1", "userId": "u1", "generation": 1, "rotatedAt": 1, "expiresAt": 2})
    store = await open_mongo()
    session = await store.sessions.get("s1")
    assert session is not None
    assert session.began_at_ms == START_MS
    found = raw["meta"].find_one({"_id": "schema"})
    assert found is not None
    assert found["version"] == VERSION


@pytest.mark.gen_test
async def test_a_newer_database_is_run_on_if_it_is_marked_compatible_and_refused_in_one_line_if_not(
    open_mongo: Open, raw: Raw
) -> None:
    marked(raw, VERSION + 2, VERSION)
    store = await open_mongo()
    assert await store.users.create(username="ann", email="ann@example.org", password_hash="hash")
    found = raw["meta"].find_one({"_id": "schema"})
    assert found is not None
    assert found["version"] == VERSION + 2, "it is left as it is"
    marked(raw, VERSION + 2, VERSION + 1)
    with pytest.raises(StartupError, match="upgrade") as refused:
        await open_mongo()
    assert "\n" not in str(refused.value)
