from __future__ import annotations

import logging
from typing import Any

import pymongo
import pytest
from pymongo.database import Database as RawDatabase

from store.errors import StartRefused
from store.mongo import MongoStore
from store.mongo.indexes import INDEXES, Index
from tests.unit.store.mongo.conftest import Open

Raw = RawDatabase[dict[str, Any]]


def test_what_must_be_unique_and_what_must_expire_has_its_index() -> None:
    unique = {(index.collection, *(field for field, _ in index.keys)) for index in INDEXES if index.options.get("unique")}
    assert {
        ("messages", "roomId", "seq"),
        ("messages", "roomId", "userId", "clientId"),
        ("changes", "roomId", "rev"),
        ("users", "usernameFolded"),
        ("users", "emailFolded"),
        ("members", "roomId", "userId"),
        ("reactions", "roomId", "seq", "emoji", "userId"),
        ("rooms", "directKey"),
    } <= unique
    expiring = {index.collection for index in INDEXES if "expireAfterSeconds" in index.options}
    assert expiring == {"sessions", "changes", "members", "reactions"}
    assert len({(index.collection, index.name) for index in INDEXES}) == len(INDEXES)


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """The indexes that the log says were made."""
    records = [record for record in caplog.records if record.name == "store.mongo.indexes"]
    return [(record.fields["collection"], record.fields["index"]) for record in records]  # type: ignore[attr-defined]


@pytest.mark.gen_test
async def test_the_first_start_makes_them_all_and_says_so_and_the_second_none(
    open_mongo: Open, raw: Raw, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "store.mongo.indexes"):
        await open_mongo()
        made = told(caplog)
        caplog.clear()
        await open_mongo()
        assert told(caplog) == []
    assert made == [(index.collection, index.name) for index in INDEXES]
    for index in INDEXES:
        assert index.name in raw[index.collection].index_information()


@pytest.mark.parametrize(
    ("index", "keys", "kind"),
    [
        (("messages", "room_seq"), [("roomId", 1), ("seq", -1)], {"unique": True}),
        (("messages", "room_seq"), [("roomId", 1), ("seq", 1)], {}),
        (("sessions", "expires"), [("expiresAt", 1)], {"expireAfterSeconds": 60}),
        (("sessions", "expires"), [("expiresAt", 1)], {}),
        (("rooms", "direct"), [("directKey", 1)], {"unique": True}),
        (("members", "user_rooms"), [("userId", 1)], {}),
        (("users", "username"), [("username", 1)], {"unique": True}),
    ],
)
@pytest.mark.gen_test
async def test_one_that_differs_stops_the_start_by_name(
    open_mongo: Open, raw: Raw, index: tuple[str, str], keys: list[tuple[str, int]], kind: dict[str, Any]
) -> None:
    collection, name = index
    raw[collection].create_index(keys, name=name, **kind)
    with pytest.raises(StartRefused) as refused:
        await open_mongo()
    assert f"{collection}.{name}" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.gen_test
async def test_values_that_are_there_twice_stop_the_start_by_the_indexs_name(open_mongo: Open, raw: Raw) -> None:
    raw.messages.insert_many([{"roomId": "r", "seq": 1, "userId": "u", "clientId": str(number)} for number in range(2)])
    with pytest.raises(StartRefused) as refused:
        await open_mongo()
    assert "messages.room_seq" in str(refused.value)


@pytest.mark.gen_test
async def test_one_that_is_dropped_shows_in_the_inspection(store: MongoStore, raw: Raw) -> None:
    assert (await store.inspect()).wrong_indexes == ()
    raw.messages.drop_index("room_created")
    raw.sessions.drop_index("by_user")
    raw.sessions.create_index([("userId", -1)], name="by_user")
    assert (await store.inspect()).wrong_indexes == ("messages.room_created", "sessions.by_user")


def test_an_index_is_made_as_the_table_says() -> None:
    index = Index("c", "n", (("a", pymongo.ASCENDING), ("b", pymongo.DESCENDING)), {"unique": True})
    assert index.model().document == {"name": "n", "key": {"a": 1, "b": -1}, "unique": True}
